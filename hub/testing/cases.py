"""The conformance kit as tests, one for each rule. Nothing else of the hub imports pytest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hub.testing.conformance import check_exempt, find_connector, run
from hub.testing.pytest_plugin import PROPERTY
from hub.testing.rules import RULES
from hub.testing.ruling import Ruling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.testing.ruling import Rule


class ConnectorConformance:
    """The rules of the conformance kit, for one connector: subclass it and say which.

    Attributes:
        connector: the name of its entry point, or its plugin module or object.
        exempt: rule → why it does not apply to this ERP. Shown as skipped, with the reason.
        mapping: the mapping document the kit's deliveries carry.
    """

    connector: ClassVar[object]
    exempt: ClassVar[Mapping[str, str]] = {}
    mapping: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_exempt(cls.exempt)


def _test_of(rule: Rule) -> Callable[..., None]:
    def test(self: ConnectorConformance, record_property: Callable[[str, object], None]) -> None:
        connector = find_connector(self.connector)
        tried = run(connector, exempt=self.exempt, mapping=self.mapping, rules=[rule.name])
        (result,) = asyncio.run(tried)
        if result.ruling is Ruling.BROKEN:
            pytest.fail(f"{connector.name} breaks {rule.name}: {result.reason}\n\n{rule.why}", pytrace=False)
        if result.ruling is Ruling.EXEMPT:
            pytest.skip(result.reason)
        if result.reason:
            record_property(PROPERTY, f"{connector.name}: {rule.name}: {result.reason}")

    test.__name__ = f"test_{rule.name}"
    test.__doc__ = rule.why
    return test


for _rule in RULES.values():
    setattr(ConnectorConformance, f"test_{_rule.name}", _test_of(_rule))
