"""Deliveries: lists, one in full, and handing one back to the hub after a person has mended its cause."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.access import audit
from hub.dispatch.frozen import keep_edited, replace_by_edited
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.inbound.deciding import decide, place, take_as_it_is
from hub.inbound.document import parse_rma
from hub.merchant.answers import keep_answer
from hub.merchant.documents import forget_shared, risk_of_none, settle_document
from hub.merchant.editing import checked
from hub.merchant.rmas import no_such_page
from hub.outcomes import Status, ValidationState
from hub.routing import Decision, is_not_approved
from hub.store.accounts import hold_account
from hub.store.database import in_transaction
from hub.store.models import Attempt, Connection, Delivery, Exchange, Rma, RmaItem
from hub.store.timeline import EDITED, HANDED_BACK, RESOLVED, tell
from hub.store.validation import last_flag, state_of
from hub.telling import of_delivery, of_goods, tell_receivers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.clock import Clock
    from hub.core import Hub
    from hub.merchant.answers import Answer
    from hub.store.models import Store
    from hub.telling import News


async def every(
    store: Store,
    *,
    status: Status | None = None,
    rma_id: str | None = None,
    connection: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Delivery]:
    """The store's deliveries, those of the newest RMAs first.

    Args:
        store: whose.
        status: only those.
        rma_id: only that of this RMA.
        connection: only those over the connection of this name.
        before: only those after the delivery of this id, the last one of the page before.
        limit: at most so many.

    Raises:
        UsageError: the store has no delivery of the id in ``before``.
    """
    query = Delivery.filter(rma__store_id=store.id)
    # One number, in the two tables: whichever is sorted by, SQLite walks that table's index, and of the two
    # the one that what is wanted narrows down.
    by = "rma__id" if status is None and connection is None else "rma_id"
    if before is not None:
        last = await Delivery.get_or_none(rma__store_id=store.id, id=before)
        if last is None:
            raise no_such_page("deliveries")
        query = query.filter(**{f"{by}__lt": last.rma_id})
    if status is not None:
        query = query.filter(status=status)
    if rma_id is not None:
        query = query.filter(rma__rma_id=rma_id)
    if connection is not None:
        key = connection.strip().casefold()
        row = await Connection.get_or_none(store_id=store.id, name_key=key)
        if row is None:
            return []
        query = query.filter(connection_id=row.id)
    return await query.select_related("rma", "connection").order_by(f"-{by}").limit(limit)


async def get(store: Store, delivery_id: str) -> Delivery:
    """One delivery, by its id or an unambiguous beginning of it.

    Raises:
        NotFoundError: there is none. ConflictError: the beginning fits several.
    """
    rows = (
        await Delivery.filter(rma__store_id=store.id, id__startswith=delivery_id.strip().lower())
        .select_related("rma", "connection")
        .limit(2)
    )
    if not rows:
        raise NotFoundError(
            f"find delivery {delivery_id!r}: there is none",
            fix="list them with `hub deliveries list`, those of one RMA with --rma ID",
        )
    if len(rows) > 1:
        raise ConflictError(
            f"find delivery {delivery_id!r}: several begin like this", fix="give more of the id"
        )
    return rows[0]


async def of_rma(rma: Rma) -> Delivery | None:
    """An RMA's delivery, with its connection; None when it was never approved."""
    return await Delivery.get_or_none(rma_id=rma.id).select_related("rma", "connection")


async def attempts(delivery: Delivery) -> Sequence[Attempt]:
    """Every try to send it, oldest first."""
    return await Attempt.filter(delivery_id=delivery.id).order_by("number")


async def calls(delivery: Delivery) -> Sequence[Exchange]:
    """Every call to the ERP that was about it, oldest first, as the request log keeps them."""
    return await Exchange.filter(about__delivery_id=delivery.id).order_by("id")


