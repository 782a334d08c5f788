"""What may be a password, how long a wrong one holds back, and what a token looks like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.passwords import Passwords, check_choice
from hub.access.principal import Principal, current
from hub.access.throttle import FREE_FOR_NAME, LONGEST_WAIT, network_of, wait_after
from hub.access.tokens import PREFIX, digest, form_token, is_same, new_token
from hub.errors import UsageError
from hub.store.people import Source


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 257, "Ada Lovelace", "ada lovelace1"])
def test_a_password_that_is_short_or_the_name_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_choice(password, "ada lovelace")
    assert not password or password not in f"{caught.value} {caught.value.fix}"


@pytest.mark.parametrize(
    "password", ["twelve chars", "пароль из слов", "ada lovelace wrote notes", "x" * 256]
)
def test_a_long_password_will_do_whatever_it_is_made_of(password: str) -> None:
    check_choice(password, "ada lovelace")


async def test_a_hash_fits_its_password_however_its_letters_are_composed() -> None:
    passwords = Passwords()
    stored = await passwords.hashed("caf\u00e9 au lait")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.is_outdated(stored)
    assert await passwords.fits("cafe\u0301 au lait", stored)
    assert not await passwords.fits("cafe au lait", stored)
    assert not await passwords.fits("cafe au lait", None)
    assert not await passwords.fits("cafe au lait", "not a hash")


def test_the_wait_grows_from_nothing_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(number, FREE_FOR_NAME) for number in range(100)]
    assert waits[FREE_FOR_NAME - 1] == timedelta(0)
    assert waits[FREE_FOR_NAME] == timedelta(seconds=1)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_neighbours_in_one_ipv6_network_count_as_one(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as


def test_tokens_are_known_by_their_beginning_and_kept_as_digests() -> None:
    one, other = new_token(), new_token()
    assert one != other
    assert one.startswith(PREFIX)
    assert len(one) == len(PREFIX) + 43
    assert len(digest(one)) == 64


@given(st.text(), st.text())
def test_any_text_that_a_stranger_sends_can_be_looked_up_and_compared(one: str, other: str) -> None:
    assert (digest(one) == digest(other)) is (one == other)
    assert is_same(one, other) is (one == other)
    assert form_token(one) != digest(one)


def test_whoever_is_bound_to_a_store_sees_that_one_only() -> None:
    merchant = Principal(who="ada", source=Source.PAGE, store_id=1)
    assert [merchant.sees(each) for each in (1, 2, None)] == [True, False, False]
    everyone = Principal(who="boss", source=Source.PAGE, is_admin=True)
    assert [everyone.sees(each) for each in (1, None)] == [True, True]


def test_outside_a_request_the_operating_systems_user_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody else")
    who = current()
    assert (who.source, who.is_admin, who.who == "somebody else") == (Source.CLI, True, False)
