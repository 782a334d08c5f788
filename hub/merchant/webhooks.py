"""Subscriptions to updates: adding, looking, changing secrets, sending again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tortoise.expressions import Subquery
from yarl import URL

from hub.access import audit
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.inbound.signature import new_secret, parse_secret
from hub.merchant.connections import held
from hub.merchant.stores import checked_name
from hub.store.database import hold_key, in_transaction, naming
from hub.store.models import Connection, Exchange, Role, SendingStatus, UpdateSending
from hub.webhooks.message import ID_PREFIX
from hub.webhooks.subscription import (
    Credentials,
    Secret,
    Settings,
    checked_url,
    read_credentials,
    sealed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.store.models import Store
    from hub.telling import UpdateKind
    from hub.webhooks.subscription import Body

_PREFIX = f"{Role.WEBHOOK}:"
FAILED_COUNTS_FOR = timedelta(days=7)
"""How long an update that was given up is a problem; afterwards it is history."""


async def add(
    hub: Hub,
    store: Store,
    url: str,
    *,
    name: str | None,
    events: Sequence[UpdateKind],
    body: Body,
    secret: str | None = None,
) -> tuple[Connection, str]:
    """Subscribes an address to the updates of a store's RMAs, from now on.

    Args:
        hub: the hub.
        store: whose RMAs.
        url: where to; see :func:`~hub.webhooks.subscription.checked_url`.
        name: unique among the store's subscriptions, compared without case; None takes the address's host.
        events: which kinds; none for all.
        body: how much each message says.
        secret: ``whsec_…`` that the receiver made; None makes one.

    Returns:
        The row, and the secret that signs, which is told nowhere else.

    Raises:
        ConfigError: the address or the secret cannot be used.
        ConflictError: the name is in use.
        RetriableError: the address's name does not resolve now.
    """
    url = await checked_url(url, hub.environment.egress_allow)
    name = checked_name(name if name is not None else URL(url).host or "", "webhook", prefix=_PREFIX)
    secret = secret or new_secret()
    parse_secret(secret)
    now = hub.clock.now()
    row = Connection(
        id=hub.clock.new_id(),
        store=store,
        name=name,
        name_key=_key(name),
        role=Role.WEBHOOK,
        connector="",
        settings=Settings(url=url, events=tuple(dict.fromkeys(events)), body=body).model_dump_json(),
        created_at=now,
    )
    async with naming():
        if await Connection.exists(store_id=store.id, name_key=row.name_key):
            raise ConflictError(
                f"add webhook {name!r}: store {store.name} has one of that name",
                fix="choose another with --name",
            )
        await hold_key()
        row.credentials = sealed(hub, row, Credentials(secrets=(Secret(secret=secret, created_at=now),)))
        await row.save(force_create=True)
        # What stands behind the path of an address is often a key.
        after = {"url": str(URL(url).with_query(None)), "events": list(events), "body": body}
        await audit.record("webhook.added", name, store=store.id, after=after)
    return row, secret


async def get(store: Store, name: str) -> Connection:
    """The subscription of that name.

    Raises:
        NotFoundError: the store has none.
    """
    row = await Connection.get_or_none(store_id=store.id, name_key=_key(name), role=Role.WEBHOOK)
    if row is None:
        raise NotFoundError(
            f"find webhook {name!r} of store {store.name}",
            why=f"it has: {', '.join(each.name for each in await every(store)) or 'none'}",
            fix="name one of those, or add it with `hub webhooks add --url URL`",
        )
    return row


def _key(name: str) -> str:
    return f"{_PREFIX}{name.strip().casefold()}"


async def every(store: Store) -> list[Connection]:
    """The store's subscriptions, by name; removed ones are not among them."""
    mine = Connection.filter(store_id=store.id, role=Role.WEBHOOK, removed_at__isnull=True)
    return await mine.order_by("name")


async def rotate(hub: Hub, row: Connection, secret: str | None = None) -> str:
    """Gives a subscription a new secret; the one before signs as well for a day.

    Args:
        hub: the hub.
        row: which.
        secret: one that the receiver made; None makes one.

    Returns:
        The new secret, which is told nowhere else.

    Raises:
        ConfigError: the text is no secret, or those before cannot be opened.
        NotFoundError: it was removed meanwhile.
    """
    secret = secret or new_secret()
    parse_secret(secret)
    async with in_transaction():
        credentials = read_credentials(hub, await held(row)).rotated(secret, hub.clock.now())
        await hold_key()
        await Connection.filter(id=row.id).update(credentials=sealed(hub, row, credentials))
        await audit.record("webhook.secret_changed", row.name, store=row.store_id)
    return secret


async def pause(row: Connection) -> None:
    """Sends nothing until :func:`resume`; what comes meanwhile waits."""
    async with in_transaction():
        await held(row)
        await Connection.filter(id=row.id).update(is_paused=True, pause_reason="a person paused it")
        await audit.record("webhook.paused", row.name, store=row.store_id)


async def resume(hub: Hub, row: Connection) -> int:
    """Goes on with what has piled up, at once also with what failed before. Gives how many updates wait."""
    now = hub.clock.now()
    async with in_transaction():
        await held(row)
        # Whoever resumes has mended something: nobody waits hours for a try that was put off before.
        late = UpdateSending.filter(
            connection_id=row.id, status=SendingStatus.PENDING, next_attempt_at__gt=now
        )
        await late.update(next_attempt_at=now)
        await Connection.filter(id=row.id).update(is_paused=False, pause_reason="", resting_until=None)
        await audit.record("webhook.resumed", row.name, store=row.store_id)
    return await UpdateSending.filter(connection_id=row.id, status=SendingStatus.PENDING).count()