async def retry(
    clock: Clock,
    delivery: Delivery,
    *,
    prepare_anew: bool = False,
    is_gone: bool = False,
    answer: Answer | None = None,
) -> str:
    """Hands a delivery back to the hub.

    One of which nothing ever went out is routed and prepared anew, by the settings as they are now. One
    that was sent before is looked for in the ERP first, as often and as late as after any lost answer, and
    only when nothing is found is the same request sent.

    Args:
        clock: time.
        delivery: which, as the person saw it: one that changed since is refused.
        prepare_anew: True makes a new request once nothing was found, with the mapping, the settings and
            the ERP's data as they are then. The request that was sent before is kept beside it.
        is_gone: True takes one that is done as well, for a person who knows that its document is gone from
            the ERP; it is looked for like any other.
        answer: a person's yes to what the delivery asks; None hands it back without one.

    Returns:
        What happens now, in one sentence.

    Raises:
        ConflictError: it is not waiting for a person, changed meanwhile, or asks something else.
        UsageError: the answer has no note.
    """
    async with in_transaction():
        connection, rma, row = await _held(delivery)
        _check_waits_for_person(row, "retry", is_gone=is_gone)
        before = _state(row)
        if answer is not None:
            await keep_answer(row, rma, answer, clock.now())
        if not row.attempts and row.document_id is None:
            now_is = await _route_again(row, rma, clock)
            await _record("retried", rma, row, before)
            return now_is
        _check_is_approved(row, rma, "retry")
        _check_can_look(row, connection, "retry")
        forget_shared(row)
        # Of an erased RMA's request parts are gone.
        row.is_prepared_anew, row.edited_request = prepare_anew or rma.erased_at is not None, None
        text = "A person asked for another try. The hub first looks for what earlier ones may have left."
        await _look_first(row, clock.now(), text)
        await _record("retried", rma, row, before, is_prepared_anew=prepare_anew, is_gone=is_gone)
    what = "a new request is prepared" if prepare_anew else "the same request is sent"
    return f"the hub looks for an earlier document first; only when there is none, {what}"


async def edit(hub: Hub, delivery: Delivery, request: str) -> str:
    """Puts a request that a person wrote in the place of the frozen one, which is kept beside it.

    One of which nothing ever went out is sent as it is now. One that was sent before is looked for first,
    as with :func:`retry`, and only when nothing is found does the new request replace the old one. Looks
    go on under every reference ever sent, also when the new request has another.

    Args:
        hub: the hub.
        delivery: which, as the person saw it: one that changed since is refused.
        request: the whole request, in the connector's own form.

    Returns:
        What happens now, in one sentence.

    Raises:
        ConflictError: it is not waiting for a person, changed meanwhile, or is not to be sent at all.
        ConfigError: the connector refuses the request; says where it is wrong.
        UsageError: its connector takes no edited requests.
    """
    _check_waits_for_person(delivery, "edit")
    seen = await Connection.get_or_none(id=delivery.connection_id)
    answer = await checked(hub, delivery, _check_can_look(delivery, seen, "edit"), request)
    async with in_transaction():
        connection, rma, row = await _held(delivery)
        _check_waits_for_person(row, "edit")
        connection = _check_can_look(row, connection, "edit")
        _check_is_as_seen(row, connection, seen)
        now, before = hub.clock.now(), _state(row)
        if row.attempts or row.document_id is not None:
            _check_is_approved(row, rma, "edit")
            forget_shared(row)
            keep_edited(row, answer)
            row.is_prepared_anew = False
            text = "A person wrote another request. The hub first looks for what earlier ones may have left."
            await _look_first(row, now, text)
            await _record("edited", rma, row, before, sent_as=answer.reference)
            return (
                "the hub looks for an earlier document first; only when there is none, the edited request is "
                f"sent as {answer.reference!r}"
            )
        await _check_is_due(row)
        replace_by_edited(row, answer)
        row.status, row.verdict, row.reason, row.fix, row.question = Status.PENDING, None, None, "", None
        row.next_attempt_at, row.retries = now, 0
        await _save(row, now)
        text = f"A person wrote the request by hand. It is sent as {answer.reference!r}."
        await tell(row.rma_id, now, EDITED, text)
        await _record("edited", rma, row, before, sent_as=answer.reference)
    return f"the edited request is sent as {answer.reference!r}"


async def _check_is_due(row: Delivery) -> None:
    """Whether the RMA as it is now is to be credited over the connection that the request is for."""
    rma_row = await Rma.get(id=row.rma_id)
    decided = await decide(rma_row, parse_rma(json.loads(rma_row.document, parse_float=Decimal)))
    if decided.decision is not Decision.SEND or decided.connection_id != row.connection_id:
        raise ConflictError(
            f"edit delivery {row.id}: its RMA is not credited over this connection now",
            why=decided.reason or "its return method points at another connection",
            fix=f"run `hub deliveries retry {row.id}`, which decides anew",
        )


