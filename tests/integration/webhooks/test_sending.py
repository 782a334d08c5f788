from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from hub.errors import ConfigError, NotFoundError, UsageError
from hub.inbound.signature import new_secret
from hub.merchant import deliveries, webhooks
from hub.sending.due import due_receivers
from hub.store import epochs
from hub.store.database import client
from hub.store.models import Connection, SendingStatus, TimelineEntry
from hub.webhooks.message import write_body
from hub.webhooks.work import ANSWER_WITHIN_S, send_test
from tests.integration.webhooks.office import Office
from tests.support.receiver import Received, Receiver, status
from tests.support.stage import open_stage
from tests.support.times import set_loop_forward
from tests.support.waiting import until

if TYPE_CHECKING:
    from hub.environment import Environment


def _library_clock(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library of Standard Webhooks reads the system's time, and the hub here runs ahead of it."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            del tz
            return office.stage.time.now()

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Ahead)


async def test_the_library_of_standard_webhooks_verifies_a_message(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _library_clock(office, monkeypatch)
    await office.credit("900")
    await office.settle()
    [got] = office.receiver.got
    assert got.verified(office.secret)["type"] == "rma.credit_note.created"
    assert got.id.startswith("msg_")
    with pytest.raises(WebhookVerificationError):
        got.verified(new_secret())


async def test_after_a_rotation_both_secrets_sign_for_a_day(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _library_clock(office, monkeypatch)
    fresh = await webhooks.rotate(office.stage.hub, office.row)
    await office.credit("900")
    await office.settle()
    first_verifies = [bool(office.receiver.got[0].verified(each)) for each in (office.secret, fresh)]
    office.stage.time.set_forward(timedelta(hours=25))
    await office.credit("901")
    await office.settle()
    first, second = office.receiver.got
    assert first_verifies == [True, True]
    assert len(first.headers["webhook-signature"].split(" ")) == 2
    assert len(second.headers["webhook-signature"].split(" ")) == 1
    assert second.verified(fresh)
    with pytest.raises(WebhookVerificationError):
        second.verified(office.secret)


async def test_a_failing_message_goes_again_under_its_id_and_holds_up_only_its_own_rma(
    office: Office,
) -> None:
    poisoned = True

    def answer(got: Received) -> web.StreamResponse | None:
        return status(500) if poisoned and got.rma_id == "900" else None

    office.receiver.answer = answer
    stage = office.stage
    await office.credit("900", "901")
    for note in stage.notes:
        stage.sandbox.receive(note["id"])
    await stage.poll()
    while await office.work() and len(office.receiver.got) < 4:
        pass
    assert office.receiver.kinds("900") == ["rma.credit_note.created"]
    assert office.receiver.kinds("901") == [
        "rma.credit_note.created",
        "rma.item.validated",
        "rma.validation.completed",
    ]
    stage.time.set_forward(timedelta(minutes=3))
    await office.work()
    poisoned = False
    await office.settle()
    assert office.receiver.kinds("900") == [
        *["rma.credit_note.created"] * 3,
        "rma.item.validated",
        "rma.validation.completed",
    ]
    ids = [each.id for each in office.receiver.got if each.rma_id == "900"]
    assert len(set(ids)) == 3
    assert set(office.receiver.taken.values()) == {1}


async def test_trying_goes_on_over_days_and_a_person_is_told_when_it_ends(office: Office) -> None:
    office.receiver.answer = lambda _: status(500)
    began = office.stage.time.now()
    await office.credit("900")
    await office.settle()
    assert len(office.receiver.got) == 10
    assert timedelta(days=3) < office.stage.time.now() - began < timedelta(days=4)
    assert len({each.id for each in office.receiver.got}) == 1
    assert len({each.body for each in office.receiver.got}) == 1
    [sending] = await office.sendings()
    assert sending.status is SendingStatus.FAILED
    assert "given up after 10 tries" in sending.reason
    assert "500" in sending.reason
    told = await TimelineEntry.filter(kind="update.failed").values_list("text", flat=True)
    assert len(told) == 1
    standing = await webhooks.standing(office.stage.hub, office.row)
    assert standing.failed == 1
    assert "--failed" in " ".join(standing.problems)


async def test_410_pauses_it_and_what_waits_goes_on_when_a_person_resumes_it(office: Office) -> None:
    office.receiver.answer = lambda _: status(410)
    await office.credit("900", "901")
    await office.settle()
    assert len(office.receiver.got) == 1
    assert office.row.is_paused
    assert "410" in office.row.pause_reason
    office.receiver.answer = lambda _: None
    assert await webhooks.resume(office.stage.hub, office.row) == 2
    await office.settle()
    assert sorted(office.receiver.taken.values()) == [1, 1]


@pytest.mark.parametrize("code", [302, 307])
async def test_no_redirect_is_followed(office: Office, code: int) -> None:
    office.receiver.answer = lambda _: status(code, Location=f"{office.receiver.url}/elsewhere")
    await office.credit("900")
    await office.work()
    assert [each.path for each in office.receiver.got] == ["/hooks"]
    [sending] = await office.sendings()
    assert "redirect" in sending.reason


@pytest.mark.parametrize("code", [429, 503])
async def test_asked_to_slow_down_everything_rests_as_long_as_asked(office: Office, code: int) -> None:
    office.receiver.answer = lambda _: status(code, Retry_After="3600")
    await office.credit("900", "901")
    await office.work()
    await office.work()
    assert len(office.receiver.got) == 1
    office.receiver.answer = lambda _: None
    office.stage.time.set_forward(timedelta(minutes=50))
    await office.work()
    assert len(office.receiver.got) == 1
    office.stage.time.set_forward(timedelta(minutes=20))
    await office.settle()
    assert len(office.receiver.got) == 3


async def test_retry_after_may_be_a_date_and_is_capped(office: Office) -> None:
    later = office.stage.time.now() + timedelta(days=400)
    office.receiver.answer = lambda _: status(
        503, Retry_After=format_datetime(later.astimezone(UTC), usegmt=True)
    )
    await office.credit("900")
    await office.work()
    row = await Connection.get(id=office.row.id)
    assert row.resting_until is not None
    assert timedelta(hours=25) < row.resting_until - office.stage.time.now() <= timedelta(hours=26)


async def test_without_a_connection_one_update_tries_and_the_others_wait(office: Office) -> None:
    await office.credit("900", "901", "902")
    async with Receiver() as gone:
        pass
    office = await Office.open(office.stage, gone, name="gone")
    await office.credit("903", "904")
    await office.work()
    await office.work()
    assert sorted(row.attempts for row in await office.sendings()) == [0, 1]
    row = await Connection.get(id=office.row.id)
    assert "no connection" in row.last_error


async def test_a_subscriber_that_never_answers_does_not_slow_the_erp(office: Office) -> None:
    office.receiver.is_open.clear()
    await office.credit("900")
    sending = asyncio.create_task(office.work())
    await until(lambda: bool(office.receiver.got))
    await office.credit("901")
    assert not sending.done(), "the note was made while the subscriber kept us waiting"
    set_loop_forward(ANSWER_WITHIN_S + 1)
    await sending
    [row, *_] = await office.sendings()
    assert "no answer in 20 s" in row.reason


async def test_whoever_resumes_it_need_not_wait_for_the_next_try(office: Office) -> None:
    office.receiver.answer = lambda _: status(500)
    await office.credit("900")
    await office.work()
    await office.work()
    assert len(office.receiver.got) == 1
    office.receiver.answer = lambda _: None
    assert await webhooks.resume(office.stage.hub, office.row) == 1
    await office.work()
    assert len(office.receiver.got) == 2
    assert not await office.sendings(status=SendingStatus.PENDING)


async def test_one_time_out_ends_the_turn_and_the_others_get_theirs_later(office: Office) -> None:
    office.receiver.is_open.clear()
    await office.credit("900", "901", "902")
    sending = asyncio.create_task(office.work())
    await until(lambda: bool(office.receiver.got))
    set_loop_forward(ANSWER_WITHIN_S + 1)
    await sending
    await office.work()
    assert len(office.receiver.got) == 1
    assert not await due_receivers(office.stage.time.now()), "nobody works on it before it is tried again"
    office.receiver.is_open.set()
    office.stage.time.set_forward(timedelta(minutes=3))
    await office.work()
    assert {each.rma_id for each in office.receiver.got} == {"900", "901", "902"}


async def test_a_try_is_on_disk_before_its_first_byte(office: Office) -> None:
    seen = []

    def look(_: Received) -> web.StreamResponse | None:
        with closing(sqlite3.connect(office.stage.hub.environment.database_file)) as database:
            seen.append(database.execute("SELECT status, attempts FROM update_sending").fetchall())
        return None

    office.receiver.answer = look
    await office.credit("900")
    await office.settle()
    assert seen == [[("pending", 1)]]


async def test_a_mistake_in_the_sender_holds_up_no_other_rma(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(kind: str, *others: Any) -> bytes:
        if others[1]["rma_id"] == "900":
            raise ZeroDivisionError
        return write_body(kind, *others)

    monkeypatch.setattr("hub.webhooks.work.write_body", broken)
    await office.credit("900", "901")
    await office.work()
    assert [each.rma_id for each in office.receiver.got] == ["901"]
    by_arrival = sorted(await office.sendings(), key=lambda row: row.rma_id)
    assert ["ZeroDivisionError" in row.reason for row in by_arrival] == [True, False]


async def test_what_is_written_down_about_a_call_holds_no_secret(office: Office) -> None:
    office.receiver.answer = lambda _: web.Response(text=f"echo {office.secret}")
    await office.credit("900")
    await office.settle()
    [message] = await webhooks.log(office.row, limit=10)
    [call] = message.calls
    assert (call.status, call.reply_body) == (200, "echo [redacted]")
    assert "rma.credit_note.created" in call.request_body


async def test_replay_sends_exactly_what_was_asked_under_the_same_ids(office: Office) -> None:
    hub = office.stage.hub
    await office.credit("900")
    await office.settle()
    office.stage.time.set_forward(timedelta(seconds=1))
    middle = office.stage.time.now()
    await office.credit("901", "902")
    await office.settle()
    sent = {each.rma_id: each.id for each in office.receiver.got}
    office.receiver.got.clear()
    assert await webhooks.replay(hub, office.row, ids=[sent["900"], sent["902"]]) == 2
    await office.settle()
    assert {each.id for each in office.receiver.got} == {sent["900"], sent["902"]}
    office.receiver.got.clear()
    assert await webhooks.replay(hub, office.row, since=middle) == 2
    await office.settle()
    assert {each.id for each in office.receiver.got} == {sent["901"], sent["902"]}
    assert await webhooks.replay(hub, office.row, is_failed_only=True) == 0
    with pytest.raises(NotFoundError):
        await webhooks.replay(hub, office.row, ids=[sent["900"], "msg_0000"])
    with pytest.raises(UsageError):
        await webhooks.replay(hub, office.row)
    with pytest.raises(UsageError):
        await webhooks.replay(hub, office.row, since=middle, is_failed_only=True)


async def test_what_was_given_up_goes_again_when_asked(office: Office) -> None:
    office.receiver.answer = lambda _: status(500)
    await office.credit("900")
    await office.settle()
    office.receiver.answer = lambda _: None
    assert await webhooks.replay(office.stage.hub, office.row, is_failed_only=True) == 1
    await office.settle()
    [row] = await office.sendings()
    assert (row.status, row.attempts) == (SendingStatus.DONE, 1)
    assert (await webhooks.standing(office.stage.hub, office.row)).problems == []


async def test_asked_for_again_while_it_is_on_its_way_it_goes_again(office: Office) -> None:
    await office.credit("900")
    [row] = await office.sendings()
    office.receiver.is_open.clear()
    sending = asyncio.create_task(office.work())
    await until(lambda: bool(office.receiver.got))
    await webhooks.replay(office.stage.hub, office.row, ids=[row.update.key])
    office.receiver.is_open.set()
    await sending
    await office.settle()
    assert [each.id for each in office.receiver.got] == [f"msg_{row.update.key}"] * 2


async def test_removed_it_gets_nothing_and_its_secrets_are_gone(office: Office) -> None:
    await office.credit("900")
    assert await webhooks.remove(office.stage.hub, office.row) == 1
    await office.credit("901")
    await office.work()
    row = await Connection.get(id=office.row.id)
    assert (office.receiver.got, row.credentials, row.name_key) == ([], "", None)
    assert [each.status for each in await office.sendings()] == [SendingStatus.SKIPPED]
    office = await Office.open(office.stage, office.receiver)
    assert office.row.name == "shop", "the name is free again"


async def test_a_test_message_is_signed_and_about_no_rma(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _library_clock(office, monkeypatch)
    office.receiver.answer = lambda _: status(404)
    reply = await send_test(office.stage.hub, office.row, owner="test")
    assert reply.status == 404
    [got] = office.receiver.got
    assert got.verified(office.secret)["type"] == "hub.test"


async def test_this_machine_is_refused_unless_it_is_allowed(ready: Environment) -> None:
    async with open_stage(ready) as stage, Receiver() as receiver:
        with pytest.raises(ConfigError, match=r"leads to 127\.0\.0\.1"):
            await Office.open(stage, receiver)


async def test_an_address_that_leads_inside_later_is_not_called(office: Office) -> None:
    hub = office.stage.hub
    closed = replace(hub, environment=hub.environment.model_copy(update={"egress_allow": ()}))
    office.stage.hub = closed
    await office.credit("900")
    await office.work()
    [row] = await office.sendings()
    assert office.receiver.got == []
    assert "not a public address" in row.reason


@pytest.mark.parametrize("came", [1, 2])
async def test_what_a_restored_hub_tells_again_has_its_old_ids(office: Office, came: int) -> None:
    """Also that a flag, of one unit too many, was closed."""
    stage = office.stage

    async def one_life() -> None:
        await office.credit("900")
        stage.sandbox.receive(stage.notes[0]["id"], {"SKU-001": Decimal(came)})
        await stage.poll()
        if came > 1:
            row = await stage.delivery("900")
            await deliveries.resolve(stage.hub.clock, row, "one too many")
        await office.settle()

    await one_life()
    # In an order in which no row is left pointing at one that is gone.
    forgotten = ("update_sending", "rma_update", "exchange_delivery", "attempt", "delivery")
    for table in (*forgotten, "event", "search_term", "rma_item", "timeline_entry", "rma"):
        await client().execute_query(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    await Connection.filter(id=stage.connection_id).update(poll_cursor=None)
    await epochs.begin(stage.hub.clock, "restored from a backup")
    await one_life()
    ids = [each.id for each in office.receiver.got]
    assert len(stage.notes) == 1
    assert (len(ids), ids[:3]) == (6, ids[3:])
