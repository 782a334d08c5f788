"""`hub diagnostics`: what whoever helps you needs to know, in one document without secrets."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import distributions, version
from typing import TYPE_CHECKING, Any

from cli.running import Json, print_json, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection

MOST_ERRORS = 50


def diagnostics(as_json: Json = False) -> None:
    """Gather what whoever helps you needs to know: one JSON document, without secrets and customers' data.

    Versions, settings, what `hub doctor` finds, how many rows each table has, and the last errors with the
    names and numbers of returns left out. Read it before you send it.
    """
    with_hub(_gathered, print_json, as_json=as_json)


async def _gathered(hub: Hub) -> dict[str, Any]:
    from cli.watching import examine
    from hub.merchant.rmas import shown_time

    return {
        "made_at": shown_time(hub.clock.now()),
        "versions": _versions(),
        "settings": _settings(hub),
        "connectors": [
            {
                "name": each.name,
                "distribution": each.distribution,
                "problem": str(each.problem) if each.problem else None,
            }
            for each in hub.registry.found
        ],
        "doctor": await examine(hub),
        "connections": await _connections(hub),
        "rows": await _rows(),
        "errors": await _errors(hub),
    }


def _versions() -> dict[str, Any]:
    return {
        "hub": version("returns-hub"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {
            each.name: each.version for each in sorted(distributions(), key=lambda d: d.name.lower())
        },
    }


def _settings(hub: Hub) -> dict[str, Any]:
    environment = hub.environment
    return {
        "home": str(environment.home),
        "database": str(environment.database_file) if environment.is_sqlite else "postgres",
        "key_ids": list(hub.sealer.key_ids),
        "behind_proxy": environment.behind_proxy,
        # Their names only: a database's address holds its password.
        "variables": sorted(name for name in os.environ if name.startswith("HUB_")),
    }


async def _connections(hub: Hub) -> list[dict[str, Any]]:
    """Every connection, also to platforms and webhooks; of the credentials not even the harmless ones."""
    import json

    from hub.merchant.rmas import shown_time
    from hub.store.models import Connection, Role

    rows = await Connection.filter(removed_at__isnull=True).select_related("store").order_by("id")
    return [
        {
            "store": row.store.name,
            "name": row.name,
            "role": row.role.value,
            "connector": row.connector,
            # The address of a webhook is often a key by itself.
            "settings": None if row.role is Role.WEBHOOK else json.loads(row.settings),
            "is_paused": row.is_paused,
            "pause_reason": _cleaned(hub, row, row.pause_reason),
            "polled_at": shown_time(row.polled_at),
            "last_success_at": shown_time(row.last_success_at),
            "last_error_at": shown_time(row.last_error_at),
            "last_error": _cleaned(hub, row, row.last_error),
        }
        for row in rows
    ]


def _cleaned(hub: Hub, row: Connection | None, text: str) -> str:
    """What an earlier version kept may hold a secret in a spelling that it did not know."""
    from hub.dispatch.opening import redactor_of

    return redactor_of(hub, row).text(text) if row and text else text


async def _rows() -> dict[str, int]:
    from hub.store import models, people
    from hub.store.model import Model

    found = {each for module in (models, people) for each in vars(module).values() if isinstance(each, type)}
    tables = sorted((each for each in found if issubclass(each, Model) and each is not Model), key=str)
    return {each.__name__: await each.all().count() for each in tables}


async def _errors(hub: Hub) -> list[dict[str, Any]]:
    """The latest attempts that came to something else than a document, without names and numbers."""
    from hub.merchant.desk import cause_of
    from hub.merchant.rmas import shown_time
    from hub.store.models import Attempt

    latest = Attempt.exclude(reason="").order_by("-id").limit(MOST_ERRORS)
    rows = await latest.select_related("delivery__connection")
    return [
        {
            "at": shown_time(row.finished_at),
            "verdict": row.verdict.value if row.verdict else None,
            "reason": cause_of(_cleaned(hub, row.delivery.connection, row.reason)),
        }
        for row in rows
    ]
