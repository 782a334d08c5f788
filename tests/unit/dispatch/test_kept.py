from __future__ import annotations

import pytest

from hub.dispatch.http import KEPT_BODY, LoggedSession
from hub.registry import Registry
from tests.support.spellings import SPELLINGS

KEY = 'a-key/+=&<"of-some-length'


def kept(body: bytes) -> str:
    """As the request log keeps a body of a connection with this key."""
    session = LoggedSession(
        connection_id="",
        schema=Registry().get("cin7_omni").schema,
        http=None,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
        secrets=[KEY],
        before_write=_nothing,
    )
    return session._kept(body)  # noqa: SLF001 - the only place where it can be seen alone


async def _nothing() -> None: ...


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("before", [4, 9, 20])
def test_no_half_of_a_secret_is_kept_where_a_body_is_cut(spelling: str, before: int) -> None:
    spelled = SPELLINGS[spelling](KEY).encode()
    told = kept(b" " * (KEPT_BODY - before) + spelled + b" " * KEPT_BODY)
    assert len(told) <= KEPT_BODY
    # Base64 may show what stands before the secret in it.
    assert spelled[:before].decode() not in told or spelling.startswith(("Basic", "base64"))


def test_what_is_kept_fits_a_database() -> None:
    assert kept(b"a\0b") == "a\ufffdb"
    assert kept("größer".encode("latin-1")) == "gr\ufffd\ufffder"
