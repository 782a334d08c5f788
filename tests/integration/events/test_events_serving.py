"""`hub serve` as a process: bursts, `kill -9`, SIGTERM, secrets that commands beside it add and remove."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from hub.crashpoints import VARIABLE, CrashPoint
from hub.environment import Environment
from hub.inbound.signature import new_secret
from tests.integration.events.door import body_of, post, rows_in, signed
from tests.support.documents import rma
from tests.support.migrated import put_database
from tests.support.processes import Home, HubProcess
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.events.door import Answer

BURST = 400
BEFORE = 20
IDS = [str(1000 + number) for number in range(BURST)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data folder with a key and an up-to-date database."""
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    return home


@pytest.fixture
def secret(home: Home) -> str:
    """Of store ``default``."""
    made: str = home.ok("events", "secrets", "add")["secret"]
    return made


@pytest.fixture
def serving(home: Home) -> Iterator[HubProcess]:
    with HubProcess(home) as running:
        yield running


async def send(
    http: aiohttp.ClientSession, hub: HubProcess, secret: str, rma_id: str, **others: Any
) -> Answer:
    body = body_of(rma(rma_id, **others))
    headers = signed(secret, body, at=datetime.now(UTC), message_id=f"msg_{rma_id}")
    return await post(http, f"{hub.url}/v1/events", body, headers)


async def send_until_taken(
    http: aiohttp.ClientSession, hub: HubProcess, secret: str, rma_id: str, turned_away: asyncio.Event
) -> int:
    """As a sender behaves that honours Retry-After; gives how often it was told to come again."""
    end = time.monotonic() + LONGEST_S
    for told in count():
        answer = await send(http, hub, secret, rma_id)
        if answer.status == 202:
            return told
        assert answer.is_problem(429) or answer.is_problem(503)
        assert time.monotonic() < end, f"RMA {rma_id} was never taken"
        if answer.status == 429:
            turned_away.set()
        # A tenth of the time, and not all at once: the test has none to lose.
        await asyncio.sleep(int(answer.headers["Retry-After"]) * 0.1 * (1 + int(rma_id) % 7))
    raise AssertionError


async def test_a_burst_is_taken_or_told_to_come_again_and_all_get_in_once(
    home: Home, serving: HubProcess, secret: str
) -> None:
    turned_away = asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        with closing(sqlite3.connect(home.folder / "hub.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # so that they pile up
            sending = [
                asyncio.create_task(send_until_taken(http, serving, secret, each, turned_away))
                for each in IDS
            ]
            await until(turned_away.is_set)
            other.execute("COMMIT")
        told = await asyncio.gather(*sending)
    assert max(told) > 0
    counts = rows_in(home.folder / "hub.db")
    assert (counts["event"], counts["rma"], counts["delivery"]) == (BURST, BURST, BURST)


async def test_killed_during_a_burst_every_202_is_on_disk_and_the_rest_gets_in_later(
    home: Home, serving: HubProcess, secret: str
) -> None:
    taken: list[str] = []

    async def one(http: aiohttp.ClientSession, rma_id: str) -> None:
        try:
            if (await send(http, serving, secret, rma_id)).status == 202:
                taken.append(rma_id)
        except aiohttp.ClientError:
            return
        if len(taken) > BEFORE:
            serving.kill()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http, each) for each in IDS[:BEFORE]))
        # The first answer to one of the others is their last.
        await asyncio.gather(*(one(http, each) for each in IDS[BEFORE:]))
    assert BEFORE < len(taken) < BURST
    with closing(sqlite3.connect(home.folder / "hub.db")) as database:
        held = {rma_id for (rma_id,) in database.execute("SELECT rma_id FROM rma")}
    assert held >= set(taken)
    counts = rows_in(home.folder / "hub.db")
    assert counts["event"] == counts["rma"] == counts["delivery"] == len(held)
    serving.start()
    async with aiohttp.ClientSession() as http:
        again = [await send(http, serving, secret, each) for each in (taken[0], taken[-1])]
    assert [each.body["duplicate"] for each in again] == [True, True]


@pytest.mark.parametrize("point", [CrashPoint.ACCEPT_BEFORE_COMMIT, CrashPoint.ACCEPT_AFTER_COMMIT])
async def test_killed_before_the_answer_the_next_try_is_stored_once(
    home: Home, secret: str, point: CrashPoint
) -> None:
    doomed = Home(home.folder, **{VARIABLE: str(point)})
    async with aiohttp.ClientSession() as http:
        with HubProcess(doomed) as hub, pytest.raises(aiohttp.ClientError):
            await send(http, hub, secret, "901")
        is_kept = point is CrashPoint.ACCEPT_AFTER_COMMIT
        counts = rows_in(home.folder / "hub.db")
        assert (counts["event"], counts["delivery"]) == ((1, 1) if is_kept else (0, 0))
        with HubProcess(home) as hub:
            answer = await send(http, hub, secret, "901")
    assert (answer.status, answer.body["duplicate"]) == (202, is_kept)
    counts = rows_in(home.folder / "hub.db")
    assert (counts["event"], counts["delivery"]) == (1, 1)


