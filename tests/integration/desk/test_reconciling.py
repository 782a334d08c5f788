"""What the hub holds against what the ERP holds: each kind of difference is told, and mended by its fix."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.marker import marker
from hub.errors import AuthError, UsageError
from hub.merchant import deliveries, reconcile
from hub.merchant.findings import Finding, FindingKind
from hub.outcomes import Status
from hub.store.models import Connection, Delivery, Exchange, Rma
from tests.support.documents import rma, unit
from tests.support.notes import make_note, note_of

if TYPE_CHECKING:
    from tests.support.stage import Stage


async def reconciled(stage: Stage) -> reconcile.Reconciliation:
    row = await stage.connection()
    return await reconcile.reconcile(stage.hub, stage.http, row, since=None, owner="test")


async def findings(stage: Stage) -> list[tuple[str, str | None]]:
    return [(each.kind.value, each.rma_id) for each in (await reconciled(stage)).findings]


async def the_one(stage: Stage) -> Finding:
    (finding,) = (await reconciled(stage)).findings
    assert finding.text
    assert "`hub " in finding.fix
    return finding


async def delivered(stage: Stage, *numbers: str) -> list[Delivery]:
    for number in numbers:
        units = [unit(int(number) * 100 + each) for each in range(2)]
        await stage.submit(rma(number, *units, order_name=f"#{number}"))
    await stage.settle()
    rows = [await stage.delivery(number) for number in numbers]
    assert all(row.status is Status.DONE for row in rows)
    return rows


async def test_nothing_is_found_where_all_is_well(stage: Stage) -> None:
    await delivered(stage, "901", "902")
    stage.sandbox.receive("RMA 901/ORDER:#901")
    await stage.poll()
    before = len(stage.sandbox.calls())
    came = await reconciled(stage)
    assert (list(came.findings), came.deliveries) == ([], 2)
    assert len(stage.sandbox.calls()) == before + 1


async def test_a_deleted_note_is_missing_and_is_made_again_when_a_person_asks(stage: Stage) -> None:
    gone, _ = await delivered(stage, "901", "902")
    stage.sandbox.delete(gone.document_id or "")
    finding = await the_one(stage)
    assert (finding.kind, finding.rma_id) == (FindingKind.MISSING, "901")
    assert f"`hub deliveries retry {gone.id} --gone`" in finding.fix
    await deliveries.retry(stage.hub.clock, gone, is_gone=True)
    await stage.settle()
    assert await findings(stage) == []
    assert len(stage.notes) == 2


async def test_a_note_that_is_there_after_all_is_not_made_again(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    await deliveries.retry(stage.hub.clock, row, is_gone=True)
    await stage.settle()
    again = await stage.delivery("901")
    assert (again.status, again.document_id) == (Status.DONE, row.document_id)
    assert len(stage.posts) == 1


async def test_a_note_older_than_the_list_is_looked_for_before_it_counts_as_missing(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    note_of(stage, row)["createdDate"] = "2020-01-01T00:00:00Z"
    assert await findings(stage) == []


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "of-another-hub"])
async def test_two_notes_of_one_rma_are_double(stage: Stage, is_known: bool) -> None:
    (row,) = await delivered(stage, "901")
    mark = marker(row.id if is_known else "0123456789abcdef", "901")
    await make_note(stage, reference="a copy", internalComments=f"{mark} by hand")
    finding = await the_one(stage)
    assert (finding.kind, finding.rma_id, len(finding.documents)) == (FindingKind.DOUBLE, "901", 2)
    assert f"keep {row.document_id}" in finding.fix
    stage.sandbox.void("a copy")
    assert await findings(stage) == []


async def test_a_note_that_took_our_reference_is_foreign(stage: Stage) -> None:
    await make_note(stage, reference="rma 901/order:#901", salesReference="#other")
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    row = await stage.delivery("901")
    assert row.status is Status.ATTENTION
    finding = await the_one(stage)
    assert (finding.kind, finding.delivery_id) == (FindingKind.FOREIGN, row.id)
    await deliveries.resolve(stage.hub.clock, row, "it is the credit", finding.documents[0])
    assert FindingKind.FOREIGN not in [kind for kind, _ in await findings(stage)]


async def test_a_note_of_which_the_ledger_knows_nothing_is_unknown(stage: Stage) -> None:
    await make_note(stage, reference="left behind", internalComments=marker("0123456789abcdef", "777"))
    finding = await the_one(stage)
    assert (finding.kind, finding.rma_id, finding.delivery_id) == (FindingKind.UNKNOWN, "777", None)


async def test_a_note_whose_delivery_was_closed_without_it_is_unknown(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    await Delivery.filter(id=row.id).update(
        status=Status.SKIPPED, document_id=None, document_reference=None, is_open=False
    )
    finding = await the_one(stage)
    assert (finding.kind, finding.delivery_id) == (FindingKind.UNKNOWN, row.id)
    await deliveries.resolve(
        stage.hub.clock, await Delivery.get(id=row.id), "it counts", finding.documents[0]
    )
    assert await findings(stage) == []


async def test_what_the_hub_is_still_looking_for_is_not_told(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    await Delivery.filter(id=row.id).update(status=Status.IN_DOUBT, document_id=None)
    assert await findings(stage) == []


async def test_a_note_whose_total_or_units_were_changed_is_altered(stage: Stage) -> None:
    priced, counted, _ = await delivered(stage, "901", "902", "903")
    note_of(stage, priced)["total"] = Decimal("19.99")
    note_of(stage, counted)["lineItems"][0]["qty"] = Decimal(-1)
    came = (await reconciled(stage)).findings
    assert [(each.kind, each.rma_id) for each in came] == [
        (FindingKind.ALTERED, "901"),
        (FindingKind.ALTERED, "902"),
    ]
    assert "19.99 EUR, and 20.00 EUR was sent" in came[0].text
    assert "1 of SKU SKU-001, and 2 were sent" in came[1].text


async def test_a_void_note_is_told_until_a_person_has_closed_it(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    stage.sandbox.void(row.document_id or "")
    assert (await the_one(stage)).kind is FindingKind.VOID
    await stage.poll()
    await deliveries.resolve(stage.hub.clock, await Delivery.get(id=row.id), "no credit is due")
    assert await findings(stage) == []


async def test_goods_received_there_and_not_here_are_unvalidated_until_polled(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    stage.sandbox.receive(row.document_id or "")
    finding = await the_one(stage)
    assert (finding.kind, finding.fix) == (FindingKind.UNVALIDATED, "run `hub poll main`")
    await stage.poll()
    assert await findings(stage) == []
    assert (await Rma.get(rma_id="901")).validation == "full"


async def test_many_notes_are_read_in_full_pages_and_other_work_is_let_in_between(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    note = dict(note_of(stage, row))
    books = stage.sandbox._books  # noqa: SLF001
    for number in range(600):
        other = {**note, "id": books.new_id(), "reference": f"other {number}", "internalComments": ""}
        books.add("CreditNotes", other)
    before = len(stage.sandbox.calls())
    came = await reconciled(stage)
    assert (came.pages, came.documents, list(came.findings)) == (3, 601, [])
    assert len(stage.sandbox.calls()) == before + 3
    assert (await stage.connection()).claim_token is None


async def test_reconciling_leaves_a_part_of_the_quota_to_live_returns(stage: Stage) -> None:
    await delivered(stage, "901")
    now = stage.time.now()
    used = await Exchange.filter(connection_id=stage.connection_id).count()
    await Exchange.bulk_create(
        Exchange(connection_id=stage.connection_id, at=now - timedelta(hours=1), method="GET", url="x")
        for _ in range(4000 - used)
    )
    with pytest.raises(Exception, match="quota is spent"):
        await reconciled(stage)
    await stage.submit(rma("902", order_name="#902"))
    await stage.settle()
    assert (await stage.delivery("902")).status is Status.DONE


async def test_it_only_reads(stage: Stage) -> None:
    (row,) = await delivered(stage, "901")
    stage.sandbox.delete(row.document_id or "")
    posts, before = len(stage.posts), await Delivery.get(id=row.id)
    await reconciled(stage)
    assert len(stage.posts) == posts
    assert (await Delivery.get(id=row.id)).version == before.version


async def test_refused_credentials_and_a_time_to_come_are_errors(stage: Stage) -> None:
    stage.sandbox.permissions.discard(("CreditNotes", "read"))
    with pytest.raises(AuthError):
        await reconciled(stage)
    with pytest.raises(UsageError, match="future"):
        await reconcile.reconcile(
            stage.hub,
            stage.http,
            await Connection.get(id=stage.connection_id),
            since=stage.time.now() + timedelta(days=1),
            owner="test",
        )
