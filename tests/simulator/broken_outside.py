"""Hubs that are broken on purpose towards the outside; see :mod:`tests.simulator.broken`."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hub.dispatch import record
from hub.dispatch.record import Recorder
from hub.inbound import accept, change
from hub.inbound.event import read_event
from hub.merchant import deliveries
from hub.platform.returngo import comments, hints, polling, sending, shipments
from hub.platform.returngo.cursor import advance, write_cursor
from hub.rma_update import apply
from hub.sending import due
from hub.sending import loop as sending_loop
from hub.store.models import Connection, Rma, Store
from hub.telling import of_goods, tell_receivers
from tests.simulator import platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.platform.returngo.wire import ListPage


@contextmanager
def comment_repeated_without_looking() -> Iterator[None]:
    """A comment whose answer was lost is written again, without looking whether it is there."""
    with patch.object(comments, "is_there", lambda *_given: False):
        yield


@contextmanager
def platform_cursor_before_rows() -> Iterator[None]:
    """How far the platform's list was read is stored before what it brought."""
    original = polling._listed  # noqa: SLF001 - broken on purpose

    async def early(opened: Any, at: Any) -> ListPage:
        page = await original(opened, at)
        following, _ = advance(at, page, timedelta(0))
        await Connection.filter(id=opened.row.id).update(poll_cursor=write_cursor(following))
        return page

    with patch.object(polling, "_listed", early):
        yield


@contextmanager
def hint_believed() -> Iterator[None]:
    """The status that a hint names is taken for the RMA's, unread."""
    original = hints.remember_hint

    async def believe(clock: Any, token: str, body: bytes) -> bool:
        hint = json.loads(body)
        held = await Rma.get_or_none(rma_id=hint["rmaId"])
        if held is not None and hint["status"]:
            document = json.loads(held.document)
            document["rmaSummary"]["status"] = hint["status"]
            event = read_event(json.dumps(document).encode())
            await accept.accept(clock, await Store.get(id=held.store_id), event, source="hint")
            return True
        return await original(clock, token, body)

    with patch.object(platform, "remember_hint", believe):
        yield


@contextmanager
def told_after_the_commit() -> Iterator[None]:
    """Updates are written once the transaction of what they tell is over."""
    waiting: list[tuple[Any, Any]] = []
    original = Recorder.sent

    async def later(clock: Any, news: Any) -> None:
        waiting.append((clock, news))

    async def then_tell(self: Recorder, *given: Any) -> None:
        waiting.clear()
        await original(self, *given)
        while waiting:
            await tell_receivers(*waiting.pop(0))

    with patch.object(record, "tell_receivers", later), patch.object(Recorder, "sent", then_tell):
        yield


@contextmanager
def sent_out_of_order() -> Iterator[None]:
    """An update that failed is overtaken by the later ones of its RMA."""
    with patch.object(due, "_OLDER", "0"):
        yield


@contextmanager
def shipment_validated_in_part() -> Iterator[None]:
    """One item that is back validates its whole shipment."""
    original = shipments.to_validate

    def generous(rma: Any, returned: set[str]) -> Any:
        return original(rma, {item.returned_item_id for item in rma.items} if returned else returned)

    with patch.object(sending, "to_validate", generous):
        yield


@contextmanager
def validated_while_flagged() -> Iterator[None]:
    """A whole shipment is set to Validated, though its return needs a person."""
    with patch.object(sending, "is_flagged", _never):
        yield


@contextmanager
def closed_flag_not_told() -> Iterator[None]:
    """Nobody learns that a flag was closed."""
    with patch.object(deliveries, "tell_receivers", _never), patch.object(apply, "of_goods", _not_cleared):
        yield


async def _never(*_given: Any) -> bool:
    return False


def _not_cleared(*given: Any, cleared: str | None, **options: Any) -> Any:
    del cleared
    return of_goods(*given, **options)


@contextmanager
def echo_taken_for_an_approval() -> Iterator[None]:
    """Whatever comes from the platform decides anew, also what the hub itself wrote there."""

    async def always(*_given: Any, **_named: Any) -> bool:
        return True

    with (
        patch.object(change, "is_only_talk", lambda *_given: False),
        patch.object(change, "_is_decided_anew", always),
    ):
        yield


@contextmanager
def try_not_written_first() -> Iterator[None]:
    """What was sent counts as sent before it is."""
    original = sending_loop._Try.make  # noqa: SLF001 - broken on purpose

    async def early(self: Any, send: Any) -> None:
        await self._sending.filter(id=self._sending.id).update(status="done", next_attempt_at=None)
        await original(self, send)

    with patch.object(sending_loop._Try, "make", early):  # noqa: SLF001 - the same
        yield
