"""Finds connectors, checks them, and calls exactly the one that is meant.

pluggy's own loader stops at the first plugin that does not import, ignores a name used twice and lets a
misspelt hook pass, so entry points are walked here and each plugin is tried on its own. Every hub has a
registry of its own: two hubs in one process must not share plugins.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy
import structlog
from pydantic import BaseModel

from hub import hookspecs
from hub.errors import HubError, NotFoundError, PluginError
from hub.hookspecs import CONTRACT_VERSION, ENTRY_POINT_GROUP, ConnectorSchema
from hub.redaction import Redactor
from hub.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from importlib.metadata import EntryPoint

    from hub.hookspecs import Connection, Delivery, OpenDocument
    from hub.outcomes import (
        ConnectReport,
        DocumentPage,
        Outcome,
        Prepared,
        Rejected,
        Sighting,
        ValidationPage,
    )
    from hub.sandbox import SandboxSpec

ASYNC_HOOKS = ("connect", "prepare", "on_rma_approved", "find_documents", "poll_validations")
REQUIRED_HOOKS = ("config_schema", *ASYNC_HOOKS)
OPTIONAL_ASYNC_HOOKS = ("list_documents",)
OPTIONAL_HOOKS = (*OPTIONAL_ASYNC_HOOKS, "check_edited", "prepare_again", "sandbox")

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One entry point of the group ``hub.connectors``, working or not.

    Attributes:
        name: the entry point's name.
        distribution: the package it came from, with its version; empty when unknown.
        connector: None when it is broken.
        problem: why it is disabled; None when it works.
    """

    name: str
    distribution: str
    connector: Connector | None
    problem: PluginError | None


class Connector:
    """One working plugin: its schema, and its hooks with their errors told apart.

    A hook call passes errors of :mod:`hub.errors` on unchanged. Anything else is the plugin's bug and
    becomes a :class:`~hub.errors.PluginError` that names the connector, with the bug as its cause.
    """

    def __init__(
        self, name: str, hooks: pluggy.HookRelay, schema: ConnectorSchema, redactor: Redactor | None = None
    ) -> None:
        self.name = name
        self.schema = schema
        self._hooks = hooks
        self._redactor = redactor or Redactor(())

    def redacting(self, redactor: Redactor) -> Connector:
        """The same connector for one connection: what its hooks say to people holds none of its secrets.

        A connector reads answers and may undo the spelling that hid a secret in them.
        """
        return Connector(self.name, self._hooks, self.schema, redactor)

    async def connect(self, connection: Connection) -> ConnectReport:
        """See :func:`hub.hookspecs.connect`."""
        report: ConnectReport = await self._call("connect", connection=connection)
        return report

    async def prepare(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Prepared | Rejected]:
        """See :func:`hub.hookspecs.prepare`; the answer has one element for each delivery, in order."""
        answers = await self._call("prepare", connection=connection, deliveries=deliveries)
        return self._one_each("prepare", deliveries, answers)

    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        """See :func:`hub.hookspecs.on_rma_approved`; one outcome for each delivery, in order."""
        answers = await self._call("on_rma_approved", connection=connection, deliveries=deliveries)
        return self._one_each("on_rma_approved", deliveries, answers)

    async def find_documents(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Sighting]:
        """See :func:`hub.hookspecs.find_documents`; one sighting for each delivery, in order."""
        answers = await self._call("find_documents", connection=connection, deliveries=deliveries)
        return self._one_each("find_documents", deliveries, answers)

    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        """See :func:`hub.hookspecs.poll_validations`."""
        page: ValidationPage = await self._call(
            "poll_validations", connection=connection, cursor=cursor, open_documents=open_documents
        )
        return page

    def has(self, hook: str) -> bool:
        """True when it implements an optional hook."""
        return bool(getattr(self._hooks, hook).get_hookimpls())

    async def list_documents(
        self, connection: Connection, since: datetime, cursor: str | None
    ) -> DocumentPage:
        """See :func:`hub.hookspecs.list_documents`; only for a connector that has it."""
        page: DocumentPage = await self._call(
            "list_documents", connection=connection, since=since, cursor=cursor
        )
        return page

    def check_edited(self, connection: Connection, delivery: Delivery, request: str) -> Prepared | Rejected:
        """See :func:`hub.hookspecs.check_edited`; only for a connector that has it."""
        arguments = {"connection": connection, "delivery": delivery, "request": request}
        return self._prepared("check_edited", delivery, arguments)

    def prepare_again(self, settings: Any, delivery: Delivery, look_up: str | None) -> Prepared | Rejected:
        """See :func:`hub.hookspecs.prepare_again`; only for a connector that has it."""
        arguments = {"settings": settings, "delivery": delivery, "look_up": look_up}
        return self._prepared("prepare_again", delivery, arguments)

    def _prepared(self, hook: str, delivery: Delivery, arguments: dict[str, Any]) -> Prepared | Rejected:
        with self._redactor.guard():
            try:
                answers = getattr(self._hooks, hook)(**arguments)
            except HubError:
                raise
            except Exception as error:
                raise self._bug(hook, f"{type(error).__name__}: {error}") from error
        (answer,) = self._one_each(hook, [delivery], answers)
        prepared: Prepared | Rejected = self._redactor.value(answer)
        return prepared

    def sandbox(self) -> SandboxSpec | None:
        """How to start its sandbox; None when it has none."""
        specs: list[SandboxSpec] = self._hooks.sandbox()
        return specs[0] if specs else None

    async def _call(self, hook: str, **arguments: object) -> Any:
        with self._redactor.guard():
            try:
                # pluggy never awaits: it hands back the one implementation's coroutine.
                (coroutine,) = getattr(self._hooks, hook)(**arguments)
                answer = await coroutine
            except HubError:
                raise
            except Exception as error:
                raise self._bug(hook, f"{type(error).__name__}: {error}") from error
        return self._redactor.value(answer)

    def _one_each(self, hook: str, deliveries: Sequence[Delivery], answers: Sequence[Any]) -> Sequence[Any]:
        try:
            given = [answer.delivery_id for answer in answers]
        except (TypeError, AttributeError) as error:
            raise self._bug(hook, f"it answered {type(answers).__name__}, not a list of answers") from error
        if given != [delivery.delivery_id for delivery in deliveries]:
            raise self._bug(hook, "its answers are not one for each delivery, in order")
        return answers

    def _bug(self, hook: str, why: str) -> PluginError:
        return PluginError(
            self.name,
            f"connector {self.name}: {hook} failed",
            why=why,
            fix="report this to the connector's author",
        )


