"""Lost answers, looks, and whose a document is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.outcomes import SightingKind, Verdict
from hub.testing.bench import WRITE
from hub.testing.ruling import ExemptError, require, rule
from hub.testing.samples import UNITS

if TYPE_CHECKING:
    from hub.hookspecs import Delivery
    from hub.outcomes import Sighting
    from hub.testing.bench import Bench


@rule
async def lost_answer_is_in_doubt_then_found(bench: Bench) -> None:
    """A write whose answer was lost is in doubt, and the look finds its document.

    The most expensive minute of this work: the ERP has made the credit note and nobody was told. Sent again,
    the customer is credited twice.
    """
    (delivery,) = await bench.prepared()
    bench.fault("drop_after_write", WRITE, times=1)
    await _is_in_doubt(bench, delivery)
    await _is_ours(bench, delivery)


@rule
async def unsent_write_is_in_doubt_then_absent(bench: Bench) -> None:
    """A write that broke off unapplied is in doubt, the look finds nothing, and it goes out again.

    From here it looks exactly like the answer that was lost. Only the look tells them apart, and a look that
    claims to see something would leave the customer without their money.
    """
    (delivery,) = await bench.prepared()
    bench.fault("drop_before_write", WRITE, times=1)
    await _is_in_doubt(bench, delivery)
    (seen,) = await bench.look([delivery])
    require(seen.kind is SightingKind.ABSENT, f"the ERP holds no document, and the look calls it {seen.kind}")
    (again,) = await bench.send([delivery])
    require(again.verdict is Verdict.CREATED, f"sent again it came back {again.verdict}: {again.reason}")
    bench.has_one(delivery)


@rule
async def half_applied_batch_is_sorted_out(bench: Bench) -> None:
    """Of a batch that broke off half way, looks tell exactly which documents exist.

    The other half must still go out, and the first half must not go out again.
    """
    deliveries = await bench.prepared(bench.batch_of(2))
    bench.fault("apply_partly_then_drop", WRITE, times=1)
    outcomes = await bench.send(deliveries)
    for outcome in outcomes:
        require(
            outcome.verdict is Verdict.IN_DOUBT,
            f"of a batch whose answer was lost one came back {outcome.verdict}",
        )
    for delivery, seen in zip(deliveries, await bench.look(deliveries), strict=True):
        exists = bool(bench.documents_of(delivery))
        wanted = SightingKind.OURS if exists else SightingKind.ABSENT
        require(seen.kind is wanted, f"a document that {_exists(exists)} is seen as {seen.kind}")


def _exists(exists: bool) -> str:
    return "exists" if exists else "does not exist"


@rule
async def results_are_matched_by_name(bench: Bench) -> None:
    """Results out of order, or with one left out, never put a document on another's delivery.

    An ERP promises an order and breaks it on the day it is busy. What cannot be matched is in doubt, and a
    look settles it.
    """
    bench.batch_of(2)
    faults = [name for name in ("wrong_order", "missing_result") if name in bench.sandbox.faults]
    if not faults:
        raise ExemptError("its sandbox cannot play the faults wrong_order and missing_result")
    for fault in faults:
        deliveries = await bench.prepared(2)
        bench.fault(fault, WRITE, times=1)
        for delivery, outcome in zip(deliveries, await bench.send(deliveries), strict=True):
            held = bench.has_one(delivery)
            if outcome.document is not None:
                require(
                    outcome.document.document_id == held["id"],
                    f"after {fault} an outcome names another delivery's document",
                )
            else:
                require(
                    outcome.verdict is Verdict.IN_DOUBT,
                    f"after {fault} a document that exists came back {outcome.verdict}",
                )


@rule
async def twice_makes_one_document(bench: Bench) -> None:
    """The same delivery handled twice leaves one document, and the second time does not say it made one.

    The hub sends again only when it is certain. After a restored backup, or with two hubs on one account, the
    frozen reference is what stands between the customer and a second credit.
    """
    (delivery,) = await bench.prepared()
    (first,) = await bench.send([delivery])
    (second,) = await bench.send([delivery])
    held = bench.sandbox.documents()
    if len(bench.documents_of(delivery)) > 1:
        raise ExemptError("the ERP takes two documents under one reference: only the hub's looks guard it")
    require(len(held) == 1, f"the ERP holds {len(held)} documents after one return was sent twice")
    is_new = second.verdict is Verdict.CREATED and second.document != first.document
    require(not is_new, "the second time names another document than the first")
    await _is_ours(bench, delivery)


@rule
async def foreign_document_is_never_adopted(bench: Bench) -> None:
    """A document under our reference that we did not make is foreign: not ours, and not taken over.

    Somebody credited by hand and happened to choose the name. Adopted, the customer's money would depend on
    what a stranger typed.
    """
    (delivery,) = await bench.prepared()
    held = bench.enter(delivery.prepared.reference if delivery.prepared else "", UNITS)
    (seen,) = await bench.look([delivery])
    require(seen.kind is SightingKind.FOREIGN, f"somebody else's document is seen as {seen.kind}")
    require(not seen.is_of_this_rma, "somebody else's document is said to be of this very return")
    require(_names(seen, held["id"]), "the sighting does not name the document that was seen")
    (outcome,) = await bench.send([delivery])
    is_taken = outcome.document is not None and outcome.document.document_id == held["id"]
    require(not is_taken, f"somebody else's document came back as {outcome.verdict}")


@rule
async def neighbours_document_is_not_ours(bench: Bench) -> None:
    """Another return's document is not ours, even under a name that we once used.

    Two returns of one order look alike in everything but the marker.
    """
    (theirs,) = await bench.sent()
    (ours,) = await bench.prepared()
    confused = replace(ours, references=(*theirs.references, *ours.references))
    (seen,) = await bench.look([confused])
    require(seen.kind is SightingKind.FOREIGN, f"another return's document is seen as {seen.kind}")


@rule
async def void_document_goes_to_a_person(bench: Bench) -> None:
    """A document that somebody cancelled is void: neither ours nor absent.

    Whoever cancelled it meant something. Adopted, the customer gets nothing; made again, the person's word is
    overruled.
    """
    (delivery,) = await bench.sent()
    bench.sandbox.void(bench.has_one(delivery)["id"])
    (seen,) = await bench.look([delivery])
    require(seen.kind is SightingKind.VOID, f"a cancelled document is seen as {seen.kind}")


@rule
async def several_documents_go_to_a_person(bench: Bench) -> None:
    """Two documents of ours for one return are several: a person decides which one stays.

    Adopting either would hide that the customer is credited twice.
    """
    (delivery,) = await bench.prepared()
    bench.fault("allow_duplicate_references")
    await bench.send([delivery])
    await bench.send([delivery])
    if len(bench.documents_of(delivery)) < 2:  # noqa: PLR2004 - several
        raise ExemptError("it does not make a second document even where the ERP would take one")
    (seen,) = await bench.look([delivery])
    require(seen.kind is SightingKind.SEVERAL, f"two documents of ours are seen as {seen.kind}")


@rule
async def found_by_what_the_ledger_knows(bench: Bench) -> None:
    """A look finds the document by any reference ever used, and by its id.

    After an edit, a restart or a restored backup the hub may hold only one of them.
    """
    (delivery,) = await bench.sent()
    held = bench.has_one(delivery)
    known = {
        "an earlier reference": replace(delivery, prepared=None, document_id=None),
        "its id": replace(delivery, prepared=None, references=(), document_id=held["id"]),
    }
    for how, asked in known.items():
        (seen,) = await bench.look([asked])
        is_found = seen.kind is SightingKind.OURS and _names(seen, held["id"])
        require(is_found, f"by {how} alone, its document is seen as {seen.kind}")


async def _is_in_doubt(bench: Bench, delivery: Delivery) -> None:
    (outcome,) = await bench.send([delivery])
    require(
        outcome.verdict is Verdict.IN_DOUBT,
        f"a write whose answer was lost came back {outcome.verdict}: {outcome.reason}",
    )


async def _is_ours(bench: Bench, delivery: Delivery) -> None:
    held = bench.has_one(delivery)
    (seen,) = await bench.look([delivery])
    is_found = seen.kind is SightingKind.OURS and _names(seen, held["id"])
    require(is_found, f"the ERP holds our document, and the look calls it {seen.kind}")


def _names(seen: Sighting, document_id: str) -> bool:
    return any(each.document_id == document_id for each in seen.documents)
