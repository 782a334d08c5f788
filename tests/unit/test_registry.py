from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from hub.errors import NotFoundError, PluginError
from hub.hookspecs import CONTRACT_VERSION, ENTRY_POINT_GROUP, Connection, Delivery, StoreInfo
from hub.inbound.event import read_event
from hub.mapping.exact_json import write_json
from hub.registry import Registry, load_connector
from tests.support.documents import rma
from tests.support.plugins import good, unsound

if TYPE_CHECKING:
    from hub.registry import Found

GOOD = EntryPoint("good", "tests.support.plugins.good", ENTRY_POINT_GROUP)


def point(module: str, name: str = "broken") -> EntryPoint:
    return EntryPoint(name, f"tests.support.plugins.{module}", ENTRY_POINT_GROUP)


def broken(registry: Registry) -> Found:
    (found,) = [each for each in registry.found if each.problem is not None]
    return found


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("does_not_import", "no_such_module_anywhere"),
        ("no_such_plugin", "no_such_plugin"),
        ("exits", "SystemExit"),
        ("good:no_such_object", "no_such_object"),
        ("misspelt", "on_rma_aproved"),
        ("other_argument", "conection"),
        ("lacks_one", "lacks find_documents"),
        ("not_async", "connect is not async"),
        ("good", "calls itself 'good'"),
    ],
)
def test_broken_plugin_is_named_and_disabled_and_the_others_run(module: str, told: str) -> None:
    with capture_logs() as logs:
        registry = Registry([point(module), GOOD])
    assert [found.name for found in registry.found] == ["broken", "good"]
    assert [connector.name for connector in registry.connectors] == ["good"]
    problem = broken(registry).problem
    assert problem is not None
    assert problem.connector == "broken"
    assert told in f"{problem} {problem.why}"
    assert problem.fix
    assert [(log["log_level"], log["connector"]) for log in logs] == [("warning", "broken")]
    with pytest.raises(PluginError) as caught:
        registry.get("broken")
    assert caught.value is problem


def fail() -> Any:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"name": "unsound"}, "not a ConnectorSchema"),
        (None, "config_schema failed"),
        (fail, "RuntimeError: on purpose"),
        (replace(good.SCHEMA, name="other"), "calls itself 'other'"),
        (replace(good.SCHEMA, name="unsound", max_batch=0), "max_batch is below 1"),
        (replace(good.SCHEMA, name="unsound", settings=dict), "not all pydantic models"),  # type: ignore[arg-type]
        (replace(good.SCHEMA, name="unsound", account_fields=("shop",)), "account_fields names shop"),
    ],
)
def test_unsound_schema_is_refused(monkeypatch: pytest.MonkeyPatch, schema: Any, told: str) -> None:
    monkeypatch.setattr(unsound, "schema", schema)
    with pytest.raises(PluginError) as caught:
        load_connector("unsound", unsound)
    assert told in f"{caught.value} {caught.value.why}"


def test_connector_for_another_version_of_the_contract_is_refused_clearly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = CONTRACT_VERSION + 1
    monkeypatch.setattr(unsound, "schema", replace(good.SCHEMA, name="unsound", contract_version=later))
    (found,) = Registry([point("unsound", "unsound")]).found
    assert found.connector is None
    assert found.problem is not None
    assert f"written for version {later} of the contract" in str(found.problem)
    assert f"speaks version {CONTRACT_VERSION}" in found.problem.why
    assert found.problem.fix


def test_sound_schema_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsound, "schema", replace(good.SCHEMA, name="unsound"))
    assert load_connector("unsound", unsound).schema.title == "Good"


def test_second_plugin_of_a_name_is_disabled_and_the_first_stays() -> None:
    registry = Registry([GOOD, GOOD])
    first, second = registry.found
    assert (first.problem, second.connector) == (None, None)
    assert "the name is taken" in str(second.problem)
    assert registry.get("good") is first.connector


def test_broken_plugin_does_not_keep_its_name_from_a_working_one() -> None:
    registry = Registry([point("does_not_import", "good"), GOOD])
    assert registry.get("good").schema.title == "Good"


def test_unknown_connector_is_told_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        Registry([GOOD]).get("sap")
    assert "good" in caught.value.why
    assert caught.value.exit_code == 5


def test_two_registries_share_nothing() -> None:
    assert Registry([]).found == ()
    assert [found.name for found in Registry([GOOD]).found] == ["good"]
    assert Registry([]).found == ()


def test_installed_connectors_are_found() -> None:
    assert "cin7_omni" in [connector.name for connector in Registry().connectors]


NO_HTTP: Any = None
CONNECTION = Connection(
    name="main", credentials=None, settings=None, http=NO_HTTP, now=lambda: datetime.now(UTC)
)


async def test_bug_of_a_connector_is_told_with_its_name() -> None:
    connector = Registry([GOOD]).get("good")
    with pytest.raises(PluginError) as caught:
        await connector.connect(CONNECTION)
    assert caught.value.connector == "good"
    assert "RuntimeError" in caught.value.why
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_answers_that_are_not_one_for_each_delivery_are_a_bug() -> None:
    read = read_event(write_json(rma()).encode()).rma
    delivery = Delivery(
        delivery_id="1",
        rma=read,
        items=read.items,
        store=StoreInfo(name="default"),
        location_id=None,
        approved_at=datetime.now(UTC),
    )
    connector = Registry([GOOD]).get("good")
    with pytest.raises(PluginError, match="not one for each delivery, in order"):
        await connector.prepare(CONNECTION, [delivery, replace(delivery, delivery_id="2")])
    assert await connector.prepare(CONNECTION, []) == []
