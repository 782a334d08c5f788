from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from hub.settings import RemoteUrl, local_addresses

ADDRESS: TypeAdapter[str] = TypeAdapter(RemoteUrl)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://erp.example/api#",
            "https://erp.example/#",
            "https://erp.example#",
            "https://erp.example/a#b",
        ),
        *("https://erp.example/api?", "https://erp.example?", "https://erp.example/api?a=b"),
        *("https://@erp.example/api", "https://:@erp.example/api", "https://u:p@erp.example/api"),
        *(
            "https://erp.example/a b",
            "https://erp.example/a\tb",
            "https://erp\n.example/",
            "https://e/\x9b2J",
        ),
        *("https://erp.example/\u202eipa", "https://127.0.0.1\\@erp.example/"),
    ],
)
def test_an_address_that_would_lose_what_is_added_to_it_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="must hold no"):
        ADDRESS.validate_python(address)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" https://ERP.example/Api/ ", "https://erp.example/Api"),
        ("https://erp.example/@shop", "https://erp.example/@shop"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_other_addresses_are_kept(given: str, kept: str) -> None:
    assert ADDRESS.validate_python(given) == kept


def test_addresses_of_this_machine_are_told_from_the_others() -> None:
    settings = {
        "base_url": "http://127.0.0.1:5/api",
        "other": "https://[::ffff:127.0.0.1]/",
        "third": "https://erp.example/127.0.0.1",
        "shop_name": "localhost",
        "poll_interval_s": 5,
    }
    assert local_addresses(settings) == {"http://127.0.0.1:5/api", "https://[::ffff:127.0.0.1]/"}
