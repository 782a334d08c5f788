"""Runs the conformance kit's rules against a connector, one after the other. Needs no pytest."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Any

import structlog

from hub.errors import ConfigError, HubError
from hub.registry import Connector, Registry, load_connector
from hub.testing.opening import open_bench, open_request_log
from hub.testing.rules import RULES
from hub.testing.ruling import BrokenError, ExemptError, Result, Ruling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.testing.ruling import Rule

log = structlog.get_logger()

LONGEST_S = 120.0
"""A rule that takes longer, in real time, is broken: the connector sleeps or hangs."""


def find_connector(connector: object) -> Connector:
    """The connector that a test names.

    Args:
        connector: an entry point's name, or a plugin module or object.

    Raises:
        NotFoundError, PluginError: there is none of that name, or it is broken.
    """
    if isinstance(connector, Connector):
        return connector
    if isinstance(connector, str):
        return Registry().get(connector)
    # Under its own name: an object that is not installed has no other.
    described: Any = connector
    return load_connector(described.config_schema().name, connector)


def check_exempt(exempt: Iterable[str]) -> None:
    """Refuses an exemption from a rule that does not exist.

    Raises:
        ConfigError: names the rules that do.
    """
    if unknown := [name for name in exempt if name not in RULES]:
        raise ConfigError(
            f"exempt from {unknown[0]}: there is no such rule", fix=f"use one of {', '.join(RULES)}"
        )


async def judge(
    rule: Rule,
    connector: Connector,
    *,
    exempt: Mapping[str, str] | None = None,
    mapping: Mapping[str, Any] | None = None,
) -> Result:
    """Tries one rule; inside :func:`~hub.testing.opening.open_request_log`.

    Args:
        rule: which.
        connector: what is tried.
        exempt: rule → why the connector's author says that it does not apply.
        mapping: the mapping document the kit's deliveries carry; None is the empty one.
    """
    if exempt and rule.name in exempt:
        return Result(rule=rule.name, ruling=Ruling.EXEMPT, reason=exempt[rule.name])
    try:
        async with asyncio.timeout(LONGEST_S), open_bench(connector, mapping or {}) as bench:
            measured = await rule.check(bench)
    except BrokenError as error:
        return Result(rule=rule.name, ruling=Ruling.BROKEN, reason=str(error))
    except ExemptError as error:
        return Result(rule=rule.name, ruling=Ruling.EXEMPT, reason=str(error))
    except TimeoutError:
        return Result(rule=rule.name, ruling=Ruling.BROKEN, reason=f"it did not end within {LONGEST_S:g} s")
    except HubError as error:
        return Result(rule=rule.name, ruling=Ruling.BROKEN, reason=f"it raised {_told(error)}")
    except Exception as error:
        log.exception("a rule broke off", rule=rule.name, connector=connector.name)
        why = f"the sandbox or the kit failed: {type(error).__name__}: {error}"
        return Result(rule=rule.name, ruling=Ruling.BROKEN, reason=why)
    return Result(rule=rule.name, ruling=Ruling.KEPT, reason=measured or "")


def _told(error: HubError) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} where none was expected ({last.name}): {error}"


async def run(
    connector: Connector,
    *,
    exempt: Mapping[str, str] | None = None,
    mapping: Mapping[str, Any] | None = None,
    rules: Iterable[str] = RULES,
) -> list[Result]:
    """Tries every rule, or those named, in order. See :func:`judge`."""
    check_exempt(exempt or {})
    async with open_request_log():
        return [await judge(RULES[name], connector, exempt=exempt, mapping=mapping) for name in rules]
