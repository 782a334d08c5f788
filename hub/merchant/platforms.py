"""Platforms: where a store's returns come from and where their updates go."""

from __future__ import annotations

import json
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.access import audit
from hub.dispatch.http import client_session
from hub.dispatch.quota import Usage, usage
from hub.dispatch.waiting import claim_in_turn
from hub.errors import ConflictError, HubError, NotFoundError
from hub.merchant.connections import as_json, held, shown_values, split_values
from hub.merchant.erp_accounts import account_key, twin_of
from hub.merchant.platform_problems import platform_problems
from hub.merchant.reach import check_reach
from hub.merchant.stores import checked_name
from hub.platform.returngo.config import SCHEMA
from hub.platform.returngo.hints import PATH, hint_key
from hub.platform.returngo.opening import open_platform, read_credentials, read_settings
from hub.platform.returngo.shop import hold_shop
from hub.store.database import hold_key, in_transaction, naming
from hub.store.models import Connection, RmaToFetch, Role, SendingStatus, Store, UpdateSending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from pydantic import BaseModel

    from hub.core import Hub

TOKEN_BYTES = 24
_PREFIX = f"{Role.PLATFORM}:"


def checked_platform(name: str) -> None:
    """Refuses a platform the hub does not know.

    Raises:
        NotFoundError: it is another one.
    """
    if name != SCHEMA.name:
        raise NotFoundError(
            f"find platform {name!r}", why=f"the hub knows: {SCHEMA.name}", fix="name one of those"
        )


async def add(
    hub: Hub, store: Store, name: str, values: Mapping[str, str], *, should_check: bool = True
) -> Connection:
    """Connects a shop on ReturnGO; with a check that fails, nothing is kept.

    Returns approved before ``credit_from``, which is now unless it is given, are not credited.

    Raises:
        ConfigError: a value is wrong or missing. ConflictError: the name or the shop is in use.
        AuthError, RetriableError: the check failed.
    """
    now = hub.clock.now()
    given = {"hint_token": secrets.token_urlsafe(TOKEN_BYTES), "credit_from": now.isoformat(), **values}
    credentials, settings = split_values(SCHEMA, given)
    await check_reach(hub, settings)
    name = checked_name(name, "platform", prefix=_PREFIX)
    key = account_key(SCHEMA, credentials, settings)
    row = Connection(
        id=hub.clock.new_id(),
        store=store,
        name=name,
        name_key=_name_key(name),
        role=Role.PLATFORM,
        connector=SCHEMA.name,
        quota_key=key,
        settings=as_json(settings),
        credentials="",
        created_at=now,
        next_poll_at=None if should_check else now,
    )
    async with naming():
        await _seal(hub, row, credentials)
        await _check_free(row)
        await row.save(force_create=True)
        await audit.record("platform.added", name, store=store.id, after=shown_values(SCHEMA, row, hub)[0])
    if should_check:
        try:
            await check(hub, row)
        except BaseException:
            async with in_transaction():
                await _forget(hub, row)
                why = {"reason": "it failed its first check"}
                await audit.record("platform.removed", name, store=store.id, after=why)
            raise
        # Not before: nothing is taken in from a platform that is not kept.
        await Connection.filter(id=row.id).update(next_poll_at=hub.clock.now())
    return row


async def _seal(hub: Hub, row: Connection, credentials: BaseModel) -> None:
    """Puts credentials on a row that is not written yet, in the caller's transaction."""
    await hold_key()
    row.credentials = hub.sealer.seal(as_json(credentials), row=f"connection/{row.id}")
    row.hint_key = hint_key(read_credentials(hub, row).hint_token.get_secret_value())


async def _check_free(row: Connection) -> None:
    if await Connection.exists(store_id=row.store_id, name_key=row.name_key):
        raise ConflictError(
            f"add platform {row.name!r}: the store has one of that name",
            fix=f"choose another name, or change it with `hub platforms edit {shlex.quote(row.name)}`",
        )
    await _check_token_free(row)
    # Of another store's, nobody is told before they have proved that the shop is theirs too.
    if twin := await twin_of(row, row.quota_key):
        raise ConflictError(
            f"add platform {row.name!r}: {twin.name!r} is this shop",
            why="each return would be taken in twice, and one quota spent twice over",
            fix="use that one, or remove it first",
        )


async def _check_token_free(row: Connection) -> None:
    if await Connection.filter(hint_key=row.hint_key).exclude(id=row.id).exists():
        raise ConflictError(
            f"give platform {row.name!r} this hint_token: another platform has it",
            why="it names the one platform whose webhooks come to its address",
            fix="leave hint_token out, and the hub makes one up",
        )


async def check(hub: Hub, row: Connection) -> None:
    """Proves a platform's credentials with one list call, and writes down how it went.

    Raises:
        AuthError, RetriableError, RejectedError: it does not work now.
        ConflictError: another connection has proved this shop before, or somebody else works on it and does
            not finish.
    """
    async with (
        claim_in_turn(hub, row.id, owner="check", what=f"check platform {row.name!r}") as claimed,
        client_session(allowed=hub.environment.egress_allow) as http,
    ):
        try:
            await open_platform(hub, row, http, claimed).client.list_page(rows=1)
        except HubError as error:
            await Connection.filter(id=row.id).update(last_error=str(error), last_error_at=hub.clock.now())
            raise
        row.last_success_at, row.last_error = hub.clock.now(), ""
        # Of what was tried: a person may have entered another key meanwhile.
        as_tried = Connection.filter(id=row.id, settings=row.settings, credentials=row.credentials)
        await as_tried.update(last_success_at=row.last_success_at, last_error="")
        await hold_shop(row, row.last_success_at)


