"""What the stand-in does when nothing is broken: the rules of cin7's reference, one by one."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.cin7_omni.sandbox.quota import CIN7_WINDOWS
from hub.hookspecs import QuotaWindow
from tests.integration.cin7_calls import Cin7Calls, note, serve_cin7

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MALFORMED = "Missing or malformed JSON data; please see the documentation for examples."


@pytest.fixture
async def cin7() -> AsyncIterator[Cin7Calls]:
    async with serve_cin7() as calls:
        yield calls


@pytest.mark.parametrize("credentials", [None, ("sandbox", "wrong"), ("x", "sandbox-key")])
async def test_wrong_credentials_are_refused_with_a_bare_string(
    cin7: Cin7Calls, credentials: tuple[str, str] | None
) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(*credentials)} if credentials else {}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{cin7.base}/v1/Branches") as reply:
        assert (reply.status, await reply.json()) == (401, "Unauthorized access")


async def test_permission_that_is_not_ticked_is_403() -> None:
    async with serve_cin7(permissions={("CreditNotes", "read")}) as cin7:
        assert await cin7.get("CreditNotes") == []
        refused = await cin7.call("POST", "/v1/CreditNotes", data=json.dumps([note()]))
        assert (refused.status, refused.json) == (403, "Access is forbidden")
        assert (await cin7.call("GET", "/v1/Branches")).status == 403
        cin7.sandbox.permissions.add(("Branches", "read"))
        assert (await cin7.call("GET", "/v1/Branches")).status == 200


async def test_unknown_resource_id_and_method_are_told_apart(cin7: Cin7Calls) -> None:
    for path in ("/v1/Nothing", "/v1/CreditNotes/1", "/v1/CreditNotes/one", "/v2/CreditNotes", "/"):
        answer = await cin7.call("GET", path)
        assert (answer.status, answer.json) == (404, "Resource not found")
    assert (await cin7.call("DELETE", "/v1/CreditNotes")).status == 405
    assert (await cin7.call("POST", "/v1/Branches", data="[{}]")).status == 405


@pytest.mark.parametrize("body", ["", "{", json.dumps(note()), "[]", "[1]", "null", '[{"total": NaN}]'])
async def test_anything_but_an_array_of_objects_is_malformed(cin7: Cin7Calls, body: str) -> None:
    answer = await cin7.call("POST", "/v1/CreditNotes", data=body)
    assert (answer.status, answer.json) == (400, MALFORMED)


async def test_value_of_a_wrong_type_fails_the_whole_batch(cin7: Cin7Calls) -> None:
    for wrong in (
        {"branchId": "3"},
        {"freightTotal": "1.00"},
        {"creditNoteDate": "2026-03-01"},
        {"email": 5},
    ):
        answer = await cin7.call("POST", "/v1/CreditNotes", data=json.dumps([note(), note("B", **wrong)]))
        assert (answer.status, answer.json) == (400, MALFORMED), wrong
    assert cin7.sandbox.documents() == []


async def test_batch_above_250_is_refused(cin7: Cin7Calls) -> None:
    many = [note(f"R{n}") for n in range(251)]
    answer = await cin7.call("POST", "/v1/CreditNotes", data=json.dumps(many))
    assert (answer.status, answer.json) == (400, "Batch limit is 250.")
    assert cin7.sandbox.documents() == []
    assert all(result["success"] for result in await cin7.write(*many[:250]))


async def test_each_record_has_a_result_of_its_own(cin7: Cin7Calls) -> None:
    good, long, unsold = note("A"), note("B" * 31), note("C", salesReference="")
    results = await cin7.write(
        good, long, unsold, note("D", stage="New"), note("E", status="VOID"), note("F")
    )
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4, 5]
    assert [result["success"] for result in results] == [True, False, False, False, False, True]
    assert [result["code"] for result in results] == ["A", None, None, None, None, "F"]
    assert results[1]["id"] == 0
    assert "30 characters" in results[1]["errors"][0]
    assert "salesReference" in results[2]["errors"][0]
    assert "stage" in results[3]["errors"][0]
    assert "read-only" in results[4]["errors"][0]


async def test_field_names_are_read_without_case(cin7: Cin7Calls) -> None:
    await cin7.write({"REFERENCE": "A", "salesreference": "#1", "LineItems": [{"Name": "fee", "Qty": -1}]})
    (made,) = await cin7.get("creditnotes")
    assert (made["reference"], made["lineItems"][0]["name"]) == ("A", "fee")


async def test_reference_is_unique_within_and_across_batches(cin7: Cin7Calls) -> None:
    within = await cin7.write(note("A"), note("a"))
    across = await cin7.write(note("A"))
    assert [result["success"] for result in within + across] == [True, False, False]
    assert len(cin7.sandbox.documents()) == 1


async def test_references_need_not_be_unique_when_the_account_says_so() -> None:
    async with serve_cin7(has_unique_references=False) as cin7:
        assert all(result["success"] for result in await cin7.write(note("A"), note("A")))


async def test_blank_reference_is_made_by_cin7(cin7: Cin7Calls) -> None:
    (result,) = await cin7.write(note(""))
    assert result["success"]
    assert result["code"]


async def test_draft_is_approved_by_put_and_nothing_else_changes(cin7: Cin7Calls) -> None:
    (result,) = await cin7.write(note("A", isApproved=False, internalComments="hello"))
    before = await cin7.get(f"CreditNotes/{result['id']}")
    assert before["status"] == "DRAFT"
    cin7.clock.move(seconds=5)
    (put,) = await cin7.write({"id": result["id"], "isApproved": True, "email": None}, method="PUT")
    after = await cin7.get(f"CreditNotes/{result['id']}")
    assert put == {"index": 0, "success": True, "id": result["id"], "code": "A", "errors": []}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"isApproved", "status", "modifiedDate"}
    assert after["status"] == "APPROVED"


async def test_put_clears_with_an_empty_string_and_refuses_what_is_not_there(cin7: Cin7Calls) -> None:
    (made,) = await cin7.write(note("A", internalComments="hello"))
    results = await cin7.write(
        {"id": made["id"], "internalComments": ""}, {"id": 1}, {"isApproved": True}, method="PUT"
    )
    assert [result["success"] for result in results] == [True, False, False]
    assert (await cin7.get(f"CreditNotes/{made['id']}"))["internalComments"] == ""
    cin7.sandbox.void("A")
    (refused,) = await cin7.write({"id": made["id"], "isApproved": True}, method="PUT")
    assert not refused["success"]


async def test_amounts_keep_every_digit(cin7: Cin7Calls) -> None:
    price = Decimal("12345678901234.123456")
    lines = [{"code": "SKU-001", "qty": -3, "unitPrice": price, "discount": Decimal("0.10")}]
    body = note(lineItems=lines, freightTotal=Decimal("4.05"), surcharge=1, discountTotal=2)
    (made,) = await cin7.write(body)
    row = await cin7.get(f"CreditNotes/{made['id']}")
    assert row["lineItems"][0]["unitPrice"] == price
    assert row["total"] == 3 * price - Decimal("0.10") + Decimal("4.05") + 1 - 2
    assert cin7.sandbox.documents()[0]["total"] == str(row["total"])


async def test_tax_comes_on_top_only_of_net_prices(cin7: Cin7Calls) -> None:
    rate = {"taxRate": 20}
    await cin7.write(note("A", taxStatus="Incl", **rate), note("B", taxStatus="Excl", **rate))
    assert [each["total"] for each in cin7.sandbox.documents()] == ["10.00", "12.00"]


async def test_line_with_a_positive_quantity_charges(cin7: Cin7Calls) -> None:
    lines = [
        {"code": "SKU-001", "qty": -2, "unitPrice": 10},
        {"name": "Restocking fee", "qty": -1, "unitPrice": -3},
        {"name": "Label", "qty": 1, "unitPrice": 4},
    ]
    await cin7.write(note(lineItems=lines))
    (document,) = cin7.sandbox.documents()
    assert document["total"] == "13.00"
    assert [line["quantity"] for line in document["lines"]] == ["2", "1", "-1"]


async def test_line_is_linked_by_option_code_or_barcode_and_unknown_codes_are_taken(cin7: Cin7Calls) -> None:
    option = next(each for each in cin7.sandbox.records("ProductOptions") if each["code"] == "SKU-005")
    lines: list[dict[str, Any]] = [
        {"productOptionId": option["id"], "qty": -1},
        {"code": "sku-005", "qty": -1},
        {"barcode": option["barcode"], "qty": -1},
        {"code": "NOT-THERE", "qty": -1, "unitPrice": 1},
    ]
    (made,) = await cin7.write(note(lineItems=lines))
    rows = (await cin7.get(f"CreditNotes/{made['id']}"))["lineItems"]
    assert [(row["code"], row["productOptionId"]) for row in rows] == [
        *[("SKU-005", option["id"])] * 3,
        ("NOT-THERE", 0),
    ]
    assert rows[2]["unitPrice"] == option["retailPrice"]
    results = await cin7.write(
        note("B", lineItems=[{"productOptionId": 1, "qty": -1}]),
        note("C", lineItems=[{"code": "SKU-001"}]),
        note("D", lineItems=[{"qty": -1}]),
    )
    assert [result["success"] for result in results] == [False, False, False]


async def test_member_is_linked_by_address_and_an_unknown_one_is_kept(cin7: Cin7Calls) -> None:
    contact = cin7.sandbox.records("Contacts")[0]
    await cin7.write(note("A", memberEmail=contact["email"].upper()), note("B", memberEmail="no@example.com"))
    known, unknown = await cin7.get("CreditNotes")
    assert known["memberId"] == contact["id"]
    assert (unknown["memberId"], unknown["memberEmail"]) == (0, "no@example.com")
    (refused,) = await cin7.write(note("C", memberId=1))
    assert not refused["success"]


async def test_branch_defaults_to_the_main_one(cin7: Cin7Calls) -> None:
    main, returns, *_ = cin7.sandbox.records("Branches")
    results = await cin7.write(note("A"), note("B", branchId=returns["id"]), note("C", branchId=1))
    assert [result["success"] for result in results] == [True, True, False]
    assert [row["branchId"] for row in await cin7.get("CreditNotes")] == [main["id"], returns["id"]]


async def test_completed_date_at_creation_restocks_at_once(cin7: Cin7Calls) -> None:
    where = "code='SKU-001'"
    before = (await cin7.get("Stock", where=where))[0]["stockOnHand"]
    (made,) = await cin7.write(note("A", completedDate="2026-03-01T10:00:00.123Z"))
    row = await cin7.get(f"CreditNotes/{made['id']}")
    assert row["completedDate"] == "2026-03-01T10:00:00Z"
    assert row["lineItems"][0]["qtyShipped"] == 1
    assert (await cin7.get("Stock", where=where))[0]["stockOnHand"] == before + 1


async def test_payment_needs_a_transaction_and_shows_its_reference(cin7: Cin7Calls) -> None:
    (made,) = await cin7.write(note("A"))
    good = {"orderId": made["id"], "amount": Decimal("10.50"), "method": "Cash", "isAuthorized": True}
    results = await cin7.write(good, {"orderId": 1, "amount": 1}, {"orderId": made["id"]}, to="Payments")
    assert [result["success"] for result in results] == [True, False, False]
    (payment,) = await cin7.get("Payments", where=f"orderId={made['id']}")
    assert (payment["orderRef"], payment["amount"]) == ("A", Decimal("10.50"))


async def test_contact_needs_a_type_and_an_address_of_its_own(cin7: Cin7Calls) -> None:
    new = {"type": "Customer", "email": "new@example.com"}
    results = await cin7.write(new, new, {"email": "other@example.com"}, to="Contacts")
    assert [result["success"] for result in results] == [True, False, False]
    assert results[0]["code"] == "new@example.com"
    assert len(await cin7.get("Contacts", where="email='new@example.com'")) == 1


async def test_sales_orders_can_be_placed_and_found(cin7: Cin7Calls) -> None:
    order = {"reference": "EU/1", "customerOrderNo": "#9'1", "lineItems": [{"code": "SKU-002", "qty": 2}]}
    (made,) = await cin7.write(order, to="SalesOrders")
    (found,) = await cin7.get("SalesOrders", where="customerOrderNo='#9''1'")
    assert found["id"] == made["id"]
    assert found["total"] > 0
    placed = cin7.sandbox.add_sales_order(
        "EU/2", [{"code": "SKU-003", "qty": 1, "unitPrice": 5}], currency="GBP"
    )
    assert (await cin7.get(f"SalesOrders/{placed['id']}"))["currencyCode"] == "GBP"


async def test_lists_are_paged_in_id_order_and_capped_at_250(cin7: Cin7Calls) -> None:
    await cin7.write(*[note(f"R{n}") for n in range(60)])
    first, second, third = [await cin7.get("CreditNotes", page=page) for page in ("1", "2", "3")]
    ids = [row["id"] for row in first + second]
    assert (len(first), len(second), third) == (50, 10, [])
    assert ids == sorted(ids)
    too_many = await cin7.call("GET", "/v1/CreditNotes", params={"rows": "251"})
    assert (too_many.status, too_many.json) == (400, "The rows argument cannot be greater than 250.")
    newest = await cin7.get("CreditNotes", order="id DESC", rows="1", fields="id, reference")
    assert newest == [{"id": ids[-1], "reference": "R59"}]


@pytest.mark.parametrize(
    "query",
    [
        {"where": "ModifiedDate>=2026-03-01"},
        {"where": "ModifiedDate>='2026-03-01'"},
        {"where": "nonsense='x'"},
        {"where": "reference='x"},
        {"order": "nonsense"},
        {"order": "id UPWARDS"},
        {"fields": "nonsense"},
        {"page": "0"},
        {"rows": "many"},
    ],
)
async def test_query_that_cannot_be_read_is_400(cin7: Cin7Calls, query: dict[str, str]) -> None:
    answer = await cin7.call("GET", "/v1/CreditNotes", params=query)
    assert answer.status == 400
    assert isinstance(answer.json, str)


async def test_query_string_that_is_too_long_is_a_404_page(cin7: Cin7Calls) -> None:
    ids = ",".join(str(10_000 + n) for n in range(400))
    answer = await cin7.call("GET", "/v1/CreditNotes", params={"where": f"id IN ({ids})"})
    assert answer.status == 404
    assert answer.text.startswith("<html>")


async def test_bulk_edit_gives_many_rows_one_time_and_id_beside_it_is_dropped(cin7: Cin7Calls) -> None:
    results = await cin7.write(note("A"), note("B"), note("C"))
    ids = [result["id"] for result in results]
    cin7.clock.move(minutes=1)
    cin7.sandbox.bulk_touch(ids[:2])
    watermark = "2026-03-01T12:01:00Z"
    touched = await cin7.get("CreditNotes", where=f"ModifiedDate>'{watermark}'", order="ModifiedDate ASC")
    assert [row["id"] for row in touched] == ids[:2]
    trapped = await cin7.get("CreditNotes", where=f"ModifiedDate>='{watermark}' AND Id>{ids[0]}")
    assert [row["id"] for row in trapped] == ids[:2]
    assert len(await cin7.get("CreditNotes", where=f"id IN ({ids[0]},{ids[2]})")) == 2


async def test_each_quota_window_refuses_with_the_text_seen_live() -> None:
    limits = "Calls are limited to 3 per second, 60 per minute and 5000 per day."
    async with serve_cin7(quota=CIN7_WINDOWS) as cin7:
        statuses = [(await cin7.call("GET", "/v1/Branches")).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        cin7.clock.move(seconds=1)
        answers = []
        for _ in range(60):
            answers.append(await cin7.call("GET", "/v1/Branches"))
            cin7.clock.move(milliseconds=500)
        assert [answer.status for answer in answers[:57]] == [200] * 56 + [429]
        assert answers[56].text == limits


async def test_failed_calls_count_toward_the_quota_and_the_window_slides() -> None:
    window = QuotaWindow(calls=2, per=timedelta(days=1))
    async with serve_cin7(quota=[window]) as cin7:
        statuses = [(await cin7.call("GET", "/v1/Nothing")).status for _ in range(2)]
        statuses.append((await cin7.call("GET", "/v1/Branches")).status)
        cin7.clock.move(days=1)
        statuses.append((await cin7.call("GET", "/v1/Branches")).status)
        assert statuses == [404, 404, 429, 200]


async def test_same_seed_gives_the_same_account() -> None:
    async with serve_cin7() as one, serve_cin7() as same:
        for resource in (
            "Branches",
            "ProductOptions",
            "SalesOrders",
            "Stock",
            "Products",
            "ProductCategories",
        ):
            rows = await one.get(resource, rows="250")
            assert rows
            assert rows == await same.get(resource, rows="250")
