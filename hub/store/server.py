"""What a PostgreSQL server must be like for the hub: it answers in English and keeps every text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from hub.errors import ConfigError
from hub.store.database import client, in_transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = """
SELECT current_database() AS name, quote_ident(current_database()) AS database,
       quote_ident(current_database() || '_utf8') AS other, quote_ident(session_user) AS role,
       current_setting('server_encoding') AS encoding, current_setting('lc_messages') AS language
"""
IN_ENGLISH = "Key (number)=(1) already exists."
"""Procrastinate 3.10 reads ``Key (queueing_lock)=(…)`` out of such a sentence, in its wrap_exceptions
(procrastinate/sync_psycopg_connector.py)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFault:
    """Why the hub cannot work on a server as it is.

    Attributes:
        what: what is wrong.
        why: what comes of it.
        fix: the statement that mends it, and who may run it.
    """

    what: str
    why: str
    fix: str


async def server_faults() -> list[ServerFault]:
    """What is wrong with the server of the open PostgreSQL database; empty when all is well.

    Raises:
        BaseORMException: it is away, or the hub's user may not make a temporary table.
    """
    about = (await client().execute_query_dict(ABOUT))[0]
    faults = [] if about["encoding"] == "UTF8" else [_wrong_encoding(about)]
    # A name like de_DE says little: with C.UTF-8 and LANGUAGE=de a server speaks German too, and one that was
    # built without translations speaks English whatever its settings say. So it is made to complain.
    said = await _complaint()
    return faults if said == IN_ENGLISH else [*faults, _wrong_language(about, said)]


def _wrong_encoding(about: Mapping[str, str]) -> ServerFault:
    make = (
        f"CREATE DATABASE {about['other']} OWNER {about['role']} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' "
        "TEMPLATE template0"
    )
    return ServerFault(
        what=f"the database {about['name']} keeps texts as {about['encoding']}, not as UTF8",
        why="names and comments from platforms do not fit in, and the tables of jobs cannot be made",
        fix=f"make another one with `{make}`, which a superuser may run or a role with CREATEDB, and name it "
        "in HUB_DATABASE_URL; the encoding of one that is there cannot be changed",
    )


def _wrong_language(about: Mapping[str, str], said: str) -> ServerFault:
    role = about["role"]
    mend = f"ALTER ROLE {role} IN DATABASE {about['database']} SET lc_messages TO 'C'"
    return ServerFault(
        what=f"PostgreSQL answers in another language than English (lc_messages is {about['language']!r})",
        why=f"workers read its messages and would break off at {said!r}",
        fix=f"run `{mend}`, which a superuser may, and from PostgreSQL 15 on that role too once a superuser "
        f"has run `GRANT SET ON PARAMETER lc_messages TO {role}`; then start the hub again",
    )


async def check_server() -> None:
    """Refuses a server on which the hub cannot work.

    Raises:
        ConfigError: with the statement that mends it.
        BaseORMException: it is away.
    """
    for fault in await server_faults():
        raise ConfigError(f"use the database: {fault.what}", why=fault.why, fix=fault.fix)


async def _complaint() -> str:
    """The detail with which the server refuses a number that is there already."""
    try:
        async with in_transaction() as connection:
            await connection.execute_query(
                "CREATE TEMPORARY TABLE hub_complaint (number int UNIQUE) ON COMMIT DROP"
            )
            await connection.execute_query("INSERT INTO hub_complaint VALUES (1), (1)")
    except IntegrityError as error:
        return str(getattr(error.args[0], "detail", ""))
    raise RuntimeError("PostgreSQL took the same number twice")
