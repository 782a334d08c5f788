"""The kit can fail: connectors broken in one way each, caught by the rule that is meant for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.errors import ConfigError
from hub.testing import ConnectorConformance
from hub.testing.conformance import find_connector, run
from hub.testing.rules import RULES
from hub.testing.ruling import Ruling
from tests.support.plugins.hostile.good import Good
from tests.support.plugins.hostile.hostile import HOSTILE, INSTALLED

if TYPE_CHECKING:
    from tests.support.plugins.hostile.hostile import Hostile

THOROUGH = "sending"
"""Who breaks a rule of this chapter is tried against every rule, since all others send something too. The
rest are tried against their own chapter: fifty times every rule would take half a minute."""


def chapter(rule: str) -> str:
    return RULES[rule].check.__module__.rpartition(".")[2]


def tried(hostile: type[Hostile]) -> list[str]:
    own = chapter(hostile.caught_by)
    return [name for name in RULES if own == THOROUGH or chapter(name) == own or name in hostile.also]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.__name__)
async def test_hostile_connector_breaks_exactly_the_rule_meant_for_it(hostile: type[Hostile]) -> None:
    results = await run(find_connector(hostile()), rules=tried(hostile))
    broken = {result.rule for result in results if result.ruling is Ruling.BROKEN}
    assert broken == {hostile.caught_by, *hostile.also}


def test_every_rule_catches_somebody() -> None:
    caught = {rule for each in HOSTILE for rule in (each.caught_by, *each.also)}
    assert caught == set(RULES)


async def test_good_connector_keeps_every_rule_and_is_exempt_from_none() -> None:
    results = await run(find_connector(Good()))
    assert {result.ruling for result in results} == {Ruling.KEPT}


async def test_exempt_rule_is_not_tried_and_says_why() -> None:
    (result,) = await run(
        find_connector(Good()), exempt={"quota_is_kept": "it has none"}, rules=["quota_is_kept"]
    )
    assert (result.ruling, result.reason) == (Ruling.EXEMPT, "it has none")


def run_as_test(rule: str, **attributes: object) -> list[tuple[str, object]]:
    """What a connector's own test of a rule records; raises what pytest shows."""
    case = type("TestTiny", (ConnectorConformance,), attributes)()
    recorded: list[tuple[str, object]] = []
    getattr(case, f"test_{rule}")(lambda *each: recorded.append(each))
    return recorded


def test_broken_rule_fails_its_test_and_says_why_it_matters() -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        run_as_test("connect_names_permissions", connector=INSTALLED)
    told = str(caught.value)
    assert "tiny breaks connect_names_permissions: connect names no permission" in told
    assert RULES["connect_names_permissions"].why in told


def test_exempt_rule_is_skipped_with_its_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="it has none"):
        run_as_test("quota_is_kept", connector=INSTALLED, exempt={"quota_is_kept": "it has none"})


def test_what_a_rule_measured_is_recorded() -> None:
    ((name, text),) = run_as_test("calls_are_shared", connector=Good())
    assert name == "conformance"
    assert "calls for a batch of 5: prepare 0, send 1, look 1, poll 1" in str(text)


def test_exemption_from_no_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no such rule"):
        type("TestOdd", (ConnectorConformance,), {"connector": "odd", "exempt": {"be_nice": "no"}})
