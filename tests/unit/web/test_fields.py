from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from hub.hookspecs import ConnectorSchema
from hub.settings import ConnectionSettings, RemoteUrl, read_list
from hub.web.pages.fields import fields_of, read, shown, wrong_in


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    user: str = Field(min_length=1, title="User name")
    """Who."""
    key: SecretStr = Field(min_length=1)


class Settings(ConnectionSettings):
    base_url: RemoteUrl
    size: Size = Size.SMALL
    is_eager: bool = True
    weight: float | None = Field(default=None, ge=0, le=9)
    names: Annotated[tuple[str, ...], BeforeValidator(read_list)] = ("a", "b")
    rules: tuple[dict[str, int], ...] = ({"x": 1},)


SCHEMA = ConnectorSchema(
    name="acme",
    title="Acme",
    credentials=Credentials,
    settings=Settings,
    mapping=BaseModel,
    contract_version=1,
    account_fields=("user",),
)
FIELDS = fields_of(SCHEMA)
KINDS = {
    "user": "text",
    "key": "secret",
    "base_url": "url",
    "mode": "choice",
    "poll_interval_s": "number",
    "doubt_looks": "list",
    "size": "choice",
    "is_eager": "tick",
    "weight": "number",
    "names": "list",
    "rules": "json",
}


def test_every_field_of_a_connector_has_an_input_that_fits_it() -> None:
    assert {each.name: each.kind for each in FIELDS} == KINDS


def test_what_everybody_needs_is_asked_for_first() -> None:
    assert [each.name for each in FIELDS if each.is_main] == ["user", "key", "base_url"]
    assert [each.name for each in FIELDS][:3] == ["user", "key", "base_url"]


def test_labels_help_bounds_and_defaults_come_from_the_model() -> None:
    by_name = {each.name: each for each in FIELDS}
    assert (by_name["user"].label, by_name["user"].help) == ("User name", "Who.")
    assert by_name["poll_interval_s"].label == "Poll interval (seconds)"
    assert (by_name["weight"].least, by_name["weight"].most) == (0, 9)
    assert (by_name["names"].default, by_name["size"].options) == ("a, b", ("small", "large"))


def test_blanks_and_invisible_characters_are_taken_off_and_told() -> None:
    typed = read(FIELDS, {"user": " ann\u200b", "key": "\ufeffsecret ", "base_url": "https://a.example"})
    assert (typed.values["user"], typed.values["key"]) == ("ann", "secret")
    assert typed.trimmed == ("User name", "Key")


def test_an_empty_setting_is_its_default_an_empty_secret_is_not_given_and_an_unticked_box_is_false() -> None:
    typed = read(FIELDS, {"user": "ann", "key": "", "names": "", "weight": ""})
    assert typed.values["names"] == "a, b"
    assert "key" not in typed.values
    assert "weight" not in typed.values
    assert typed.values["is_eager"] == "false"


def test_each_wrong_value_is_told_at_its_field() -> None:
    wrong = wrong_in(SCHEMA, {"user": "", "base_url": "ftp://x", "poll_interval_s": "0"})
    assert wrong["user"] == wrong["key"] == "this is needed"
    assert wrong["base_url"].startswith("must be an address")
    assert "poll_interval_s" in wrong
    kept = wrong_in(SCHEMA, {"user": "ann", "base_url": "https://a.example"}, keeps_secrets=True)
    assert kept == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        ((5, 60), "5, 60"),
        (300, "300"),
        ([{"x": 1}], '[\n  {\n    "x": 1\n  }\n]'),
        ({"x": 1}, '{\n  "x": 1\n}'),
    ],
)
def test_a_setting_is_shown_as_it_would_be_typed(value: object, text: str) -> None:
    assert shown(value) == text
