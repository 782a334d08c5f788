from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hub.dispatch.http import REDACTED, SHORTEST_SECRET, LoggedSession
from hub.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence


def redact(text: str, *secrets: str) -> str:
    """As the request log writes a text of a connection with these secrets."""
    session = LoggedSession(
        connection_id="",
        schema=Registry().get("cin7_omni").schema,
        http=None,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
        secrets=secrets,
        before_write=_nothing,
    )
    return session._redact(text)  # noqa: SLF001 - the only place where it can be seen alone


async def _nothing() -> None: ...


SECRET = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=60)


def test_secret_is_hidden_wherever_it_stands() -> None:
    assert redact("key=s3cr3t-key&again=s3cr3t-key", "s3cr3t-key") == f"key={REDACTED}&again={REDACTED}"


def test_one_secret_inside_another_leaves_no_rest() -> None:
    assert redact("abcdefgh", "abcd", "abcdefgh") == REDACTED


@pytest.mark.parametrize("secrets", [[], [""], ["x"]])
def test_text_without_secrets_stays_as_it_is(secrets: Sequence[str]) -> None:
    assert redact("GET /v1/CreditNotes x", *secrets) == "GET /v1/CreditNotes x"


@given(SECRET, st.text(max_size=20), st.text(max_size=20))
@example("a-secret-key", "", "")
@example("a-secret-key", "u:", "")
@example("a-secret-key", "us:", "")
def test_secret_is_hidden_in_base64_whatever_stands_before_it(secret: str, before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}{after}".encode(errors="replace")).decode()
    hidden = redact(f"Authorization: Basic {encoded}", secret)
    assert REDACTED in hidden
    rest = base64.b64decode(hidden.removeprefix("Authorization: Basic ").split("[")[0] + "==", validate=False)
    assert secret.encode() not in rest


@given(SECRET)
def test_hidden_text_does_not_hold_the_secret(secret: str) -> None:
    assume(secret not in REDACTED)
    assert secret not in redact(f"before {secret} after", secret)


def test_shortest_secret_is_named() -> None:
    assert SHORTEST_SECRET <= 4
    assert redact("x" * SHORTEST_SECRET, "x" * SHORTEST_SECRET) == REDACTED
