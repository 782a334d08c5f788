"""Every change that a person makes is in the audit log, in the transaction of the change."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hub import access, merchant
from hub.access import api_tokens, audit, users
from hub.access.principal import Scope
from hub.core import open_hub
from hub.inbound.accept import accept
from hub.merchant import connections, deliveries, event_secrets, mappings, methods, stores
from hub.outcomes import Status
from hub.rma import MethodType
from hub.store.models import Delivery, ReturnMethod
from hub.store.people import AuditEntry
from tests.support.documents import event, rma

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hub.core import Hub
    from hub.environment import Environment

VALUES = {"username": "shop", "api_key": "an api key", "base_url": "http://127.0.0.1:9/api"}

WRITES = {"save", "create", "bulk_create", "update", "delete", "get_or_create", "update_or_create"}
NOT_A_CHANGE = {
    "connections.check": "writes down how the ERP answered",
    "platforms.check": "writes down how the platform answered",
    "asking.ask": "brings the next look of the hub forward and decides nothing",
    "connectors.keep_result": "keeps what a run of the kit found",
    "stores.ensure_default": "is the hub's own doing",
    "sessions.start": "is told by whoever signs in",
    "sessions.end": "signing out changes nothing that lasts",
    "sessions.end_all": "is told by whoever calls it",
    "throttle.count_try": "counts",
    "throttle.forgive": "counts",
    "audit.record": "is the log itself",
}
"""Public functions that write and need no entry, each with its reason."""


@pytest.fixture
async def running(ready: Environment) -> AsyncIterator[Hub]:
    async with open_hub(ready) as opened:
        await stores.ensure_default(opened.clock)
        yield opened


async def told(action: str) -> tuple[str, Any, Any]:
    """Target, before and after of the newest entry, which is of this action."""
    (row,) = await audit.every(limit=1)
    assert (row.action, row.source, bool(row.actor)) == (action, "cli", True)
    before, after = (json.loads(text) if text else None for text in (row.before, row.after))
    return row.target, before, after


async def test_what_is_set_up_is_told_with_before_and_after_and_without_secrets(running: Hub) -> None:
    store = await stores.get()
    row = (await connections.add(running, store, "cin7_omni", "main", VALUES, should_check=False)).row
    target, before, after = await told("connection.added")
    assert (target, before, after["username"], after["api_key"]) == ("main", None, "shop", "********")
    await connections.edit(running, row, {"api_key": "another key", "approve": "false"})
    assert await told("connection.edited") == (
        "main",
        {"approve": True},
        {"approve": False, "api_key": "entered anew"},
    )
    await connections.pause(row, "tired")
    assert (await told("connection.paused"))[2] == {"reason": "tired"}
    await connections.resume(await connections.get(store, "main"))
    assert (await told("connection.resumed"))[1] == {"reason": "tired"}
    await mappings.store(running, row, '{"reference": "A {rmaId}"}', by="x")
    assert await told("mapping.set") == ("main", {"version": 0}, {"version": 1})
    await mappings.restore(running, row, 0, by="x")
    assert await told("mapping.restored") == ("main", {"version": 1}, {"version": 2, "restored": 0})
    method = await methods.add(store, "UPS label", MethodType.PREPAID_LABEL)
    await methods.point_at(method, row, "3")
    assert (await told("method.set"))[1:] == (
        {"connection": None, "location": None},
        {"connection": "main", "location": "3"},
    )
    await methods.do_not_update(await ReturnMethod.get(id=method.id))
    assert (await told("method.set"))[1] == {"connection": "main", "location": "3"}
    await methods.remove(method)
    assert (await told("method.removed"))[0] == "UPS label"
    await event_secrets.add(running, store, name="platform")
    await event_secrets.remove(running, store, "platform")
    assert await told("event_secret.removed") == ("platform", None, None)
    await connections.remove(running, row)
    assert (await told("connection.removed"))[0] == "main"
    await stores.add("outlet", running.clock.now(), url="https://a.example")
    await stores.edit("outlet", url="https://b.example", customer_support_url=None)
    assert await told("store.edited") == (
        "outlet",
        {"url": "https://a.example"},
        {"url": "https://b.example"},
    )
    everything = str([dict(each) for each in await AuditEntry.all().values()])
    assert "an api key" not in everything
    assert "another key" not in everything


async def test_what_a_person_decides_about_a_delivery_is_told(running: Hub) -> None:
    store = await stores.get()
    await accept(running.clock, store, event(rma("900")), source="test")
    row = await Delivery.get(rma__rma_id="900")
    assert row.status is Status.ATTENTION
    await deliveries.retry(running.clock, row)
    target, before, after = await told("delivery.retried")
    assert (target, before["status"], after["rma_id"]) == (row.id, "attention", "900")
    row = await Delivery.get(id=row.id)
    await deliveries.resolve(running.clock, row, "credited by hand")
    assert (await told("delivery.resolved"))[2]["note"] == "credited by hand"


async def test_people_and_tokens_are_told(running: Hub) -> None:
    link = await users.add(running.clock, "ada", store=await stores.get())
    user = await users.get("ada")
    _, token = await api_tokens.add(running.clock, "t", [Scope.READ], store=None, expires_at=None)
    await api_tokens.revoke(running.clock, "t")
    assert await told("token.revoked") == ("t", {"scopes": ["read"]}, None)
    await users.link(running.clock, user)
    await users.disable(running.clock, user)
    await users.enable(user)
    await users.remove(user)
    assert await told("user.removed") == ("ada", {"name": "ada", "is_admin": False}, None)
    everything = str([dict(each) for each in await AuditEntry.all().values()])
    assert link.path.removeprefix("/welcome/") not in everything
    assert token not in everything


async def test_an_entry_that_cannot_be_written_undoes_the_change(
    running: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(AuditEntry, "create", fail)
    with pytest.raises(OSError, match="disk full"):
        await stores.add("outlet", running.clock.now())
    assert [store.name for store in await stores.every()] == ["default"]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in (merchant, access):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            yield path.stem, ast.parse(path.read_text(encoding="utf-8"))


def silent(name: str, tree: ast.Module) -> set[str]:
    """Public functions of a module that write to the database and never come by ``audit.record``."""
    bodies = {
        node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
    }

    def reached(function: str, seen: set[str]) -> set[str]:
        seen.add(function)
        for node in ast.walk(bodies[function]):
            if isinstance(node, ast.Name) and node.id in bodies and node.id not in seen:
                reached(node.id, seen)
        return seen

    found = set()
    for function in bodies:
        nodes = [node for each in reached(function, set()) for node in ast.walk(bodies[each])]
        awaited = [
            node.value.func
            for node in nodes
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)
        ]
        called = [func for func in awaited if isinstance(func, ast.Attribute)]
        does_write = any(func.attr in WRITES for func in called)
        does_tell = any(ast.unparse(func) == "audit.record" for func in called)
        if does_write and not does_tell and not function.startswith("_"):
            found.add(f"{name}.{function}")
    return found


def test_no_function_that_a_person_calls_changes_something_silently() -> None:
    found = {each for name, tree in modules() for each in silent(name, tree)}
    assert found - set(NOT_A_CHANGE) == set()


def test_a_function_that_forgets_the_log_is_seen() -> None:
    tree = ast.parse(
        "async def rename(row):\n    await _set(row)\n\nasync def _set(row):\n    await row.save()\n"
    )
    assert silent("things", tree) == {"things.rename"}
