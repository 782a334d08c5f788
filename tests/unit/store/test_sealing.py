from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.store.sealing import Sealer, key_id, key_of

SEALER = Sealer(bytes(range(32)))
ROW = "connection/0123456789abcdef"


@given(st.text())
def test_what_was_sealed_opens_for_its_row(secret: str) -> None:
    assert SEALER.open(SEALER.seal(secret, row=ROW), row=ROW) == secret


def test_same_secret_is_never_sealed_the_same_way_twice() -> None:
    assert SEALER.seal("secret", row=ROW) != SEALER.seal("secret", row=ROW)


def test_another_key_does_not_open_it_and_both_keys_are_named() -> None:
    other = Sealer(bytes(32))
    with pytest.raises(ConfigError) as caught:
        other.open(SEALER.seal("secret", row=ROW), row=ROW)
    assert SEALER.key_id in caught.value.why
    assert other.key_id in caught.value.why


def test_another_row_does_not_open_it() -> None:
    with pytest.raises(ConfigError, match="altered, or belong to another row"):
        SEALER.open(SEALER.seal("secret", row=ROW), row="connection/fedcba9876543210")


@given(st.integers(min_value=0))
def test_altered_text_does_not_open(place: int) -> None:
    head, _, payload = SEALER.seal("a secret of some length", row=ROW).rpartition(".")
    raw = bytearray(base64.b64decode(payload))
    raw[place % len(raw)] ^= 1
    with pytest.raises(ConfigError):
        SEALER.open(f"{head}.{base64.b64encode(raw).decode()}", row=ROW)


@pytest.mark.parametrize("text", ["", "v1", "v2.00000000.AAAA", "nonsense", "v1..", f"v1.{SEALER.key_id}."])
def test_text_that_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        SEALER.open(text, row=ROW)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_cut_text_is_refused(cut: int) -> None:
    with pytest.raises(ConfigError):
        SEALER.open(SEALER.seal("secret", row=ROW)[:-cut], row=ROW)


def test_an_older_key_opens_what_it_sealed_and_the_first_one_seals() -> None:
    old = SEALER.seal("secret", row=ROW)
    both = Sealer(bytes(32), bytes(range(32)))
    assert both.key_ids == (Sealer(bytes(32)).key_id, SEALER.key_id)
    assert both.open(old, row=ROW) == "secret"
    new = both.seal("secret", row=ROW)
    assert (key_of(old), key_of(new)) == (SEALER.key_id, both.key_id)
    with pytest.raises(ConfigError):
        SEALER.open(new, row=ROW)


def test_keys_are_read_again_to_seal_and_for_a_key_that_is_not_known() -> None:
    keys = [bytes(32)]
    running = Sealer(*keys, reread=lambda: list(keys))
    keys.insert(0, bytes(range(32)))
    assert running.open(SEALER.seal("secret", row=ROW), row=ROW) == "secret"
    keys.insert(0, b"x" * 32)
    assert key_of(running.seal("secret", row=ROW)) == key_id(b"x" * 32)


def test_what_was_sealed_under_another_name_of_the_key_does_not_open() -> None:
    """The name is bound in, so that nobody passes an old text off as one of another key."""
    version, _, payload = SEALER.seal("secret", row=ROW).split(".")
    both = Sealer(bytes(32), bytes(range(32)))
    with pytest.raises(ConfigError):
        both.open(f"{version}.{both.key_id}.{payload}", row=ROW)