async def _look_first(row: Delivery, now: datetime, text: str) -> None:
    """Puts a delivery where the hub looks, as often and as late as after any lost answer."""
    last = await Attempt.filter(delivery_id=row.id).order_by("-number").first()
    row.status, row.next_attempt_at, row.looks, row.retries = Status.IN_DOUBT, now, 0, 0
    row.question = None
    row.lost_at = (last.finished_at or last.started_at) if last else now
    await _save(row, now)
    await tell(row.rma_id, now, HANDED_BACK, text)


def _check_waits_for_person(row: Delivery, verb: str, *, is_gone: bool = False) -> None:
    if row.status in {Status.ATTENTION, Status.SKIPPED} or (is_gone and row.status is Status.DONE):
        return
    raise ConflictError(
        f"{verb} delivery {row.id}: it is {row.status}",
        why="only one that needs a person, or was skipped, can be handed back",
        fix="nothing: its document exists; if that is gone from the ERP, `hub deliveries retry` has --gone"
        if row.status is Status.DONE
        else "nothing: the hub works on it by itself",
    )


async def resolve(
    clock: Clock,
    delivery: Delivery,
    note: str,
    document_id: str | None = None,
    *,
    is_without_document: bool = False,
) -> str:
    """Closes what a person has dealt with.

    Args:
        clock: time.
        delivery: which, as the person saw it: one that changed since is refused.
        note: what the person did, for the RMA's story.
        document_id: the ERP's id of the document that counts; None when there is to be none, or when the
            delivery has its document and only a flag is to be closed.
        is_without_document: True when the person was told what it risks to close it without a document.

    Returns:
        What it is now, in one sentence.

    Raises:
        ConflictError: the hub is at work on it, it has another document, the document is another RMA's, or
            there may be a document and nobody said that there is none.
        UsageError: the note is empty.
    """
    if not note.strip():
        raise UsageError("resolve a delivery", why="the note is empty", fix="say with --note what was done")
    given = document_id.strip() if document_id is not None else None
    async with in_transaction():
        connection, rma, row = await _held(delivery)
        now = clock.now()
        is_paused = connection is not None and connection.is_paused
        if row.status is Status.SENDING or (row.status is Status.PENDING and not is_paused):
            raise ConflictError(
                f"resolve delivery {row.id}: it is {row.status}",
                why="the hub is about to send it",
                fix="pause its connection or wait until it is done",
            )
        was = row.status
        before = _state(row)
        if given is None and not is_without_document and (risk := risk_of_none(row)):
            raise ConflictError(
                f"resolve delivery {row.id} without a document",
                why=risk,
                fix="look in the ERP and name the document that counts; when there is none, confirm that, "
                "over the API with `without_document`",
            )
        await settle_document(row, rma, connection, given, now)
        row.edited_request = None
        row.reason, row.fix, row.question, row.next_attempt_at, row.lost_at = None, "", None, None, None
        if row.status is not Status.DONE:
            row.reason = f"closed by a person: {note.strip()}"
        await _save(row, now)
        cleared = await _lift_flags(rma)
        await tell(row.rma_id, now, RESOLVED, f"A person closed this: {note.strip()}.")
        await _record("resolved", rma, row, before, note=note.strip())
        await tell_receivers(clock, await _news(row, rma, was, cleared))
    return f"it is {row.status}" + (f" with document {row.document_id}" if row.document_id else "")


async def _news(row: Delivery, rma: Rma, status: Status, cleared: str | None) -> list[News]:
    """What a person's word means for the RMA's platform and subscribers, given what it was before."""
    told = []
    if row.status is Status.DONE and status is not Status.DONE:
        connection = await Connection.get_or_none(id=row.connection_id)
        told.append(of_delivery(row, connection.name if connection else None))
    if cleared is not None:
        credited = await RmaItem.filter(rma_id=rma.id, is_credited=True)
        is_completed = rma.validation is ValidationState.FULL
        told += of_goods(row, credited, [], is_completed=is_completed, flag=None, cleared=cleared)
    return told


async def _record(done: str, rma: Rma, row: Delivery, before: dict[str, str | None], **more: object) -> None:
    """Writes to the audit log. The requests themselves are kept with the delivery."""
    after = {"rma_id": rma.rma_id, **_state(row), **more}
    await audit.record(f"delivery.{done}", row.id, store=rma.store_id, before=before, after=after)


