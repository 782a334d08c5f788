"""The connector's hooks against its sandbox over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from connectors.peoplevox_stub import plugin
from connectors.peoplevox_stub.receiving import PAGE
from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import Connection, Delivery, OpenDocument
from hub.outcomes import PermissionState, Prepared, ReceiptVerdict, SightingKind, Verdict
from hub.sandbox import Fault
from tests.integration.peoplevox_stub.scene import open_peoplevox
from tests.support.cin7 import delivery, item, rma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.peoplevox_stub.sandbox import PeoplevoxSandbox
    from hub.outcomes import Outcome, Receipt


def deliveries(count: int) -> list[Delivery]:
    """Deliveries of two shirts and a hat each."""
    items = (item(1), item(2), item(3, sku="SKU-002"))
    return [delivery(number, rma(str(number), f"#{number}", items=items)) for number in range(1, count + 1)]


async def prepared(connection: Connection, batch: Sequence[Delivery]) -> list[Delivery]:
    made = await plugin.prepare(connection, batch)
    assert all(isinstance(each, Prepared) for each in made), made
    return [
        replace(each, prepared=result, references=(result.reference,))
        for each, result in zip(batch, made, strict=True)
        if isinstance(result, Prepared)
    ]


async def made(connection: Connection, count: int) -> list[Delivery]:
    ready = await prepared(connection, deliveries(count))
    for first in range(0, count, 50):
        outcomes = await plugin.on_rma_approved(connection, ready[first : first + 50])
        assert {each.verdict for each in outcomes} == {Verdict.CREATED}
    return ready


async def kinds(connection: Connection, batch: Sequence[Delivery]) -> list[SightingKind]:
    return [each.kind for each in await plugin.find_documents(connection, batch)]


def verdicts(outcomes: Sequence[Outcome]) -> list[Verdict]:
    return [each.verdict for each in outcomes]


def actions(sandbox: PeoplevoxSandbox) -> list[str]:
    return [call["path"].split(".asmx/")[1].split("/")[0] for call in sandbox.calls()]


async def test_connect_writes_nothing_and_names_what_it_may_read() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        report = await plugin.connect(connection)
        assert [each.state for each in report.permissions] == [
            PermissionState.UNPROVABLE,
            PermissionState.UNPROVABLE,
            PermissionState.GRANTED,
            PermissionState.GRANTED,
        ]
        assert report.warnings == ()
        assert len(sandbox.calls()) == 5
        assert not any(call["is_write"] for call in sandbox.calls())


async def test_report_that_may_not_be_read_is_a_missing_permission() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        sandbox.inject(Fault(name="forbidden", on="Item returns"))
        report = await plugin.connect(connection)
        assert [(each.resource, each.action) for each in report.missing] == [("Item returns", "read")]


async def test_wrong_password_inside_a_200_is_an_error_of_credentials_without_the_password() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        wrong = connection.credentials.model_validate({**sandbox.credentials, "password": "wrong-password"})
        with pytest.raises(AuthError) as error:
            await plugin.connect(replace(connection, credentials=wrong))
        assert "wrong-password" not in f"{error.value} {error.value.fix}"
        assert "not right" in error.value.why


async def test_batch_becomes_return_authorisations_in_five_calls() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await prepared(connection, deliveries(3))
        assert sandbox.calls() == []
        outcomes = await plugin.on_rma_approved(connection, batch)
        assert [each.document and each.document.document_id for each in outcomes] == [
            "RMA 1",
            "RMA 2",
            "RMA 3",
        ]
        assert [each["reference"] for each in sandbox.documents()] == ["RMA 1", "RMA 2", "RMA 3"]
        assert sandbox.documents()[0]["lines"] == [
            {"sku": "SKU-001", "quantity": "2", "received": "0"},
            {"sku": "SKU-002", "quantity": "1", "received": "0"},
        ]
        reads, writes = ["Authenticate", "GetReportData"], ["SaveData", "SaveData"]
        assert actions(sandbox) == [*reads, *writes, "GetReportData"]


async def test_text_of_every_kind_arrives_as_it_was_prepared() -> None:
    order = '#1 "Ü" <&> ]]>, a;b 汉字'
    async with open_peoplevox() as (sandbox, connection, _):
        strange = delivery(1, rma("9", order, items=(item(sku='A,"B" & <C>'),)))
        (ready,) = await prepared(connection, [replace(strange, mapping={"comments": "order_name"})])
        await plugin.on_rma_approved(connection, [ready])
        (document,) = sandbox.documents()
        assert (document["sales_reference"], document["lines"][0]["sku"]) == (order, 'A,"B" & <C>')
        comments = document["raw"]["Return authorisation items"][0]["Comments"]
        assert comments == f"[hub:d1 rma:9] {order}"


async def test_handled_twice_makes_one_document_and_the_second_time_adopts_it() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await made(connection, 2)
        before = sandbox.documents()
        assert verdicts(await plugin.on_rma_approved(connection, batch)) == [Verdict.ADOPTED] * 2
        assert sandbox.documents() == before


async def test_document_of_somebody_else_is_neither_adopted_nor_changed() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        theirs = sandbox.enter("RMA 1", {"SKU-009": Decimal(5)})
        batch = await prepared(connection, deliveries(2))
        assert await kinds(connection, batch) == [SightingKind.FOREIGN, SightingKind.ABSENT]
        assert verdicts(await plugin.on_rma_approved(connection, batch)) == [
            Verdict.REJECTED,
            Verdict.CREATED,
        ]
        assert sandbox.documents()[0] == theirs


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("drop_before_write", InDoubtError),
        ("drop_after_write", InDoubtError),
        ("apply_partly_then_drop", InDoubtError),
        ("server_error_html", InDoubtError),
        ("cut_off_body", InDoubtError),
        ("empty_200", InDoubtError),
        ("error_in_200", RejectedError),
        ("unavailable", RetriableError),
        ("too_many_requests", RetriableError),
        ("unauthorized", AuthError),
        ("forbidden", AuthError),
    ],
)
async def test_fault_while_writing_says_what_to_do_and_the_same_again_makes_one_each(
    fault: str, expected: type[Exception]
) -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await prepared(connection, deliveries(4))
        sandbox.inject(Fault(name=fault, on="POST", seconds=7))
        with pytest.raises(expected) as error:
            await plugin.on_rma_approved(connection, batch)
        if fault == "too_many_requests":
            assert isinstance(error.value, RetriableError)
            assert error.value.retry_after == timedelta(seconds=7)
        there = {each["reference"] for each in sandbox.documents()}
        expected_kinds = [
            SightingKind.OURS if each.references[0] in there else SightingKind.ABSENT for each in batch
        ]
        assert await kinds(connection, batch) == expected_kinds
        outcomes = await plugin.on_rma_approved(connection, batch)
        assert {each.verdict for each in outcomes} <= {Verdict.CREATED, Verdict.ADOPTED}
        assert len(sandbox.documents()) == 4


async def test_return_saved_without_its_items_is_absent_and_completed_by_the_same_again() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await prepared(connection, deliveries(1))
        sandbox.inject(Fault(name="cut_off_body", on="Return authorisations"))
        with pytest.raises(InDoubtError):
            await plugin.on_rma_approved(connection, batch)
        assert (sandbox.documents(), await kinds(connection, batch)) == ([], [SightingKind.ABSENT])
        assert verdicts(await plugin.on_rma_approved(connection, batch)) == [Verdict.CREATED]


async def test_save_that_cannot_be_read_back_is_in_doubt() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await prepared(connection, deliveries(1))
        sandbox.inject(Fault(name="slow", on="SaveData", seconds=0))
        sandbox.inject(Fault(name="slow", on="GetReportData", seconds=0))
        sandbox.inject(Fault(name="unavailable", on="GetReportData"))
        with pytest.raises(InDoubtError, match="read back"):
            await plugin.on_rma_approved(connection, batch)
        assert await kinds(connection, batch) == [SightingKind.OURS]


@pytest.mark.parametrize(
    "fault", ["cut_off_body", "empty_200", "server_error_html", "error_in_200", "unavailable"]
)
async def test_read_that_fails_is_worth_asking_again(fault: str) -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        for on in ("Authenticate", "GetReportData"):
            sandbox.inject(Fault(name=fault, on=on))
            is_refused = (fault, on) == ("error_in_200", "Authenticate")
            with pytest.raises(AuthError if is_refused else RetriableError):
                await plugin.find_documents(connection, deliveries(1))


async def test_cancelled_is_void_and_gone_is_absent() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        batch = await made(connection, 2)
        sandbox.void("RMA 1")
        sandbox.delete("RMA 2")
        assert await kinds(connection, batch) == [SightingKind.VOID, SightingKind.ABSENT]


async def test_shadow_mode_makes_no_call() -> None:
    async with open_peoplevox(mode="shadow") as (sandbox, connection, _):
        batch = await prepared(connection, deliveries(2))
        assert verdicts(await plugin.on_rma_approved(connection, batch)) == [Verdict.SKIPPED] * 2
        assert sandbox.calls() == []


# --- polling ------------------------------------------------------------------------------------------


def open_document(number: int, connection: Connection) -> OpenDocument:
    return OpenDocument(
        document_id=f"RMA {number}",
        reference=f"RMA {number}",
        created_at=connection.now(),
        last_seen_at=connection.now(),
    )


async def poll(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument] = ()
) -> tuple[dict[str, Receipt], str]:
    receipts: dict[str, Receipt] = {}
    for _ in range(20):
        page = await plugin.poll_validations(connection, cursor, open_documents)
        receipts |= {each.document_id: each for each in page.receipts}
        cursor = page.cursor
        if not page.more:
            return receipts, cursor
    raise AssertionError("the poll does not end")


async def test_receipts_are_whole_partial_over_unknown_rejected_and_cancelled() -> None:
    async with open_peoplevox() as (sandbox, connection, now):
        await made(connection, 6)
        waiting = [open_document(number, connection) for number in range(1, 7)]
        receipts, cursor = await poll(connection, None, waiting)
        assert {each.verdict for each in receipts.values()} == {ReceiptVerdict.IGNORE}
        now.at += timedelta(minutes=5)
        sandbox.receive("RMA 1")
        sandbox.receive("RMA 2", {"SKU-001": Decimal(1)}, is_complete=False)
        sandbox.receive("RMA 3", {"SKU-001": Decimal(3), "SKU-002": Decimal(1)})
        sandbox.receive("RMA 4", is_quantity_known=False)
        sandbox.reject("RMA 5", "SKU-001")
        sandbox.void("RMA 6")
        receipts, _ = await poll(connection, cursor, waiting)
        told = {number[-1]: (each.verdict, each.is_complete) for number, each in receipts.items()}
        assert told == {
            "1": (ReceiptVerdict.PROCESS, True),
            "2": (ReceiptVerdict.PROCESS, False),
            "3": (ReceiptVerdict.PROCESS, True),
            "4": (ReceiptVerdict.FLAG, True),
            "5": (ReceiptVerdict.FLAG, False),
            "6": (ReceiptVerdict.FLAG, True),
        }
        lines = [(line.sku, str(line.expected), str(line.received)) for line in receipts["RMA 3"].lines]
        assert lines == [("SKU-001", "2", "3"), ("SKU-002", "1", "1")]
        assert receipts["RMA 1"].received_at == now.at
        assert "SKU-001 Rejected Damaged" in receipts["RMA 5"].reason
        assert {each.delivery_id for each in receipts.values()} == {f"d{number}" for number in range(1, 7)}


async def test_poll_misses_nothing_of_two_pages_received_in_one_second() -> None:
    async with open_peoplevox() as (sandbox, connection, now):
        await made(connection, PAGE + 5)
        _, cursor = await poll(connection, None)
        now.at += timedelta(minutes=5)
        for document in sandbox.documents():
            sandbox.receive(document["id"])
        receipts, cursor = await poll(connection, cursor)
        assert len(receipts) == PAGE + 5
        assert {each.verdict for each in receipts.values()} == {ReceiptVerdict.PROCESS}


async def test_goods_booked_in_again_in_mid_walk_are_not_missed() -> None:
    async with open_peoplevox() as (sandbox, connection, now):
        await made(connection, PAGE + 5)
        _, cursor = await poll(connection, None)
        now.at += timedelta(minutes=5)
        for document in sandbox.documents():
            sandbox.receive(document["id"])
        first = await plugin.poll_validations(connection, cursor, ())
        assert first.more
        # Rows leave the first page for a later date, and those behind them move up.
        now.at += timedelta(seconds=1)
        for number in range(1, 8):
            sandbox.receive(f"RMA {number}")
        rest, _ = await poll(connection, first.cursor)
        assert {each.document_id for each in first.receipts} | set(rest) == {
            each["id"] for each in sandbox.documents()
        }


async def test_open_document_deleted_there_is_flagged_by_the_next_poll() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        await made(connection, 1)
        _, cursor = await poll(connection, None)
        sandbox.delete("RMA 1")
        receipts, _ = await poll(connection, cursor, [open_document(1, connection)])
        assert (receipts["RMA 1"].verdict, receipts["RMA 1"].lines) == (ReceiptVerdict.FLAG, ())
        assert "no longer in Peoplevox" in receipts["RMA 1"].reason


async def test_open_document_that_cannot_be_searched_for_is_passed_over() -> None:
    async with open_peoplevox() as (_, connection, _):
        _, cursor = await poll(connection, None)
        resolved = replace(open_document(1, connection), document_id='by "hand"')
        receipts, _ = await poll(connection, cursor, [resolved])
        assert receipts == {}


async def test_cycle_with_nothing_to_read_is_two_calls_and_else_four() -> None:
    async with open_peoplevox() as (sandbox, connection, _):
        await made(connection, 30)
        _, cursor = await poll(connection, None)
        for waiting, calls in (([], 2), ([open_document(number, connection) for number in range(1, 31)], 4)):
            before = len(sandbox.calls())
            await poll(connection, cursor, waiting)
            assert len(sandbox.calls()) - before == calls
