"""The connector's hooks against a sandbox over real HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connectors.cin7_omni import plugin
from connectors.cin7_omni.checking import ACTIONS
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import Connection, Delivery, OpenDocument
from hub.outcomes import PermissionState, Prepared, ReceiptVerdict, Rejected, SightingKind, Verdict
from hub.sandbox import Fault
from tests.support.cin7 import delivery, item, open_sandbox, price, rma

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.outcomes import Document, Outcome, Receipt


def deliveries(count: int, first: int = 1) -> list[Delivery]:
    """Deliveries of different returns of different orders, names of twelve characters."""
    return [
        delivery(number, rma(str(41_500_000 + number), f"STORE-{number:06}"))
        for number in range(first, first + count)
    ]


async def prepared(connection: Connection, batch: Sequence[Delivery]) -> list[Delivery]:
    made = await plugin.prepare(connection, batch)
    results = []
    for each, result in zip(batch, made, strict=True):
        assert isinstance(result, Prepared), result
        results.append(replace(each, prepared=result, references=(result.reference,)))
    return results


async def create(connection: Connection, batch: Sequence[Delivery]) -> list[Outcome]:
    return list(await plugin.on_rma_approved(connection, batch))


async def poll(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument] = ()
) -> tuple[dict[str, Receipt], str]:
    receipts: dict[str, Receipt] = {}
    while True:
        page = await plugin.poll_validations(connection, cursor, open_documents)
        receipts |= {receipt.document_id: receipt for receipt in page.receipts}
        cursor = page.cursor
        if not page.more:
            return receipts, cursor


async def test_connect_names_every_permission_and_branch_in_nine_calls() -> None:
    async with open_sandbox() as (sandbox, connection, http):
        sandbox.permissions.discard(("Contacts", "read"))
        report = await plugin.connect(connection)
        assert len(http.calls) == 9
        states = {(each.resource, each.action): each.state for each in report.permissions}
        assert set(states) == {
            (resource, action) for resource, actions in ACTIONS.items() for action in actions
        }
        assert states["CreditNotes", "read"] is PermissionState.GRANTED
        assert states["CreditNotes", "create"] is PermissionState.UNPROVABLE
        assert [(each.resource, each.action) for each in report.missing] == [("Contacts", "read")]
        assert "tick Read for Contacts" in report.missing[0].advice
        assert report.locations
        assert all(location.location_id.isdigit() and location.name for location in report.locations)
        assert not any(call["method"] != "GET" for call in sandbox.calls())


async def test_connect_with_a_wrong_key_raises_and_says_so() -> None:
    async with open_sandbox(Cin7Sandbox(quota=(), api_key="other")) as (_, connection, _):
        with pytest.raises(AuthError) as error:
            await plugin.connect(connection)
        assert error.value.kind == "unauthorized"


async def test_connect_warns_of_others_who_write_credit_notes() -> None:
    async with open_sandbox() as (_, connection, http):
        assert (await plugin.connect(connection)).warnings == ()
        stranger = '{"reference":"SHOP-1","salesReference":"STORE-000001"}'
        strange = replace(
            delivery(), prepared=Prepared(delivery_id="d1", reference="SHOP-1", request=stranger)
        )
        await create(connection, [strange])
        assert "were not made by the hub" in (await plugin.connect(connection)).warnings[0]
        unchecked = replace(
            connection, settings=connection.settings.model_copy(update={"check_double_credit": False})
        )
        await create(unchecked, await prepared(unchecked, deliveries(1)))
        assert "stand on orders that the hub credited too" in (await plugin.connect(connection)).warnings[0]
        assert http.calls


async def test_a_batch_becomes_notes_with_exact_lines_and_totals() -> None:
    items = (
        item(1),
        item(2),
        item(3, sku="SKU-002", paid=price("261.68"), tax=price("26.17"), is_tax_included=False),
    )
    batch = [delivery(1, rma(order_name="#10'01", items=items)), *deliveries(2, first=2)]
    async with open_sandbox() as (sandbox, connection, _):
        ready = await prepared(connection, batch)
        outcomes = await create(connection, ready)
        assert [outcome.verdict for outcome in outcomes] == [Verdict.CREATED] * 3
        documents = sandbox.documents()
        assert [each["reference"] for each in documents] == [
            each.prepared.reference for each in ready if each.prepared
        ]
        first = documents[0]
        assert (first["sales_reference"], first["currency"]) == ("#10'01", "AUD")
        assert Decimal(first["total"]) == Decimal("307.85")
        assert {line["sku"]: Decimal(line["quantity"]) for line in first["lines"]} == {
            "SKU-001": Decimal(2),
            "SKU-002": Decimal(1),
        }
        assert all(Decimal(line["qty"]) < 0 for line in first["raw"]["lineItems"])
        assert outcomes[0].document is not None
        assert outcomes[0].document.document_id == first["id"]
        assert first["raw"]["completedDate"] is None


async def test_a_second_note_of_one_name_is_refused_by_itself() -> None:
    async with open_sandbox() as (sandbox, connection, _):
        ready = await prepared(connection, deliveries(2))
        await create(connection, ready[:1])
        outcomes = await create(connection, ready)
        assert [outcome.verdict for outcome in outcomes] == [Verdict.REJECTED, Verdict.CREATED]
        assert outcomes[0].reason.startswith("Cin7 Omni refused the credit note: ")
        assert len(sandbox.documents()) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop_before_write", InDoubtError),
        ("drop_after_write", InDoubtError),
        ("apply_partly_then_drop", InDoubtError),
        ("server_error_html", InDoubtError),
        ("cut_off_body", InDoubtError),
        ("empty_200", InDoubtError),
        ("unavailable", RetriableError),
        ("too_many_requests", RetriableError),
        ("unauthorized", AuthError),
        ("forbidden", AuthError),
    ],
)
async def test_a_fault_while_writing_says_what_to_do_and_the_look_tells_the_truth(
    fault: str, error: type[Exception]
) -> None:
    async with open_sandbox() as (sandbox, connection, _):
        ready = await prepared(connection, deliveries(4))
        sandbox.inject(Fault(name=fault, on="POST"))
        with pytest.raises(error) as raised:
            await create(connection, ready)
        if fault == "too_many_requests":
            assert isinstance(raised.value, RetriableError)
            assert raised.value.retry_after is not None
        made = {each["reference"]: each["id"] for each in sandbox.documents()}
        sightings = await plugin.find_documents(connection, ready)
        for each, sighting in zip(ready, sightings, strict=True):
            note_id = made.get(each.references[0])
            assert sighting.kind is (SightingKind.ABSENT if note_id is None else SightingKind.OURS)
            assert [document.document_id for document in sighting.documents] == ([note_id] if note_id else [])


@pytest.mark.parametrize("fault", ["wrong_order", "missing_result"])
async def test_results_that_are_not_in_their_place_are_in_doubt_and_found(fault: str) -> None:
    async with open_sandbox() as (sandbox, connection, _):
        ready = await prepared(connection, deliveries(5))
        sandbox.inject(Fault(name=fault, on="POST"))
        outcomes = await create(connection, ready)
        doubtful = [
            each for each, outcome in zip(ready, outcomes, strict=True) if outcome.verdict is Verdict.IN_DOUBT
        ]
        assert doubtful
        assert {outcome.verdict for outcome in outcomes} <= {Verdict.IN_DOUBT, Verdict.CREATED}
        sightings = await plugin.find_documents(connection, doubtful)
        assert [sighting.kind for sighting in sightings] == [SightingKind.OURS] * len(doubtful)


async def test_a_whole_batch_refused_unread_is_rejected() -> None:
    async with open_sandbox() as (_, connection, _):
        ready = await prepared(connection, deliveries(1))
        assert ready[0].prepared is not None
        broken = replace(ready[0], prepared=replace(ready[0].prepared, request='{"reference":'))
        with pytest.raises(RejectedError) as error:
            await create(connection, [broken])
        assert "Missing or malformed JSON data" in error.value.why


async def test_a_void_and_a_renamed_note_are_seen_as_what_they_are() -> None:
    async with open_sandbox() as (sandbox, connection, _):
        ready = await prepared(connection, deliveries(2))
        await create(connection, ready)
        sandbox.void(ready[0].references[0])
        kinds = [sighting.kind for sighting in await plugin.find_documents(connection, ready)]
        assert kinds == [SightingKind.VOID, SightingKind.OURS]
        lost = replace(ready[1], references=(), prepared=None)
        assert (await plugin.find_documents(connection, [lost]))[0].kind is SightingKind.OURS


async def test_shadow_mode_writes_nothing() -> None:
    async with open_sandbox(mode="shadow") as (sandbox, connection, _):
        ready = await prepared(connection, deliveries(2))
        outcomes = await create(connection, ready)
        assert [outcome.verdict for outcome in outcomes] == [Verdict.SKIPPED] * 2
        assert sandbox.documents() == []


async def test_the_order_lends_customer_branch_currency_and_products() -> None:
    async with open_sandbox() as (sandbox, connection, _):
        branch = max(record["id"] for record in sandbox.records("Branches"))
        contact = sandbox.records("Contacts")[0]
        sandbox.add_sales_order(
            "SO-1",
            [{"code": "SKU-001", "qty": 1}],
            currency="AUD",
            member_email=contact["email"],
            branch_id=branch,
            customer_order_no="STORE-000001",
        )
        (ready,) = await prepared(connection, deliveries(1))
        assert ready.prepared is not None
        made = json.loads(ready.prepared.request)
        assert made["salesReference"] == "SO-1"
        assert (made["memberId"], made["branchId"]) == (contact["id"], branch)
        assert made["lineItems"][0]["productOptionId"] > 0
        assert "found by the customer's number" in ready.prepared.warnings[1]
        assert [outcome.verdict for outcome in await create(connection, [ready])] == [Verdict.CREATED]


async def test_a_required_order_that_is_missing_stops_only_its_own_return() -> None:
    async with open_sandbox(look_up_orders="required") as (sandbox, connection, _):
        sandbox.add_sales_order("STORE-000002", [{"code": "SKU-001", "qty": 1}], currency="AUD")
        first, second = await plugin.prepare(connection, deliveries(2))
        assert isinstance(first, Rejected)
        assert "no sales order named 'STORE-000001'" in first.reason
        assert isinstance(second, Prepared)


async def test_a_note_somebody_else_wrote_for_the_order_stops_the_second_credit() -> None:
    stranger = '{"reference":"SHOP-1","salesReference":"STORE-000001"}'
    strange = replace(delivery(), prepared=Prepared(delivery_id="d1", reference="SHOP-1", request=stranger))
    async with open_sandbox() as (sandbox, connection, _):
        await create(connection, [strange])
        first, second = await plugin.prepare(connection, deliveries(2))
        assert isinstance(first, Rejected)
        assert "SHOP-1" in first.reason
        assert isinstance(second, Prepared)
        sandbox.void("SHOP-1")
        assert isinstance((await plugin.prepare(connection, deliveries(1)))[0], Prepared)


async def test_returns_of_one_order_are_numbered_in_a_batch_and_after_it() -> None:
    mapping = {"reference": {"content": "orderName", "numberRepeats": True}}
    batch = [delivery(number, rma(str(number), "#7"), mapping=mapping) for number in range(1, 5)]
    async with open_sandbox() as (sandbox, connection, _):
        await create(connection, await prepared(connection, batch[:2]))
        await create(connection, await prepared(connection, batch[2:]))
        assert [each["reference"] for each in sandbox.documents()] == ["#7", "#7-2", "#7-3", "#7-4"]
        again = await prepared(connection, batch[:1])
        assert again[0].references == ("#7",)


async def test_receipts_come_back_whole_partial_unknown_and_corrected() -> None:
    async with open_sandbox() as (sandbox, connection, _):
        _, cursor = await poll(connection, None)
        items = (item(1), item(2), item(3, sku="SKU-002"))
        batch = [delivery(number, rma(str(number), f"#{number}", items=items)) for number in range(1, 6)]
        outcomes = await create(connection, await prepared(connection, batch))
        ids = [outcome.document.document_id for outcome in outcomes if outcome.document]
        receipts, cursor = await poll(connection, cursor)
        assert {receipts[note_id].verdict for note_id in ids} == {ReceiptVerdict.IGNORE}

        sandbox.receive(ids[0])
        sandbox.receive(ids[1], {"SKU-001": Decimal(1)}, is_complete=False)
        sandbox.receive(ids[2], is_quantity_known=False)
        sandbox.void(ids[3])
        receipts, cursor = await poll(connection, cursor)
        told = {note_id: (receipts[note_id].verdict, receipts[note_id].is_complete) for note_id in receipts}
        assert told == {
            ids[0]: (ReceiptVerdict.PROCESS, True),
            ids[1]: (ReceiptVerdict.PROCESS, False),
            ids[2]: (ReceiptVerdict.FLAG, True),
            ids[3]: (ReceiptVerdict.FLAG, True),
        }
        assert {line.sku: line.received for line in receipts[ids[1]].lines} == {"SKU-001": 1, "SKU-002": 0}

        sandbox.receive(ids[1], {"SKU-001": Decimal(2), "SKU-002": Decimal(1)})
        receipts, _ = await poll(connection, cursor)
        assert receipts[ids[1]].is_complete
        assert all(line.received == line.expected for line in receipts[ids[1]].lines)


async def test_an_open_note_unseen_for_a_day_is_read_by_id_and_a_deleted_one_is_flagged() -> None:
    async with open_sandbox() as (sandbox, connection, http):
        outcomes = await create(connection, await prepared(connection, deliveries(3)))
        documents = [outcome.document for outcome in outcomes if outcome.document]
        later = connection.now() + timedelta(hours=1)
        polling = replace(connection, now=lambda: later)
        _, cursor = await poll(polling, None, [open_document(each, later) for each in documents])
        sandbox.delete(documents[1].document_id)
        old = [open_document(each, later - timedelta(days=2)) for each in documents]
        before = len(http.calls)
        receipts, _ = await poll(polling, cursor, old)
        assert receipts[documents[0].document_id].verdict is ReceiptVerdict.IGNORE
        assert "no longer in Cin7 Omni" in receipts[documents[1].document_id].reason
        assert len(http.calls) - before == 3


def open_document(document: Document, created_at: datetime) -> OpenDocument:
    return OpenDocument(document_id=document.document_id, reference=document.reference, created_at=created_at)


async def count_calls(count: int, *, are_orders_there: bool = True, **settings: Any) -> int:
    async with open_sandbox(**settings) as (sandbox, connection, http):
        batch = deliveries(count)
        for each in batch if are_orders_there else ():
            sandbox.add_sales_order(str(each.rma.order_name), [{"code": "SKU-001", "qty": 1}], currency="AUD")
        ready = await prepared(connection, batch)
        outcomes = await create(connection, ready)
        assert [outcome.verdict for outcome in outcomes] == [Verdict.CREATED] * count
        return len(http.calls)


@pytest.mark.parametrize(
    ("settings", "for_250", "for_one"),
    [
        ({"look_up_orders": "off", "check_double_credit": "off"}, 1, 1),
        ({"check_double_credit": "off"}, 7, 2),
        ({}, 13, 3),
    ],
)
async def test_a_batch_keeps_within_its_calls(settings: dict[str, Any], for_250: int, for_one: int) -> None:
    whole, single = await count_calls(250, **settings), await count_calls(1, **settings)
    print(f"calls with {settings or 'defaults'}: {whole} for 250 returns, {single} for one")  # noqa: T201
    assert whole <= for_250
    assert single <= for_one


@pytest.mark.parametrize("count", [10, 10_000])
async def test_a_cycle_with_nothing_new_is_one_call(count: int) -> None:
    async with open_sandbox(look_up_orders="off", check_double_credit="off") as (_, connection, http):
        documents: list[OpenDocument] = []
        for first in range(1, count + 1, 250):
            outcomes = await create(
                connection, await prepared(connection, deliveries(min(250, count), first=first))
            )
            documents += [
                open_document(outcome.document, connection.now()) for outcome in outcomes if outcome.document
            ]
        receipts, cursor = await poll(connection, None, documents)
        assert len(receipts) == len(documents) == count
        # As the hub writes down after each page.
        seen = [replace(each, last_seen_at=connection.now()) for each in documents]
        before = len(http.calls)
        receipts, cursor = await poll(connection, cursor, seen)
        print(f"calls of a cycle with nothing new, {count} open notes: {len(http.calls) - before}")  # noqa: T201
        assert (receipts, len(http.calls) - before) == ({}, 1)
