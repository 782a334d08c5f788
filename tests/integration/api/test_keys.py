"""Idempotency-Key: sent again is answered again, and carried out once."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from hub.access import api_tokens
from hub.access.principal import Scope
from hub.core import open_hub
from hub.errors import ConflictError
from hub.merchant import stores
from hub.store.models import Connection
from hub.store.people import AuditEntry, KeptAnswer
from hub.web.api.idempotency import KEPT_FOR, LONGEST, once
from hub.web.problems import RequestError
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.environment import Environment
    from tests.integration.api.program import Program
    from tests.support.times import HeldTime


async def new_connection(name: str, key: str = "canary-key-1") -> dict[str, Any]:
    row = await Connection.all().first()
    assert row is not None
    return {
        "connector": "cin7_omni",
        "name": name,
        "settings": {"base_url": json.loads(row.settings)["base_url"]},
        "credentials": {"username": name, "api_key": key},
        "check": False,
    }


async def test_a_connection_is_made_once_however_often_it_is_asked_for(api: Program) -> None:
    body = await new_connection("other")
    one, two = await asyncio.gather(
        *[api.ask("POST", "/v1/connections", body, Idempotency_Key="k-1") for _ in range(2)]
    )
    made, held = sorted((one, two), key=lambda told: told.status)
    assert made.status == 201
    assert held.status in {201, 409}
    again = await api.ask("POST", "/v1/connections", body, Idempotency_Key="k-1")
    assert (again.status, again.json, again.headers["Location"]) == (
        201,
        made.json,
        made.headers["Location"],
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await Connection.filter(name="other").count() == 1
    assert await AuditEntry.filter(action="connection.added", target="other").count() == 1
    other = await api.ask("POST", "/v1/connections", {**body, "name": "third"}, Idempotency_Key="k-1")
    assert (other.status, other.json["code"]) == (422, "request_refused")
    # Another program's keys are its own; and of what was asked nothing can be read in the database.
    program = await api.other(Scope.WRITE)
    assert (await program.ask("POST", "/v1/connections", body, Idempotency_Key="k-1")).status == 409
    assert "canary-key-1" not in str(await KeptAnswer.all().values())


async def test_a_key_of_a_token_that_was_revoked_is_none_of_a_new_token_of_its_name(api: Program) -> None:
    store, clock = api.stage.store, api.stage.hub.clock
    first = await api.other(Scope.WRITE, store=store, name="warehouse")
    asked = await new_connection("other")
    made = await first.ask("POST", "/v1/connections", asked, Idempotency_Key="k-1")
    again = await first.ask("POST", "/v1/connections", asked, Idempotency_Key="k-1")
    assert (made.status, again.headers["Idempotent-Replayed"]) == (201, "true")
    await api_tokens.revoke(clock, "warehouse")
    second = await api.other(Scope.WRITE, store=await stores.add("outlet", clock.now()), name="warehouse")
    told = await second.ask("POST", "/v1/connections", asked, Idempotency_Key="k-1")
    # Carried out for its own store, whatever comes of it.
    assert "Idempotent-Replayed" not in told.headers
    assert await KeptAnswer.all().count() == (2 if told.status == 201 else 1)


async def test_one_who_took_too_long_does_not_answer_for_who_came_after(api: Program) -> None:
    clock, time = api.stage.hub.clock, _time(api)

    async def answer(text: str) -> web.Response:
        return web.Response(text=text)

    for fails in (False, True):
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def be_late(begun: asyncio.Event, may_end: asyncio.Event, *, fails: bool) -> web.Response:
            begun.set()
            await may_end.wait()
            if fails:
                raise ConflictError("do it")
            return await answer("late")

        act = partial(be_late, begun, may_end, fails=fails)
        late = asyncio.ensure_future(once(clock, "who", f"key-{fails}", b"", act))
        await begun.wait()
        time.set_forward(LONGEST)
        assert (await once(clock, "who", f"key-{fails}", b"", lambda: answer("second"))).text == "second"
        may_end.set()
        await asyncio.gather(late, return_exceptions=True)
        again = await once(clock, "who", f"key-{fails}", b"", lambda: answer("third"))
        assert (again.text, "Idempotent-Replayed" in again.headers) == ("second", True)


async def test_what_was_refused_leaves_its_key_free(api: Program) -> None:
    body = await new_connection("main")
    for _ in range(2):
        told = await api.ask("POST", "/v1/connections", body, Idempotency_Key="k-2")
        assert (told.status, told.json["code"]) == (409, "conflict")
    mended = await api.ask("POST", "/v1/connections", {**body, "name": "mended"}, Idempotency_Key="k-2")
    assert mended.status == 201
    for key in ("", "é", "a b", "x" * 256):
        assert (await api.ask("POST", "/v1/connections/main/pause", Idempotency_Key=key)).status == 400
    paused = await api.ask("POST", "/v1/connections/main/pause", Idempotency_Key="k-3")
    await api.ask("POST", "/v1/connections/main/resume")
    assert (await api.ask("POST", "/v1/connections/main/pause", Idempotency_Key="k-3")).json == paused.json
    assert (await api.get("/v1/connections/main"))["is_paused"] is False


@pytest.fixture
async def running(migrated: Environment) -> AsyncIterator[Hub]:
    async with open_hub(migrated) as opened:
        yield opened


async def test_many_at_once_have_one_effect(running: Hub) -> None:
    done: list[int] = []
    refused: list[int] = []

    async def act() -> web.Response:
        await until(lambda: len(refused) == 7)
        done.append(1)
        return web.Response(text="{}")

    async def ask() -> None:
        try:
            await once(running.clock, "who", "key", b"body", act)
        except RequestError as error:
            refused.append(error.status)

    await asyncio.gather(*(ask() for _ in range(8)))
    assert (done, refused) == ([1], [409] * 7)


async def test_one_who_died_holds_the_key_for_a_while_and_an_answer_for_two_days(
    api: Program,
) -> None:
    clock, time = api.stage.hub.clock, _time(api)

    async def die() -> web.Response:
        raise asyncio.CancelledError

    async def act() -> web.Response:
        return web.Response(text='{"n": 1}')

    with pytest.raises(asyncio.CancelledError):
        await once(clock, "who", "key", b"", die)
    with pytest.raises(RequestError, match="under way"):
        await once(clock, "who", "key", b"", act)
    time.set_forward(LONGEST)
    assert (await once(clock, "who", "key", b"", act)).text == '{"n": 1}'
    assert "Idempotent-Replayed" in (await once(clock, "who", "key", b"", act)).headers
    time.set_forward(KEPT_FOR + timedelta(seconds=1))
    assert "Idempotent-Replayed" not in (await once(clock, "who", "key", b"", act)).headers
    assert await KeptAnswer.all().count() == 1

    async def refuse() -> web.Response:
        raise ConflictError("do it")

    with pytest.raises(ConflictError):
        await once(clock, "who", "another", b"", refuse)
    assert await KeptAnswer.all().count() == 1


def _time(api: Program) -> HeldTime:
    return api.stage.time
