"""Erasing a customer's personal data, and keeping what prevents a second credit.

Ids, references, amounts, states and the story stay, so that the same RMA arriving again is known and nothing
is made for it. Every document is cut down to what the hub acts on (:mod:`hub.inbound.impersonal`), what was
cut away is taken out of every text about the RMA, and the calls that were about it lose their bodies.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tortoise.expressions import Q, Subquery

from hub.access import audit
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.inbound.impersonal import texts_of_person, without_person
from hub.inbound.strict_json import canonical, load
from hub.outcomes import Status
from hub.store.database import client, in_transaction
from hub.store.models import (
    Attempt,
    Delivery,
    Event,
    Exchange,
    ExchangeDelivery,
    Rma,
    RmaItem,
    RmaToFetch,
    RmaUpdate,
    TimelineEntry,
    UpdateSending,
)
from hub.store.people import AuditEntry, KeptAnswer
from hub.store.timeline import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.models import Model

    from hub.core import Hub
    from hub.store.models import Store

ERASED = "[erased]"
SHORTEST = 3
"""Shorter texts (a state, a country) tell nobody apart, and would make every sentence unreadable."""
AT_ONCE = 200
A_CALL = timedelta(hours=1)
"""Longer than any call takes, and any wait for its place in the quota."""
_UNDER_WAY = {Status.PENDING, Status.SENDING, Status.IN_DOUBT, Status.ATTENTION}


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What was erased.

    Attributes:
        rma_ids: of these RMAs.
        calls: so many calls of the request log lost their bodies.
        is_log_emptied: False when SQLite's write-ahead log still holds old pages, since somebody was reading;
            they go by themselves once the log is written over.
    """

    rma_ids: Sequence[str]
    calls: int
    is_log_emptied: bool


async def find(
    store: Store, rma_ids: Sequence[str] = (), *, order: str | None = None, email: str | None = None
) -> list[Rma]:
    """RMAs of one customer: by their numbers, their order, or an e-mail address anywhere in their documents.

    Raises:
        UsageError: nothing says which. NotFoundError: the store has none, or lacks one that was named.
    """
    named = [each.strip() for each in rma_ids]
    if not (named or order or email):
        raise UsageError("erase RMAs", why="nothing says which", fix="give numbers, --order or --email")
    rows = {row.id: row for row in await Rma.filter(store_id=store.id, rma_id__in=named)} if named else {}
    if missing := sorted(set(named) - {row.rma_id for row in rows.values()}):
        raise NotFoundError(
            f"find RMA {missing[0]!r} of store {store.name}: it has not arrived",
            fix="list those that have with `hub rmas list`; nothing was erased",
        )
    if order:
        bare = order.strip().lstrip("#")
        rows |= {
            row.id: row for row in await Rma.filter(store_id=store.id, order_name__in=[bare, f"#{bare}"])
        }
    if email:
        rows |= {row.id: row for row in await _by_email(store, email.strip())}
    if not rows:
        raise NotFoundError("erase RMAs: none fits", fix="look for them with `hub rmas list`")
    return [rows[each] for each in sorted(rows)]


async def _by_email(store: Store, email: str) -> list[Rma]:
    holds = Q(document__icontains=email) | Q(approved_document__icontains=email)
    found = {row.id: row for row in await Rma.filter(holds, store_id=store.id)}
    earlier = Event.filter(store_id=store.id, document__icontains=email)
    found |= {row.id: row for row in await Rma.filter(id__in=Subquery(earlier.values("rma_id")))}
    # `ann@example.com` is in `joann@example.com` too.
    whole = _pattern([email], around=r"[\w.+-]")
    return [row for row in found.values() if any(whole.search(text) for text in await _documents(row))]


async def _documents(row: Rma) -> list[str]:
    events = [each.document for each in await Event.filter(rma_id=row.id).only("id", "document")]
    return [text for text in (row.document, row.approved_document, *events) if text]


async def erase(hub: Hub, store: Store, rows: Sequence[Rma]) -> Erased:
    """Erases the personal data of RMAs that are settled. Safe to repeat, and to go on with after a kill.

    Raises:
        ConflictError: something is still to be sent for one of them. Nothing was erased.
    """
    for row in rows:
        await _check_settled(row)
    calls = 0
    for row in rows:
        calls += await _erase_one(hub, store, row.id)
    return Erased(
        rma_ids=[row.rma_id for row in rows],
        calls=calls,
        is_log_emptied=await _empty_log() if hub.environment.is_sqlite else True,
    )


async def _check_settled(row: Rma) -> None:
    delivery = await Delivery.get_or_none(rma_id=row.id)
    if delivery is not None and delivery.status in _UNDER_WAY:
        raise ConflictError(
            f"erase RMA {row.rma_id}: its delivery is {delivery.status}",
            why="its credit note may still have to be made from what would be erased; nothing was erased",
            fix="wait until it is done, or close it with "
            f"`hub deliveries resolve {delivery.id} --note TEXT`, then run this again",
        )


