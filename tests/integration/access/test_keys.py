"""The key that seals every secret is changed while the hub runs, and a change that was broken off goes on."""

from __future__ import annotations

import ast
import base64
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

import hub
from hub.access import keys
from hub.core import open_hub
from hub.crashpoints import CrashPoint
from hub.errors import ConfigError, ConflictError
from hub.merchant import connections, event_secrets, stores
from hub.store.models import Connection, EventSecret, Store
from hub.store.people import AuditEntry
from hub.store.sealing import Sealer
from tests.support.engines import on_both
from tests.support.forked import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.core import Hub
    from hub.environment import Environment

VALUES = {"username": "shop", "api_key": "an api key", "base_url": "http://127.0.0.1:9/api"}
MANY = keys.AT_ONCE * 2 + 1


@pytest.fixture
def place(ready: Environment) -> Environment:
    """A hub's place with its key in a file, as `hub init` leaves it."""
    environment = ready.model_copy(update={"secret_key": None})
    environment.write_key()
    return environment


async def fill(running: Hub, number: int = 0) -> Store:
    """One connection and one event secret, and more secrets."""
    await stores.ensure_default(running.clock)
    store = await stores.get()
    await connections.add(running, store, "cin7_omni", "main", VALUES, should_check=False)
    await event_secrets.add(running, store)
    rows = [
        EventSecret(id=f"{n}", store_id=store.id, name=f"{n}", created_at=datetime.now(UTC))
        for n in range(number)
    ]
    for row in rows:
        row.secret = running.sealer.seal(f"secret {row.id}", row=f"event_secret/{row.id}")
    await EventSecret.bulk_create(rows)
    return store


async def test_a_hub_that_runs_takes_the_new_key_up_and_an_old_backup_opens(place: Environment) -> None:
    async with open_hub(place) as running:
        store = await fill(running)
        backup = await Connection.get(name="main")
        old = running.sealer.key_id
        rotated = await keys.rotate(place)
        assert (rotated.is_new_key, rotated.resealed) == (True, 2)
        # This hub was opened before, so what it opens now it learnt from the file.
        row = await connections.get(store, "main")
        assert row.credentials != backup.credentials
        assert "an api key" in running.sealer.open(row.credentials, row=f"connection/{row.id}")
        assert len(event_secrets.keys(running, await event_secrets.every())) == 1
        await connections.edit(running, row, {"api_key": "another"})
        found = await keys.verify(Sealer(*place.read_keys()))
        assert (found.sealed, found.problems) == ({rotated.key_id: 2, old: 0}, ())
        assert "an api key" in running.sealer.open(backup.credentials, row=f"connection/{row.id}")
        entry = await AuditEntry.get(action="key.rotated")
        assert (entry.target, entry.source) == (rotated.key_id, "cli")
    assert place.key_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("database_url", "point"),
    on_both([(each,) for each in CrashPoint if each.startswith("rotate.")]),
    indirect=["database_url"],
)
async def test_killed_while_rotating_everything_opens_and_the_next_run_finishes(
    place: Environment, database_url: str, point: CrashPoint
) -> None:
    place = place.model_copy(update={"database_url": database_url})
    async with open_hub(place) as running:
        await fill(running, MANY)
    commands = Commands(home=place.home, variables={"HUB_DATABASE_URL": database_url})
    killed = commands.start("keys", "rotate", crash_at=point)
    assert await killed.ended() == -signal.SIGKILL
    made = place.read_keys()
    assert len(made) == 2
    async with open_hub(place) as running:
        halfway = await keys.verify(running.sealer)
        assert halfway.problems == ()
        assert sum(halfway.sealed.values()) == MANY + 2
        done = await keys.rotate(place)
        assert (done.is_new_key, place.read_keys()) == (False, made)
        assert done.resealed == MANY + 2 - halfway.sealed[running.sealer.key_id]
        assert (await keys.verify(running.sealer)).sealed == {
            running.sealer.key_id: MANY + 2,
            running.sealer.key_ids[1]: 0,
        }
        assert running.sealer.open((await EventSecret.get(id="7")).secret, row="event_secret/7") == "secret 7"