async def remove(hub: Hub, row: Connection) -> int:
    """Ends a subscription: its secrets are destroyed, its history stays. Gives how many updates it misses."""
    now = hub.clock.now()
    async with in_transaction():
        await held(row)
        waiting = UpdateSending.filter(connection_id=row.id, status=SendingStatus.PENDING)
        missed = await waiting.update(
            status=SendingStatus.SKIPPED,
            reason="the subscription was removed",
            ended_at=now,
            next_attempt_at=None,
        )
        await Connection.filter(id=row.id).update(
            removed_at=now, name_key=None, credentials="", is_paused=True, pause_reason="removed"
        )
        await audit.record("webhook.removed", row.name, store=row.store_id, after={"missed": missed})
    return missed


async def replay(
    hub: Hub,
    row: Connection,
    *,
    ids: Sequence[str] = (),
    since: datetime | None = None,
    is_failed_only: bool = False,
) -> int:
    """Sends messages again that went to a subscription before, under the same ids, as soon as it is awake.

    Args:
        hub: the hub.
        row: which.
        ids: exactly these messages, as receivers know them: ``msg_…``.
        since: all that came about at that time or later.
        is_failed_only: all that were given up.

    Returns:
        How many.

    Raises:
        UsageError: not exactly one of the three was asked for.
        NotFoundError: an id is none of a message to this subscription.
    """
    if sum((bool(ids), since is not None, is_failed_only)) != 1:
        raise UsageError(
            "replay messages",
            why="exactly one of --id, --since and --failed says which",
            fix="see them with `hub webhooks log`",
        )
    async with in_transaction():
        await held(row)
        asked = UpdateSending.filter(connection_id=row.id)
        if ids:
            keys = {each.removeprefix(ID_PREFIX): each for each in ids}
            asked = asked.filter(update__key__in=list(keys))
            known = {each["update__key"] for each in await asked.values("update__key")}
            if missing := [shown for key, shown in keys.items() if key not in known]:
                raise NotFoundError(
                    f"replay {missing[0]}",
                    why=f"no such message went to {row.name}",
                    fix="see them with `hub webhooks log`",
                )
        elif since is not None:
            asked = asked.filter(update__created_at__gte=since)
        else:
            asked = asked.filter(status=SendingStatus.FAILED)
        again = {
            "status": SendingStatus.PENDING,
            "attempts": 0,
            "next_attempt_at": hub.clock.now(),
            "reason": "",
            "ended_at": None,
        }
        count = await UpdateSending.filter(id__in=Subquery(asked.values("id"))).update(**again)
        await Connection.filter(id=row.id).update(resting_until=None)
        await audit.record("webhook.replayed", row.name, store=row.store_id, after={"messages": count})
    return count


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One update to a subscription, and every call that carried it, oldest first."""

    sending: UpdateSending
    calls: Sequence[Exchange]


async def log(row: Connection, *, limit: int) -> list[Message]:
    """What went or is to go to a subscription, newest first. Calls are kept for 30 days."""
    mine = UpdateSending.filter(connection_id=row.id).order_by("-id").limit(limit)
    rows = await mine.select_related("update", "rma")
    calls: dict[str | None, list[Exchange]] = {}
    keys = [each.update.key for each in rows]
    for call in await Exchange.filter(connection_id=row.id, update_key__in=keys).order_by("id"):
        calls.setdefault(call.update_key, []).append(call)
    return [Message(sending=each, calls=calls.get(each.update.key, ())) for each in rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a subscription is.

    Attributes:
        pending: updates that wait, for whatever reason.
        oldest_pending_at: since when the oldest of them waits; None when none does.
        failed: updates given up within the last :data:`FAILED_COUNTS_FOR`.
        problems: sentences; empty when all is well.
    """

    pending: int
    oldest_pending_at: datetime | None
    failed: int
    problems: Sequence[str]


async def standing(hub: Hub, row: Connection) -> Standing:
    """How a subscription is now."""
    mine = UpdateSending.filter(connection_id=row.id)
    waiting = mine.filter(status=SendingStatus.PENDING)
    oldest = await waiting.order_by("id").first().select_related("update")
    counts_from = hub.clock.now() - FAILED_COUNTS_FOR
    failed = await mine.filter(status=SendingStatus.FAILED, ended_at__gte=counts_from).count()
    problems = []
    if row.is_paused:
        mend = f"once that is mended, `hub webhooks resume {shlex.quote(row.name)}`"
        problems.append(f"it is paused: {row.pause_reason}; {mend}")
    elif row.last_error:
        problems.append(f"its last call failed: {row.last_error}")
    if failed:
        problems.append(
            f"{failed} updates were given up in the last {FAILED_COUNTS_FOR.days} days: run "
            f"`hub webhooks replay {shlex.quote(row.name)} --failed`"
        )
    return Standing(
        pending=await waiting.count(),
        oldest_pending_at=oldest.update.created_at if oldest else None,
        failed=failed,
        problems=problems,
    )
