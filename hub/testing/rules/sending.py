"""What goes out, once, in order, and what is said of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from hub.errors import HubError
from hub.hookspecs import OpenDocument
from hub.outcomes import Prepared, Rejected, SightingKind, Verdict
from hub.testing.ruling import ExemptError, require, rule
from hub.testing.samples import TOTAL, UNITS, with_other_goods, without_sku

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.testing.bench import Bench
    from hub.testing.watching import Call


@rule
async def one_outcome_each_in_order(bench: Bench) -> None:
    """A batch comes back as one outcome for each delivery, in order, each with its own document.

    The hub stores what the connector says. Two outcomes swapped put one customer's credit on the books of
    another's return, and nothing would ever show it.
    """
    deliveries = await bench.prepared(3)
    outcomes = await bench.send(deliveries)
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        require(
            outcome.verdict is Verdict.CREATED,
            f"a plain return came back {outcome.verdict}: {outcome.reason}",
        )
        held = bench.has_one(delivery)
        is_own = outcome.document is not None and outcome.document.document_id == held["id"]
        require(is_own, "an outcome names another delivery's document")


@rule
async def credits_each_unit_once(bench: Bench) -> str:
    """The document asks for exactly the units that come back, and credits exactly what was paid for them.

    This is what all the rest is for.
    """
    (delivery,) = await bench.prepared()
    prepared = delivery.prepared
    if prepared is None or (prepared.units is None and prepared.total is None):
        raise ExemptError("its prepared requests tell neither units nor a total")
    if prepared.units is not None:
        require(dict(prepared.units) == UNITS, f"it credits {_spelled(prepared.units)} units")
    if prepared.total is not None:
        require(prepared.total.amount == TOTAL, f"it credits {prepared.total} where {TOTAL} was paid")
    await bench.send([delivery])
    asked: Counter[str] = Counter()
    for line in bench.has_one(delivery)["lines"]:
        if line["sku"] in UNITS:
            asked[line["sku"]] += int(Decimal(line["quantity"]))
    require(asked == UNITS, f"the ERP's document asks for {_spelled(asked)} units")
    return "units" if prepared.total is None else "units and total"


def _spelled(units: Any) -> str:
    return ", ".join(f"{count} {sku}" for sku, count in sorted(units.items())) or "no"


@rule
async def sends_what_was_prepared(bench: Bench) -> None:
    """What goes out is what ``prepare`` gave, byte for byte, whatever the return looks like meanwhile.

    The hub freezes a request before its first attempt. A request built anew for the second may differ, after
    an edit of the mapping or of the return, and then no look recognises what the first left behind.
    """
    (delivery,) = await bench.prepared()
    edited = with_other_goods(replace(delivery, approved_at=delivery.approved_at + timedelta(days=1)))
    bench.time.set_forward(timedelta(days=1))
    before = len(bench.watched.calls)
    outcomes = await bench.send([edited])
    require(
        outcomes[0].verdict is Verdict.CREATED, f"it came back {outcomes[0].verdict}: {outcomes[0].reason}"
    )
    writes = [call for call in bench.watched.calls[before:] if call.is_write]
    request = delivery.prepared.request if delivery.prepared else ""
    is_whole = _is_sent(request, writes) or all(_is_sent(text, writes) for text in _texts(request))
    require(is_whole, "what it sent does not hold what was prepared")
    lines = bench.has_one(delivery)["lines"]
    require(
        all(line["sku"] != "SKU-003" for line in lines),
        "it sent goods that were edited into the return later",
    )


def _is_sent(text: str, writes: Iterable[Call]) -> bool:
    """Whether one of the calls carries a text, as it is or as XML or JSON has to write it."""
    spellings = {text, escape(text), escape(text, {'"': "&quot;"}), json.dumps(text)[1:-1]}
    spellings |= {json.dumps(text, ensure_ascii=False)[1:-1], text.replace("\r\n", "\n")}
    return any(spelling.encode() in call.body for call in writes for spelling in spellings)


def _texts(request: str) -> list[str]:
    """The texts a prepared request is made of, for an ERP that takes it in several calls."""
    try:
        parts = json.loads(request)
    except ValueError:
        return [request]
    if not isinstance(parts, dict) or not parts or not all(isinstance(each, str) for each in parts.values()):
        return [request]
    return [each.strip() for each in parts.values()]


@rule
async def writes_are_declared(bench: Bench) -> None:
    """Every call that may change something is made with ``is_write=True``.

    It decides what a lost answer means. A lost read is asked again; a lost write must be looked for first, or
    it is made twice.
    """
    await bench.sent()
    may_write = bench.writes_seen()
    declared = [call.is_write for call in bench.watched.calls]
    require(len(may_write) == len(declared), "it makes calls beside the session it is given")
    silent = sum(1 for is_write, said in zip(may_write, declared, strict=True) if is_write and not said)
    require(not silent, f"{silent} calls that may write were not declared as writes")


@rule
async def calls_are_shared(bench: Bench) -> str:
    """A batch takes a handful of calls and not some for each delivery; a poll takes none for each document.

    An ERP that allows a few thousand calls a day is shared with everything else the merchant runs. What is
    measured here is reported, so that an author sees what a return costs.
    """
    most = min(5, bench.connector.schema.max_batch)
    single = await _measured(bench, 1)
    several = await _measured(bench, most) if most > 1 else single
    for hook, calls in several.items():
        alone = single[hook]
        if most > 1 and alone and hook != "poll":
            require(
                calls < most * alone,
                f"{hook} takes {calls} calls for {most} deliveries and {alone} for one: some for each",
            )
    require(
        several["poll"] <= single["poll"] + 2,
        f"a poll takes {several['poll']} calls with {most + 1} open documents and {single['poll']} with one",
    )
    spelled = ", ".join(f"{hook} {calls}" for hook, calls in several.items())
    return f"calls for a batch of {most}: {spelled}"


async def _measured(bench: Bench, count: int) -> dict[str, int]:
    deliveries = bench.samples(count)
    calls, at = {}, len(bench.watched.calls)

    def note(hook: str) -> None:
        nonlocal at
        calls[hook], at = len(bench.watched.calls) - at, len(bench.watched.calls)

    answers = await bench.prepare(deliveries)
    note("prepare")
    ready = [
        replace(each, prepared=answer)
        for each, answer in zip(deliveries, answers, strict=True)
        if isinstance(answer, Prepared)
    ]
    await bench.send(ready)
    note("send")
    await bench.look(ready)
    note("look")
    opened = []
    for each in bench.sandbox.documents():
        bench.sandbox.receive(each["id"])
        made_at = bench.time.now()
        opened.append(OpenDocument(document_id=each["id"], reference=each["reference"], created_at=made_at))
    at = len(bench.watched.calls)
    await bench.poll_all(None, opened)
    note("poll")
    return calls


@rule
async def bad_neighbour_spoils_nobody(bench: Bench) -> None:
    """One delivery that cannot be booked does not stop those that share its batch.

    Under load a batch holds hundreds of returns. One without a SKU, or one whose document the ERP refuses,
    goes to a person; all others go through.
    """
    size = bench.batch_of(2)
    good, *others = bench.samples(size)
    answers = await bench.prepare([*(without_sku(each) for each in others), good])
    require(isinstance(answers[-1], Prepared), "a return without SKUs spoils preparing for its neighbour")
    for answer in answers[:-1]:
        is_told = not isinstance(answer, Rejected) or bool(answer.reason)
        require(is_told, "a delivery is rejected without a reason")
    bad, fine = await bench.prepared(2)
    bench.enter(bad.prepared.reference if bad.prepared else "", UNITS)
    refused, created = await bench.send([bad, fine])
    require(
        created.verdict is Verdict.CREATED,
        f"a refused document spoils its neighbour, which came back {created.verdict}: {created.reason}",
    )
    bench.has_one(fine)
    is_alone = len(bench.documents_of(bad)) == 1
    is_ours = refused.verdict in {Verdict.CREATED, Verdict.ADOPTED}
    require(not (is_alone and is_ours), "a refused document came back as created")


@rule
async def edited_request_keeps_marker(bench: Bench) -> None:
    """A request that a person edited still carries the sign by which a look knows its document.

    A person who mends a request in a hurry deletes what they do not understand. Without the marker the
    document is a stranger's, and the next lost answer makes a second one.
    """
    if not bench.connector.has("check_edited"):
        raise ExemptError("it has no check_edited, so that nobody can edit a request")
    (delivery,) = await bench.prepared()
    connection, prepared = bench.view_without_calls(), delivery.prepared
    try:
        nonsense = bench.connector.check_edited(connection, delivery, "this is no request")
        again = bench.connector.check_edited(connection, delivery, prepared.request if prepared else "")
    except HubError as error:
        require(False, f"check_edited raised instead of answering: {error}")
        return
    require(isinstance(nonsense, Rejected), "check_edited takes a text that is no request")
    require(isinstance(again, Prepared), "check_edited refuses what prepare gave")
    if isinstance(again, Prepared):
        edited = replace(delivery, prepared=again, references=(again.reference,))
        await bench.send([edited])
        (seen,) = await bench.look([edited])
        require(seen.kind is SightingKind.OURS, f"an edited document is seen as {seen.kind}")