class Registry:
    """The connectors of one hub."""

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        """Loads every connector that can be found.

        Args:
            entry_points: where to look; None for everything installed.
        """
        if entry_points is None:
            entry_points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
        self._found: list[Found] = []
        self._connectors: dict[str, Connector] = {}
        found = [(each.name, _distribution(each), each) for each in entry_points]
        # Sorted, so that of two packages that use one name the same one wins on every start.
        for _, distribution, entry_point in sorted(found, key=lambda each: each[:2]):
            self._found.append(self._load(entry_point, distribution))

    @property
    def found(self) -> Sequence[Found]:
        """Everything that was found, by name; broken ones with their problem."""
        return tuple(self._found)

    @property
    def connectors(self) -> Sequence[Connector]:
        """The working ones, by name."""
        return tuple(self._connectors.values())

    def get(self, name: str) -> Connector:
        """The working connector of that name.

        Raises:
            PluginError: it is installed and broken.
            NotFoundError: nothing of that name is installed.
        """
        if connector := self._connectors.get(name):
            return connector
        for found in self._found:
            if found.name == name and found.problem is not None:
                raise found.problem
        known = ", ".join(sorted(self._connectors)) or "none"
        raise NotFoundError(
            f"find connector {name!r}",
            why=f"installed connectors: {known}",
            fix="install the package that brings it, or name one of those",
        )

    def _load(self, entry_point: EntryPoint, distribution: str) -> Found:
        name = entry_point.name
        try:
            self._check_free(name)
            connector = self._connectors[name] = load_connector(name, _import(entry_point))
        except PluginError as problem:
            log.warning("connector disabled", connector=name, distribution=distribution, reason=str(problem))
            return Found(name=name, distribution=distribution, connector=None, problem=problem)
        return Found(name=name, distribution=distribution, connector=connector, problem=None)

    def _check_free(self, name: str) -> None:
        holder = next((f for f in self._found if f.name == name and f.connector is not None), None)
        if holder is not None:
            raise PluginError(
                name,
                f"connector {name}: the name is taken",
                why=f"{holder.distribution} registered it first",
                fix="uninstall one of the two packages, or have its author choose another name",
            )