def hint_path(hub: Hub, row: Connection) -> str:
    """The path of the address to give to ReturnGO's webhooks. Whoever knows it can make the hub look."""
    return PATH + read_credentials(hub, row).hint_token.get_secret_value()


async def get(store: Store, name: str) -> Connection:
    """The platform of that name.

    Raises:
        NotFoundError: the store has none.
    """
    row = await find(store, name)
    if row is None:
        raise NotFoundError(
            f"find platform {name!r} of store {store.name}",
            why=f"it has: {', '.join(each.name for each in await every(store)) or 'none'}",
            fix="name one of those, or add it with `hub platforms add returngo --name NAME`",
        )
    return row


async def find(store: Store, name: str) -> Connection | None:
    """The platform of that name; None when the store has none."""
    return await Connection.get_or_none(store_id=store.id, name_key=_name_key(name), role=Role.PLATFORM)


async def every(store: Store) -> list[Connection]:
    """The store's platforms, by name; removed ones are not among them."""
    mine = Connection.filter(store_id=store.id, role=Role.PLATFORM, removed_at__isnull=True)
    return await mine.order_by("name")


async def edit(hub: Hub, row: Connection, values: Mapping[str, str]) -> None:
    """Changes some settings or credentials; what is not given stays.

    An earlier ``credit_from`` has the list read again from there. What was recorded as skipped stays so.

    Args:
        hub: the hub.
        row: which; it is changed as it stands now, and the given row with it.
        values: by field name, as text.

    Raises:
        ConfigError: a value is wrong. ConflictError: the shop would be another, or the hint_token is taken.
        NotFoundError: it was removed meanwhile.
    """
    async with naming():
        now_is = await held(row)
        sealed = json.loads(hub.sealer.open(now_is.credentials, row=f"connection/{row.id}"))
        credentials, settings = split_values(SCHEMA, {**json.loads(now_is.settings), **sealed, **values})
        await check_reach(hub, settings, json.loads(now_is.settings))
        if account_key(SCHEMA, credentials, settings) != now_is.quota_key:
            raise ConflictError(
                f"change platform {row.name!r}: that is another shop",
                why="the returns taken in so far, and how far its list was read, belong to this one",
                fix="remove it, and add the other shop",
            )
        before, was = shown_values(SCHEMA, now_is, hub)[0], read_settings(now_is)
        row.settings = as_json(settings)
        await _seal(hub, row, credentials)
        await _check_token_free(row)
        changed = ("settings", "credentials", "hint_key")
        changes: dict[str, Any] = {name: getattr(row, name) for name in changed}
        since = read_settings(row).credit_from
        if since is not None and (was.credit_from is None or since < was.credit_from):
            # What was approved in between was never listed.
            changes |= {"poll_cursor": None, "next_poll_at": hub.clock.now()}
        await Connection.filter(id=row.id).update(**changes)
        old, new = audit.changed(before, shown_values(SCHEMA, row, hub)[0])
        entered = {name: "entered anew" for name in SCHEMA.credentials.model_fields if name in values}
        await audit.record(
            "platform.edited", row.name, store=row.store_id, before=old, after={**new, **entered}
        )


async def remove(hub: Hub, row: Connection) -> int:
    """Removes a platform: its credentials are destroyed, its returns and their history stay.

    Returns:
        How many updates it is not told of any more.

    Raises:
        NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        await held(row)
        pending = UpdateSending.filter(connection_id=row.id, status=SendingStatus.PENDING)
        untold = await pending.update(
            status=SendingStatus.SKIPPED, reason="the platform was removed", ended_at=hub.clock.now()
        )
        await audit.record(
            "platform.removed", row.name, store=row.store_id, after={"updates not told": untold}
        )
        await _forget(hub, row)
    return untold


async def _forget(hub: Hub, row: Connection) -> None:
    await RmaToFetch.filter(connection_id=row.id).delete()
    await Connection.filter(id=row.id).update(
        removed_at=hub.clock.now(),
        name_key=None,
        account_key=None,
        hint_key=None,
        credentials="",
        next_poll_at=None,
        is_paused=True,
        pause_reason="removed",
    )


def _name_key(name: str) -> str:
    return f"{_PREFIX}{name.strip().casefold()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformHealth:
    """How one platform is.

    Attributes:
        to_read: RMAs that changed there and are still to be read.
        refused: RMAs that could not be taken in, with the reason.
        to_tell: updates it is still to be told of.
        not_told: updates that were given up.
        not_polled_for: time since the last successful poll, or since it was connected.
        usage: how full each window of its quota is.
        problems: sentences, worst first; empty when all is well.
    """

    row: Connection
    to_read: int
    refused: Mapping[str, str]
    to_tell: int
    not_told: int
    not_polled_for: timedelta
    usage: Sequence[Usage]
    problems: Sequence[str]


async def health(hub: Hub, row: Connection) -> PlatformHealth:
    """How a platform is now."""
    now = hub.clock.now()
    waiting = await RmaToFetch.filter(connection_id=row.id).values_list("rma_id", "reason")
    refused = {rma_id: reason for rma_id, reason in waiting if reason}
    pending = UpdateSending.filter(connection_id=row.id, status=SendingStatus.PENDING)
    oldest = await pending.order_by("id").select_related("update").first()
    untold_for = now - oldest.update.created_at if oldest else None
    not_told = await UpdateSending.filter(connection_id=row.id, status=SendingStatus.FAILED).count()
    not_polled_for = now - (row.polled_at or row.created_at)
    used = await usage(row.id, SCHEMA, now)
    return PlatformHealth(
        row=row,
        to_read=len(waiting) - len(refused),
        refused=refused,
        to_tell=await pending.count(),
        not_told=not_told,
        not_polled_for=not_polled_for,
        usage=used,
        problems=platform_problems(row, refused, not_told, untold_for, not_polled_for, now, used),
    )