async def _erase_one(hub: Hub, store: Store, row_id: int) -> int:
    async with in_transaction():
        row = await Rma.filter(id=row_id).select_for_update(no_key=True).get()
        await _check_settled(row)
        delivery = await Delivery.filter(rma_id=row.id).select_for_update().first()
        now = hub.clock.now()
        person = _pattern(_spellings(_person(await _documents(row))))
        calls = await _erase_calls(row, delivery, person)
        await _erase_documents(row)
        flags = ("contradiction", "contradictions", "closed_contradictions", "resolved_flag")
        await _scrub(person, Rma.filter(id=row.id), *flags)
        await _scrub(person, RmaItem.filter(rma_id=row.id), "reason")
        await _scrub(person, TimelineEntry.filter(rma_id=row.id), "text")
        await _scrub(person, RmaUpdate.filter(rma_id=row.id), "facts")
        await _scrub(person, UpdateSending.filter(rma_id=row.id), "reason")
        fetches = RmaToFetch.filter(rma_id=row.rma_id, connection__store_id=store.id)
        await _scrub(person, fetches, "reason")
        targets = [row.rma_id]
        if delivery is not None:
            targets.append(delivery.id)
            columns = (
                "request",
                "original_request",
                "edited_request",
                "origins",
                "warnings",
                "reason",
                "fix",
                "question",
                "answers",
            )
            await _scrub(person, Delivery.filter(id=delivery.id), *columns)
            # The ERP's answer may name another person than the RMA does.
            await Delivery.filter(id=delivery.id).update(look_up=None)
            await _scrub(person, Attempt.filter(delivery_id=delivery.id), "reason")
        entries = AuditEntry.filter(store_id=store.id, target__in=targets)
        await _scrub(person, entries, "before", "after")
        await _scrub(person, KeptAnswer.all(), "body")
        await Rma.filter(id=row.id).update(erased_at=row.erased_at or now)
        await tell(row.id, now, "rma.erased", "The customer's personal data was erased.")
        await audit.record("rma.erased", row.rma_id, store=store.id, after={"calls": calls})
    return calls


def _person(documents: Sequence[str]) -> set[str]:
    texts = {text for each in documents for text in texts_of_person(_read(each))}
    return {text for text in texts if len(text) >= SHORTEST}


def _read(text: str) -> dict[str, Any]:
    document = load(text.encode())
    return document if isinstance(document, dict) else {}


def _spellings(texts: set[str]) -> set[str]:
    """Each text as it may stand in another: plain, in JSON, in HTML and in an address."""
    return {
        spelled
        for text in texts
        for spelled in (
            text,
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            html.escape(text),
            quote(text),
            quote(text, safe=""),
        )
    }


def _pattern(texts: Sequence[str] | set[str], around: str = r"\w") -> re.Pattern[str]:
    """Finds any of the texts as a word of its own, in any case; nothing when there is none."""
    longest_first = "|".join(re.escape(text) for text in sorted(texts, key=lambda each: (-len(each), each)))
    return re.compile(f"(?<!{around})(?:{longest_first or '(?!)'})(?!{around})", re.IGNORECASE)


async def _erase_documents(row: Rma) -> None:
    """The RMA's documents and those of all its events, by the same rule by which later ones are taken in."""
    approved = row.approved_document
    await Rma.filter(id=row.id).update(
        document=_cut(row.document), approved_document=_cut(approved) if approved else None
    )
    for each in await Event.filter(rma_id=row.id).only("id", "document"):
        await Event.filter(id=each.id).update(document=_cut(each.document))


def _cut(text: str) -> str:
    return canonical(without_person(_read(text)))


async def _scrub(person: re.Pattern[str], rows: Any, *columns: str) -> None:
    model: type[Model] = rows.model
    for row_id, *texts in await rows.values_list("id", *columns):
        clean = {
            column: person.sub(ERASED, text)
            for column, text in zip(columns, texts, strict=True)
            if text and person.search(text)
        }
        if clean:
            await model.filter(id=row_id).update(**clean)


async def _erase_calls(row: Rma, delivery: Delivery | None, person: re.Pattern[str]) -> int:
    """Empties the bodies of the calls that were about the RMA, or in which it or its customer is named.

    A call may be about several RMAs: then the others lose its bodies too.
    """
    about: set[int] = set()
    names = [row.rma_id]
    if delivery is not None:
        mine = ExchangeDelivery.filter(delivery_id=delivery.id)
        about = {each.exchange_id for each in await mine.only("id", "exchange_id")}
        names += [each for each in (delivery.reference, delivery.document_id) if each]
    named = _pattern(_spellings(set(names)))
    counted, last = 0, 0
    # The call that brought it in began a little before it was received.
    since = row.received_at - A_CALL
    while True:
        calls = Exchange.filter(connection__store_id=row.store_id, at__gte=since, id__gt=last)
        page = await calls.order_by("id").limit(AT_ONCE)
        if not page:
            return counted
        last = page[-1].id
        for call in page:
            text = f"{call.url}\n{call.request_body}\n{call.reply_body}\n{call.error}"
            if call.id in about or named.search(text) or person.search(text):
                await Exchange.filter(id=call.id).update(
                    url=person.sub(ERASED, call.url),
                    request_body=ERASED if call.request_body else "",
                    reply_body=ERASED if call.reply_body else "",
                    error=person.sub(ERASED, call.error),
                )
                counted += 1


async def _empty_log() -> bool:
    """Writes SQLite's log into the file and empties it: old pages are in it otherwise."""
    _, rows = await client().execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
    return not rows[0][0]