async def test_a_key_in_the_variable_is_changed_by_putting_a_new_one_before_it(place: Environment) -> None:
    first, second = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))

    def given(text: str) -> Environment:
        return place.model_copy(update={"secret_key": SecretStr(text)})

    async with open_hub(given(first)) as running:
        await fill(running)
        with pytest.raises(ConfigError, match="HUB_SECRET_KEY") as caught:
            await keys.rotate(given(first))
        assert first not in f"{caught.value} {caught.value.fix}"
    both = given(f"{second}, {first}")
    async with open_hub(both) as running:
        assert (await keys.rotate(both)).resealed == 2
        assert (await keys.rotate(both)).resealed == 0
    async with open_hub(given(second)) as running:
        assert (await keys.verify(running.sealer)).problems == ()


async def test_a_lost_key_is_told_and_nothing_is_changed(place: Environment) -> None:
    async with open_hub(place) as running:
        await fill(running)
    before = await _stored(place)
    place.key_file.write_bytes(base64.b64encode(bytes(32)))
    async with open_hub(place) as running:
        found = await keys.verify(running.sealer)
        assert len(found.problems) == 2
        with pytest.raises(ConfigError, match="not everything opens"):
            await keys.rotate(place)
    assert place.read_keys() == (bytes(32),)
    assert await _stored(place) == before


async def _stored(place: Environment) -> list[str]:
    async with open_hub(place):
        return [row.credentials for row in await Connection.all()] + [
            row.secret for row in await EventSecret.all()
        ]


async def test_two_do_not_change_the_key_at_once(place: Environment) -> None:
    async with open_hub(place):
        with keys._alone(place), pytest.raises(ConflictError):  # noqa: SLF001 - as another process has it
            await keys.rotate(place)


async def test_a_key_file_that_cannot_be_replaced_is_told(place: Environment) -> None:
    key = place.read_keys()
    (place.home / "secret.key.new").mkdir()
    async with open_hub(place):
        with pytest.raises(ConfigError, match="write the new key"):
            await keys.rotate(place)
    assert place.read_keys() == key


def test_every_column_that_the_code_seals_is_in_the_list() -> None:
    nouns = set[str]()
    for path in Path(hub.__file__).parent.rglob("*.py"):
        if path.name not in {"sealing.py", "keys.py"}:
            nouns |= set(_sealed_in(ast.parse(path.read_text(encoding="utf-8"))))
    assert nouns == {each.noun for each in keys.SEALED}


def test_whatever_is_sealed_keeps_a_change_of_the_key_waiting() -> None:
    sealing, holding = set[str](), set[str]()
    for path in Path(hub.__file__).parent.rglob("*.py"):
        if path.name in {"sealing.py", "keys.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef):
                called = [_name_of(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)]
                if {"seal", "sealed"} & set(called):
                    sealing.add(f"{path.stem}.{node.name}")
                if "hold_key" in called:
                    holding.add(f"{path.stem}.{node.name}")
    assert sealing == holding
    assert len(sealing) > 4


def _name_of(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _sealed_in(tree: ast.Module) -> Iterator[str]:
    """What comes before the slash of each text that something is bound to when it is sealed."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "seal":
            (bound,) = [each.value for each in node.keywords if each.arg == "row"]
            yield _noun(bound, functions)


def _noun(bound: ast.expr, functions: Mapping[str, ast.FunctionDef]) -> str:
    if isinstance(bound, ast.Call) and isinstance(bound.func, ast.Name):
        (bound,) = [
            each.value
            for each in ast.walk(functions[bound.func.id])
            if isinstance(each, ast.Return) and each.value is not None
        ]
    assert isinstance(bound, ast.JoinedStr), "write what a secret is bound to as an f-string, noun/id"
    first = bound.values[0]
    assert isinstance(first, ast.Constant)
    return str(first.value).removesuffix("/")