async def send_when_asked(
    http: aiohttp.ClientSession, hub: HubProcess, secret: str, rma_id: str, is_asked: asyncio.Event
) -> Answer:
    """Sends an event whose body waits until the hub has its headers and says that it goes on."""
    body = body_of(rma(rma_id))

    async def told_to_go_on() -> AsyncIterator[bytes]:
        is_asked.set()
        yield body

    headers = signed(secret, body, at=datetime.now(UTC)) | {"Expect": "100-continue"}
    return await post(http, f"{hub.url}/v1/events", told_to_go_on(), headers)


async def is_closed(http: aiohttp.ClientSession, hub: HubProcess) -> bool:
    try:
        async with http.get(f"{hub.url}/healthz"):
            return False
    except aiohttp.ClientConnectorError:
        return True
    except aiohttp.ClientError:
        return False


async def test_sigterm_lets_a_request_that_is_under_way_end(
    home: Home, serving: HubProcess, secret: str
) -> None:
    async with aiohttp.ClientSession() as http:
        with closing(sqlite3.connect(home.folder / "hub.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            is_under_way = asyncio.Event()
            asking = asyncio.create_task(send_when_asked(http, serving, secret, "901", is_under_way))
            await until(is_under_way.is_set)
            serving.terminate()
            await until(lambda: is_closed(http, serving))
            with pytest.raises(aiohttp.ClientConnectorError):
                await send(http, serving, secret, "902")
            assert not asking.done()
            other.execute("COMMIT")
        assert (await asking).status == 202
        assert await asyncio.to_thread(serving.ended) == 0
    assert "Traceback" not in serving.errors
    assert home.count("event") == 1


def test_secrets_are_added_listed_and_removed_beside_a_running_hub(
    home: Home, serving: HubProcess, tmp_path: Path
) -> None:
    def answered(secret: str, rma_id: str) -> Answer:
        async def ask() -> Answer:
            async with aiohttp.ClientSession() as http:
                return await send(http, serving, secret, rma_id)

        return asyncio.run(ask())

    made = home.ok("events", "secrets", "add", "platform")
    theirs = new_secret()
    (tmp_path / "theirs").write_text(f"{theirs}\n", encoding="ascii")
    given = home.ok("events", "secrets", "add", "theirs", "--secret", f"@{tmp_path / 'theirs'}")
    assert (made["secret"][:6], given["secret"]) == ("whsec_", None)
    for rma_id, secret in (("901", made["secret"]), ("902", theirs)):
        assert answered(secret, rma_id).status == 202
    listed = home.ok("events", "secrets", "list")
    assert [(row["name"], row["store"]) for row in listed] == [("platform", "default"), ("theirs", "default")]
    assert all(row["last_used_at"] >= row["created_at"] for row in listed)
    shown = home.run("events", "secrets", "list")
    for secret in (made["secret"], theirs):
        assert secret[6:] not in f"{listed}{shown.out}{shown.err}{serving.errors}"
        assert home.count("event_secret", f"secret LIKE '%{secret[6:]}%'") == 0
    home.ok("events", "secrets", "remove", "platform")
    assert answered(made["secret"], "903").is_problem(401)
    assert answered(theirs, "904").status == 202
    assert [row["name"] for row in home.ok("events", "secrets", "list")] == ["theirs"]


def test_what_cannot_be_a_secret_is_refused_with_its_exit_code(home: Home) -> None:
    secret = new_secret()
    adding = ("events", "secrets", "add")
    home.ok(*adding, "one", "--secret", "-", stdin=secret)
    home.ok("stores", "add", "outlet")
    for arguments, stdin, code in (
        (("two", "--secret", "-"), "whsec_short", 3),
        (("two", "--secret", secret), "", 2),
        (("two", "--secret", "env:NOT_THERE"), "", 3),
        (("one",), "", 6),
        # One secret must tell one store.
        (("two", "--secret", "-"), secret, 6),
        (("two", "--secret", "-", "--store", "outlet"), secret, 6),
        (("two", "--store", "nowhere"), "", 5),
    ):
        done = home.run(*adding, *arguments, stdin=stdin)
        assert done.code == code, done.err
        assert secret[6:] not in done.err
    assert home.run("events", "secrets", "remove", "two").code == 5
    assert home.ok(*adding)["name"] == "secret-1"
    assert home.ok(*adding)["name"] == "secret-2"
    assert home.count("event_secret") == 3
