from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.cin7_omni.config import Credentials, LookUpOrders, Settings
from connectors.cin7_omni.rules import DEFAULT_RULES
from hub.outcomes import ReceiptVerdict
from hub.settings import Mode


def test_blanks_around_credentials_are_removed_and_told() -> None:
    made = Credentials.model_validate({"username": " user\u00a0", "api_key": "\u200bkey \n"})
    assert made.username == "user"
    assert made.api_key.get_secret_value() == "key"
    assert made.trimmed == ("api_key", "username")
    assert Credentials.model_validate({"username": "user", "api_key": "key"}).trimmed == ()


@pytest.mark.parametrize(
    "given", [{}, {"username": " ", "api_key": "k"}, {"username": "a:b", "api_key": "k"}]
)
def test_unusable_credentials_are_refused_without_showing_them(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as error:
        Credentials.model_validate({**given, "api_key": "s3cret"} if given else given)
    assert "s3cret" not in str(error.value)


def test_settings_have_the_defaults_that_the_interface_names() -> None:
    settings = Settings()
    assert settings.base_url == "https://api.cin7.com/api"
    assert settings.look_up_orders is LookUpOrders.IF_FOUND
    assert settings.check_double_credit
    assert settings.mode is Mode.LIVE
    assert settings.approve
    assert settings.poll_interval_s == 300
    assert settings.doubt_looks == (5, 60, 300)
    assert settings.rules == DEFAULT_RULES


def test_settings_are_read_from_the_texts_that_commands_give() -> None:
    settings = Settings.model_validate(
        {
            "base_url": " http://127.0.0.1:8080/api/ ",
            "look_up_orders": "off",
            "check_double_credit": "off",
            "mode": "shadow",
            "approve": "false",
            "poll_interval_s": "60",
            "doubt_looks": "1, 2",
            "credited_resolutions": "Refund, Store credit",
            "rules": '[{"status": ["void"], "logistics_status": [10], "then": "flag"}]',
        }
    )
    assert settings.base_url == "http://127.0.0.1:8080/api"
    assert settings.check_double_credit is False
    assert settings.approve is False
    assert settings.doubt_looks == (1, 2)
    assert settings.credited_resolutions == ("Refund", "Store credit")
    assert settings.rules[0].status == ("VOID",)
    assert settings.rules[0].then is ReceiptVerdict.FLAG
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "http://api.cin7.com/api"},
        {"base_url": "ftp://localhost/api"},
        {"base_url": "https://user:pass@api.cin7.com/api"},
        {"base_url": "https://api.cin7.com/api?x=1"},
        {"base_url": "https://[broken"},
        {"base_url": "nonsense"},
        {"doubt_looks": "60,5"},
        {"doubt_looks": ""},
        {"rules": "not json"},
        {"rules": '[{"then": "guess"}]'},
        {"rules": '[{"stauts": ["VOID"], "then": "flag"}]'},
        {"aprove": "true"},
    ],
)
def test_wrong_settings_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_plain_http_is_for_this_machine_only(host: str) -> None:
    assert Settings(base_url=f"http://{host}:9/api").base_url == f"http://{host}:9/api"
    with pytest.raises(ValidationError, match="https"):
        Settings(base_url="http://localhost.example.com/api")


def test_every_setting_and_credential_is_described() -> None:
    for model in (Settings, Credentials):
        assert all(field.description for field in model.model_fields.values())
