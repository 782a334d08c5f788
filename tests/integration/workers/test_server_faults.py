"""Servers on which the hub cannot work: refused at start, told by `hub doctor`, mended by what these say."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from hub.engine.workers import running_worker
from hub.environment import Environment
from tests.integration.workers.fleet import open_fleet
from tests.support.german_postgres import NEEDS_GERMAN, german_postgres
from tests.support.migrated import migrate_all
from tests.support.processes import Home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

REFUSED = 3
GERMAN = "PostgreSQL answers in another language than English (lc_messages is 'C.UTF-8')"


@pytest.fixture(scope="module")
def german() -> Iterator[PostgresServer]:
    with german_postgres() as server:
        yield server


@pytest.fixture
async def url(german: PostgresServer) -> AsyncIterator[str]:
    """The address of an empty database of a user who may do nothing else."""
    async with german.database() as url:
        name = urlsplit(url).path.removeprefix("/")
        execute(url, f"CREATE ROLE {name} LOGIN", f"ALTER DATABASE {name} OWNER TO {name}")
        yield url.replace("//postgres:@", f"//{name}:@")
        execute(url, f"REASSIGN OWNED BY {name} TO postgres", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def as_superuser(url: str) -> str:
    return re.sub("//[^:]+:", "//postgres:", url)


def mend(fault: str) -> list[str]:
    """The statements that a fault's text names."""
    return re.findall("`((?:ALTER|CREATE|GRANT) [^`]*)`", fault)


def refusals(home: Home) -> list[str]:
    """What each command that starts the hub says."""
    started = [home.run(*command) for command in (("init",), ("serve", "--port", "0"), ("worker",))]
    assert [each.code for each in started] == [REFUSED] * 3, [each.err for each in started]
    return [each.err for each in started]


async def doctor(home: Home) -> list[str]:
    found = await asyncio.to_thread(home.run, "doctor", "--json")
    return [each for each in found.json["problems"] if "no worker is running" not in each]


@NEEDS_GERMAN
async def test_server_in_german_is_refused_until_it_is_told_to_speak_english(
    url: str, tmp_path: Path
) -> None:
    home = Home(tmp_path, HUB_DATABASE_URL=url)
    said = await asyncio.to_thread(refusals, home)
    assert all(GERMAN in each and "existiert bereits" in each for each in said)
    await migrate_all(Environment(home=tmp_path, database_url=url))  # as an earlier version did
    (problem,) = await doctor(home)
    assert problem.startswith(GERMAN)
    alter, grant = mend(problem)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(url, alter)
    execute(as_superuser(url), grant)
    execute(url, alter)
    assert await doctor(home) == []
    async with open_fleet(tmp_path, url) as fleet:
        await fleet.start([("serve", "--port", "0"), ("worker",)])
        await fleet.submit("900")
        await fleet.until(fleet.is_done)
        await fleet.check_one_each()


@NEEDS_GERMAN
async def test_server_that_turns_german_under_a_running_worker_is_told_of_until_it_is_mended(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role = urlsplit(url).username
    speak = f"ALTER ROLE {role} SET lc_messages TO "
    # What connects from then on hears it.
    connect_anew = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"  # noqa: S608
    execute(as_superuser(url), f"{speak} 'C'")
    await migrate_all(Environment(home=tmp_path, database_url=url))
    printed = ""

    def is_told() -> bool:
        nonlocal printed
        printed += "".join(capsys.readouterr())
        return GERMAN in printed and "a person has to mend something" in printed

    def has_polled() -> bool:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT polled_at IS NOT NULL FROM connection").fetchone() == (True,)

    async with open_fleet(tmp_path, url) as fleet, fleet.hub() as hub, running_worker(hub, concurrency=2):
        # One that waits: every further ring for it is refused, which the worker must understand.
        execute(
            url,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status, scheduled_at)"
            " VALUES ('sweep', 'sweep', 'sweep', 'todo', now() + interval '1 hour')",
        )
        execute(as_superuser(url), f"{speak} 'C.UTF-8'", connect_anew)
        await until(is_told)
        execute(as_superuser(url), f"{speak} 'C'", connect_anew)
        execute(url, "DELETE FROM procrastinate_jobs", "UPDATE connection SET next_poll_at = now()")
        await until(has_polled)


async def test_database_that_does_not_keep_every_text_is_refused_until_another_one_is_made(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with postgres.database() as made:
        name = urlsplit(made).path.removeprefix("/")
        execute(
            postgres.url,
            f"DROP DATABASE {name}",
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        )
        home = Home(tmp_path, HUB_DATABASE_URL=made)
        said = await asyncio.to_thread(refusals, home)
        fault = f"the database {name} keeps texts as SQL_ASCII, not as UTF8"
        assert all(fault in each for each in said)
        unmade = await asyncio.to_thread(home.run, "doctor")
        assert fault in unmade.err, "before that it has no tables"
        await migrate_all(Environment(home=tmp_path, database_url=made))
        (problem,) = await doctor(home)
        assert problem.startswith(fault)
        execute(made, *mend(problem))
    other = made.replace(name, f"{name}_utf8")
    try:
        mended = Home(tmp_path, HUB_DATABASE_URL=other)
        await asyncio.to_thread(mended.ok, "init")
        assert await doctor(mended) == []
    finally:
        await postgres.drop(other)
