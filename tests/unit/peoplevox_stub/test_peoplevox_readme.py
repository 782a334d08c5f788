"""The connector's page and its forms may not drift from its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.peoplevox_stub import plugin
from connectors.peoplevox_stub.config import Credentials, MappingDocument, Settings
from hub.settings import ConnectionSettings

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "connectors/peoplevox_stub/README.md").read_text(encoding="utf-8")


def test_it_says_that_it_is_a_stub() -> None:
    assert plugin.config_schema().title == "Peoplevox (stub)"
    assert PAGE.startswith("# Peoplevox (stub)")


def test_every_setting_of_its_own_is_described_in_its_own_words() -> None:
    for name in Settings.model_fields.keys() - ConnectionSettings.model_fields.keys():
        field = Settings.model_fields[name]
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        assert str(field.description).replace("\n", " ") in row


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:connectors|hub|tests)/[\w/.]+)`", PAGE))))
def test_every_path_on_the_page_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


def test_what_is_not_known_is_said_where_it_is_set() -> None:
    for name in ("returns_report", "completed_states", "cancelled_states", "accepted_states"):
        assert "not known" in str(Settings.model_fields[name].description)


def test_password_stays_out_of_errors_and_of_what_is_printed() -> None:
    with pytest.raises(ValidationError) as error:
        Credentials.model_validate({"client_id": " ", "username": "me", "password": "hush-hush"})
    assert "hush" not in str(error.value)
    good = Credentials.model_validate({"client_id": " shop ", "username": "me", "password": "hush-hush"})
    assert (good.client_id, "hush" in repr(good)) == ("shop", False)


def test_mapping_takes_only_the_notation() -> None:
    assert MappingDocument.model_validate({"comments": "rma_id"}).comments == "rma_id"
    for wrong in ({"comments": {"function": "nothing"}}, {"comments": ["a"]}, {"reference": "x"}):
        with pytest.raises(ValidationError):
            MappingDocument.model_validate(wrong)
