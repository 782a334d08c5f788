from __future__ import annotations

import pytest

from connectors.cin7_omni.config import Credentials, Settings
from connectors.cin7_omni.plugin import config_schema
from hub.merchant.erp_accounts import account_key

SCHEMA = config_schema()
PLAIN = "https://api.cin7.com/api"


def key(base_url: str, username: str = "shop") -> str:
    credentials = Credentials.model_validate({"username": username, "api_key": "key"})
    return account_key(SCHEMA, credentials, Settings(base_url=base_url))


@pytest.mark.parametrize(
    "spelled",
    [
        "https://API.Cin7.com/api/",
        "https://api.cin7.com:443/api",
        "https://api.cin7.com./api",
        "https://api.cin7.com//api",
        "https://api.cin7.com/v1/../api/.",
        "https://api.cin7.com/%61pi",
    ],
)
def test_spellings_of_one_account_are_one_account(spelled: str) -> None:
    assert key(spelled) == key(PLAIN)


@pytest.mark.parametrize(
    ("base_url", "username"),
    [
        (PLAIN, "other"),
        ("https://api.cin7.com/API", "shop"),
        ("https://api.cin7.com:8443/api", "shop"),
        ("https://[::1]:443/api", "shop"),
    ],
)
def test_other_accounts_are_others(base_url: str, username: str) -> None:
    assert key(base_url, username) != key(PLAIN)