def load_connector(name: str, plugin: object) -> Connector:
    """Checks one plugin object or module and makes it callable.

    Raises:
        PluginError: a hook is misspelt, missing, not async where it must be, or the schema is unsound.
    """
    manager = pluggy.PluginManager("hub")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name=name)
        # Finds hooks that no specification knows: misspelt ones.
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            name,
            f"connector {name}: a hook is not one of the contract's",
            why=" ".join(str(error).split()),
            fix="compare the function's name and arguments with docs/hooks.md",
        ) from error
    implemented = {caller.name for caller in manager.get_hookcallers(plugin) or ()}
    if missing := [hook for hook in REQUIRED_HOOKS if hook not in implemented]:
        raise PluginError(
            name,
            f"connector {name}: it lacks {', '.join(missing)}",
            why=f"every hook but {', '.join(OPTIONAL_HOOKS)} is required, and each needs @hookimpl",
            fix="implement it as docs/hooks.md describes",
        )
    for hook in implemented:
        is_async = hook in ASYNC_HOOKS or hook in OPTIONAL_ASYNC_HOOKS
        if inspect.iscoroutinefunction(getattr(plugin, hook)) != is_async:
            raise PluginError(
                name,
                f"connector {name}: {hook} is {'not async' if is_async else 'async'}",
                why="the hub awaits it" if is_async else "the hub does not await it",
                fix=f"write it as `{'async ' if is_async else ''}def {hook}`",
            )
    return Connector(name, manager.hook, _schema(name, manager))


def _schema(name: str, manager: pluggy.PluginManager) -> ConnectorSchema:
    try:
        (schema,) = manager.hook.config_schema()
    except Exception as error:
        raise PluginError(
            name, f"connector {name}: config_schema failed", why=f"{type(error).__name__}: {error}"
        ) from error
    why = ""
    if not isinstance(schema, ConnectorSchema):
        why = f"it gave {type(schema).__name__}, not a ConnectorSchema"
    elif schema.name != name:
        why = f"it calls itself {schema.name!r}, and its entry point {name!r}"
    elif schema.contract_version != CONTRACT_VERSION:
        raise PluginError(
            name,
            f"connector {name}: it was written for version {schema.contract_version} of the contract",
            why=f"this hub speaks version {CONTRACT_VERSION}",
            fix="install a release of the connector for this hub, or of the hub for this connector",
        )
    elif schema.max_batch < 1:
        why = "max_batch is below 1"
    else:
        models: tuple[object, ...] = (schema.credentials, schema.settings, schema.mapping)
        if not all(isinstance(model, type) and issubclass(model, BaseModel) for model in models):
            why = "credentials, settings and mapping are not all pydantic models"
        elif not issubclass(schema.settings, ConnectionSettings):
            why = "its settings do not extend hub.settings.ConnectionSettings"
        else:
            known = {*schema.credentials.model_fields, *schema.settings.model_fields}
            if unknown := [each for each in schema.account_fields if each not in known]:
                why = f"account_fields names {', '.join(unknown)}, which no model has"
    if why:
        raise PluginError(
            name,
            f"connector {name}: its schema is unsound",
            why=why,
            fix="compare it with ConnectorSchema in docs/hooks.md",
        )
    checked: ConnectorSchema = schema
    return checked


def _import(entry_point: EntryPoint) -> object:
    try:
        return entry_point.load()
    # A plugin may fail to import in any way there is, also with SystemExit; the others must still run.
    except (Exception, SystemExit) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise PluginError(
            entry_point.name,
            f"connector {entry_point.name}: it does not import",
            why=f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})",
            fix="mend or uninstall the package",
        ) from error


def _distribution(entry_point: EntryPoint) -> str:
    if entry_point.dist is None:
        return ""
    # Each use of its name or version would read the file anew.
    metadata = entry_point.dist.metadata
    return f"{metadata['Name']} {metadata['Version']}"
