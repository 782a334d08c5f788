"""The warehouse's and the keeper's doors: receive, void, delete, and the control routes over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from connectors.cin7_omni.sandbox import Cin7Sandbox, spec
from hub.errors import ConfigError, ConflictError, NotFoundError, UsageError
from hub.sandbox import Fault
from hub.testing.serving import SandboxServer
from tests.integration.cin7_calls import Cin7Calls, HandClock, note, serve_cin7

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LINES = [
    {"code": "SKU-001", "qty": -2, "unitPrice": 10},
    {"code": "SKU-002", "qty": -1, "unitPrice": 5},
    {"name": "Label fee", "qty": -1, "unitPrice": -3},
]


@pytest.fixture
async def cin7() -> AsyncIterator[Cin7Calls]:
    async with serve_cin7() as calls:
        await calls.write(note("A", lineItems=LINES))
        calls.clock.move(minutes=1)
        yield calls


def received(document: dict[str, Any]) -> list[str | None]:
    return [line["received"] for line in document["lines"]]


async def on_hand(cin7: Cin7Calls, sku: str) -> Decimal:
    rows: list[dict[str, Decimal]] = await cin7.get("Stock", where=f"code='{sku}'")
    return rows[0]["stockOnHand"]


async def test_documents_show_what_was_credited(cin7: Cin7Calls) -> None:
    (document,) = cin7.sandbox.documents()
    raw = document.pop("raw")
    assert document == {
        "id": str(raw["id"]),
        "reference": "A",
        "sales_reference": "#1001",
        "status": "APPROVED",
        "currency": "USD",
        "total": "22.00",
        "lines": [
            {"sku": "SKU-001", "quantity": "2", "received": None},
            {"sku": "SKU-002", "quantity": "1", "received": None},
            {"sku": "", "quantity": "1", "received": None},
        ],
    }
    assert await cin7.get(f"CreditNotes/{raw['id']}") == raw


async def test_receiving_everything_completes_and_restocks(cin7: Cin7Calls) -> None:
    before = await on_hand(cin7, "SKU-001")
    document = cin7.sandbox.receive("A")
    assert received(document) == ["2", "1", None]
    assert document["raw"]["completedDate"] == document["raw"]["modifiedDate"] == "2026-03-01T12:01:00Z"
    assert await on_hand(cin7, "SKU-001") == before + 2


async def test_partial_receipt_can_be_corrected_later(cin7: Cin7Calls) -> None:
    before = await on_hand(cin7, "SKU-001")
    first = cin7.sandbox.receive("A", {"SKU-001": Decimal(2)}, is_complete=False)
    assert (received(first), first["raw"]["completedDate"]) == (["2", "0", None], None)
    cin7.clock.move(minutes=1)
    second = cin7.sandbox.receive(first["id"], {"SKU-001": Decimal(1), "SKU-002": Decimal(3)})
    assert received(second) == ["1", "3", None]
    assert second["raw"]["modifiedDate"] == "2026-03-01T12:02:00Z"
    assert await on_hand(cin7, "SKU-001") == before + 1


async def test_goods_of_unknown_number_leave_the_quantity_unset(cin7: Cin7Calls) -> None:
    document = cin7.sandbox.receive("A", is_quantity_known=False)
    assert received(document) == [None, None, None]
    assert document["raw"]["completedDate"]


async def test_units_of_a_sku_on_two_lines_are_dealt_out_in_order(cin7: Cin7Calls) -> None:
    await cin7.write(note("B", lineItems=[LINES[0], LINES[1], LINES[0]]))
    assert received(cin7.sandbox.receive("B", {"SKU-001": Decimal(3)})) == ["2", "0", "1"]
    assert received(cin7.sandbox.receive("B", {"SKU-001": Decimal(5)})) == ["2", "0", "3"]


async def test_moved_quantity_can_be_negative() -> None:
    async with serve_cin7(is_moved_negative=True) as cin7:
        await cin7.write(note("A"))
        document = cin7.sandbox.receive("A")
        assert document["raw"]["lineItems"][0]["qtyShipped"] == -1
        assert received(document) == ["1"]


async def test_void_note_stays_listed_takes_its_stock_back_and_receives_nothing(cin7: Cin7Calls) -> None:
    before = await on_hand(cin7, "SKU-001")
    cin7.sandbox.receive("A")
    assert cin7.sandbox.void("A")["status"] == "VOID"
    cin7.sandbox.void("A")
    assert await on_hand(cin7, "SKU-001") == before
    assert [row["status"] for row in await cin7.get("CreditNotes")] == ["VOID"]
    with pytest.raises(ConflictError):
        cin7.sandbox.receive("A")


async def test_deleted_note_is_404_and_frees_its_reference(cin7: Cin7Calls) -> None:
    (document,) = cin7.sandbox.documents()
    cin7.sandbox.delete("A")
    assert (await cin7.call("GET", f"/v1/CreditNotes/{document['id']}")).status == 404
    assert (await cin7.write(note("A")))[0]["success"]


async def test_receipt_that_makes_no_sense_is_refused(cin7: Cin7Calls) -> None:
    with pytest.raises(NotFoundError):
        cin7.sandbox.receive("nothing")
    with pytest.raises(NotFoundError, match="SKU-099"):
        cin7.sandbox.receive("A", {"SKU-099": Decimal(1)})
    with pytest.raises(UsageError):
        cin7.sandbox.receive("A", {"SKU-001": Decimal(-1)})
    with pytest.raises(UsageError):
        cin7.sandbox.receive("A", {"SKU-001": Decimal(1)}, is_quantity_known=False)


async def test_two_notes_under_one_reference_are_told_apart_by_id(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="allow_duplicate_references"))
    (second,) = await cin7.write(note("A"))
    with pytest.raises(ConflictError, match="several"):
        cin7.sandbox.void("A")
    assert cin7.sandbox.void(str(second["id"]))["status"] == "VOID"


async def test_order_that_cin7_would_refuse_is_not_placed(cin7: Cin7Calls) -> None:
    with pytest.raises(ConflictError, match="already exists"):
        cin7.sandbox.add_sales_order("#1001", [{"code": "SKU-001", "qty": 1}])


async def test_control_routes_do_what_the_doors_do(cin7: Cin7Calls) -> None:
    order = {"document": "A", "quantities": {"SKU-001": "1"}, "is_complete": False}
    answer = await cin7.control("POST", "receive", order)
    assert received(answer.json) == ["1", "0", None]
    assert (await cin7.control("POST", "void", {"document": answer.json["id"]})).json["status"] == "VOID"
    documents = (await cin7.control("GET", "documents")).json
    assert documents[0]["total"] == "22.00"
    assert documents[0]["raw"]["total"] == "22"


async def test_info_tells_how_to_connect(cin7: Cin7Calls) -> None:
    info = (await cin7.control("GET", "info")).json
    assert info["url"] == cin7.url
    assert info["credentials"] == {"username": "sandbox", "api_key": "sandbox-key"}
    assert info["settings"] == {"base_url": f"{cin7.url}/api"}
    assert "drop_after_write" in info["faults"]


async def test_faults_are_ordered_and_cleared_over_http(cin7: Cin7Calls) -> None:
    await cin7.control("POST", "faults", {"name": "unavailable", "times": None, "on": "GET", "chance": 1})
    assert (await cin7.call("GET", "/v1/Branches")).status == 503
    await cin7.control("DELETE", "faults")
    assert (await cin7.call("GET", "/v1/Branches")).status == 200


async def test_control_calls_are_neither_logged_nor_counted(cin7: Cin7Calls) -> None:
    before = len(cin7.sandbox.calls())
    cin7.sandbox.inject(Fault(name="unavailable"))
    for _ in range(5):
        assert (await cin7.control("GET", "documents")).status == 200
    assert len(cin7.sandbox.calls()) == before
    assert (await cin7.call("GET", "/v1/Branches", params={"where": "id='#1'"})).status == 503
    last = (await cin7.control("GET", "calls")).json[-1]
    assert last == {
        "at": "2026-03-01T12:01:00Z",
        "method": "GET",
        "is_write": False,
        "path": "/api/v1/Branches",
        "query": "where=id='#1'",
        "status": 503,
        "fault": "unavailable",
    }


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "receive", {"document": "nothing"}, 404),
        ("POST", "receive", {"document": "A", "quantity": 1}, 400),
        ("POST", "receive", {"document": "A", "quantities": {"SKU-001": "one"}}, 400),
        ("POST", "receive", {"document": "A", "quantities": [1]}, 400),
        ("POST", "receive", {"document": "A", "is_complete": "yes"}, 400),
        ("POST", "void", {}, 400),
        ("POST", "void", [], 400),
        ("POST", "void", None, 400),
        ("POST", "faults", {"name": "explode"}, 400),
        ("POST", "faults", {"name": "unavailable", "chance": 2}, 400),
    ],
)
async def test_control_error_says_what_and_what_to_do(
    cin7: Cin7Calls, method: str, path: str, value: object, status: int
) -> None:
    answer = await cin7.control(method, path, value)
    assert answer.status == status
    assert answer.json["error"]
    assert answer.json["fix"]


async def test_port_in_use_is_named() -> None:
    async with serve_cin7() as cin7:
        port = int(cin7.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=str(port)):
            await SandboxServer(Cin7Sandbox(1, HandClock()), port=port).start()


def test_app_with_middlewares_is_refused() -> None:
    @web.middleware
    async def log(request: web.Request, handler: Any) -> Any:
        return await handler(request)

    sandbox = Cin7Sandbox(1, HandClock())
    sandbox.app.middlewares.append(log)
    with pytest.raises(ConfigError, match="middlewares"):
        SandboxServer(sandbox)


async def test_spec_makes_the_default_sandbox() -> None:
    clock = HandClock()
    sandbox = spec().make(3, clock)
    async with SandboxServer(sandbox) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert sandbox.documents() == []