def _state(row: Delivery) -> dict[str, str | None]:
    return {"status": row.status, "document_id": row.document_id, "reference": row.reference}


async def _lift_flags(rma: Rma) -> str | None:
    """Gives what the RMA was flagged for; None when it was not."""
    if rma.validation is not ValidationState.FLAGGED:
        return None
    rma.resolved_flag = await last_flag(rma)
    lifted = rma.contradiction or rma.resolved_flag or ""
    closed = [*json.loads(rma.closed_contradictions), *json.loads(rma.contradictions)]
    rma.closed_contradictions = json.dumps(
        [{"code": each["code"], "facts": each["facts"]} for each in closed], ensure_ascii=False
    )
    rma.contradiction, rma.contradictions = None, "[]"
    rma.validation = rma.goods = state_of(await RmaItem.filter(rma_id=rma.id, is_credited=True))
    fields = ("resolved_flag", "contradiction", "contradictions", "closed_contradictions")
    await rma.save(update_fields=[*fields, "validation", "goods"])
    return lifted


def _check_is_approved(row: Delivery, rma: Rma, verb: str) -> None:
    if is_not_approved(rma.status):
        raise ConflictError(
            f"{verb} delivery {row.id}: its RMA is {rma.status}, not approved",
            why="nothing is to be credited for it",
            fix=f"close it with `hub deliveries resolve {row.id} --note TEXT`; when the RMA is approved "
            "again, run this again",
        )


async def _held(delivery: Delivery) -> tuple[Connection | None, Rma, Delivery]:
    """The delivery with its connection and its RMA, all locked, in the order in which everyone locks them.

    Raises:
        ConflictError: it is no longer what the person saw.
    """
    connection = await hold_account(delivery.connection_id) if delivery.connection_id is not None else None
    rma = await Rma.filter(id=delivery.rma_id).select_for_update(no_key=True).get()
    row = await Delivery.filter(id=delivery.id).select_for_update().get()
    if row.version != delivery.version:
        raise ConflictError(
            f"change delivery {row.id}: it changed meanwhile",
            why=f"it is {row.status} now",
            fix="look at it again, then decide",
        )
    return connection, rma, row


async def _save(row: Delivery, now: datetime) -> None:
    row.version += 1
    row.updated_at = now
    await row.save()


def _check_can_look(row: Delivery, connection: Connection | None, verb: str) -> Connection:
    """Gives the connection back when it can tell whether an earlier attempt made a document."""
    if connection is None:
        raise ConflictError(
            f"{verb} delivery {row.id}: it goes over no connection",
            why=row.reason or "",
            fix=row.fix or "point its return method at a connection, then run `hub deliveries retry`",
        )
    by_hand = "look in the ERP yourself; then `hub deliveries resolve` with the document, or without"
    if connection.removed_at is not None:
        raise ConflictError(
            f"{verb} delivery {row.id}: its connection {connection.name!r} was removed",
            why="only that connection can tell whether an earlier attempt made a document",
            fix=by_hand,
        )
    if row.account_key not in {None, connection.account}:
        raise ConflictError(
            f"{verb} delivery {row.id}: its connection {connection.name!r} leads to another account now",
            why="only the account that it was sent to can tell whether an earlier attempt made a document",
            fix=f"lead {connection.name!r} back to that account first; or {by_hand}",
        )
    return connection


def _check_is_as_seen(row: Delivery, connection: Connection, seen: Connection | None) -> None:
    """Whether a request was checked against the settings that it would be sent with."""
    if seen is None or (seen.settings, seen.credentials) != (connection.settings, connection.credentials):
        raise ConflictError(
            f"edit delivery {row.id}: its connection {connection.name!r} was changed meanwhile",
            fix="send the request once more, so that it is checked against the new settings",
        )


async def _route_again(row: Delivery, rma: Rma, clock: Clock) -> str:
    now = clock.now()
    decided = await take_as_it_is(rma)
    if decided.decision is Decision.NONE:
        raise ConflictError(f"retry delivery {row.id}", why=decided.reason, fix="nothing is due now")
    await tell(row.rma_id, now, HANDED_BACK, "A person asked for another try.")
    await place(row, decided, now)
    if decided.decision is Decision.SEND:
        return "it is prepared anew and sent"
    return f"it stays where it is: {decided.reason}"
