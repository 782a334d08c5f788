"""What a failed answer of ReturnGO means, pure: a status and bytes to the error that says what to do next.

Statuses: 429 above the quota, 400 with a text for a move that is not allowed (returngo/REFERENCE.md, H). The
shape of error bodies is unknown (U): JSON with ``message`` or ``error`` is read, any text is quoted.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError

if TYPE_CHECKING:
    from hub.hookspecs import HttpReply

_LONGEST_QUOTE = 200
_LONGEST_WAIT = timedelta(days=1)
_TAG = re.compile(r"<[^>]{0,500}>")


def raise_for_status(reply: HttpReply, operation: str, *, is_write: bool) -> None:
    """Turns every status but success into the error that says what to do next.

    Raises:
        AuthError: 401 and 403.
        RetriableError: 429; anything else but a 4xx on a read.
        RejectedError: any other 4xx: the same request would be refused again.
        InDoubtError: anything else on a write.
    """
    status = reply.status
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return
    what, why = f"{operation}: ReturnGO answered {status}", quote(reply.body)
    if status in {401, 403}:
        raise AuthError(
            f"{operation}: ReturnGO does not accept the API key for this shop",
            why=why,
            fix="copy the API key and the shop's permanent domain again, `hub platforms edit`",
            kind="unauthorized" if status == 401 else "forbidden",  # noqa: PLR2004
        )
    if status == 429:  # noqa: PLR2004
        raise RetriableError(
            what, why=why, fix="wait; the hub goes on by itself", retry_after=_retry_after(reply)
        )
    if 400 <= status < 500 and status != 408:  # noqa: PLR2004
        raise RejectedError(what, why=why, fix="check shop_name and base_url, `hub platforms check`")
    if is_write:
        raise InDoubtError(what, why=why, timed_out=status in {408, 504})
    raise RetriableError(what, why=why, retry_after=_retry_after(reply))


def _retry_after(reply: HttpReply) -> timedelta | None:
    """Seconds asked for; None when absent or in another form. More than a day is taken as a day."""
    text = reply.headers.get("retry-after", "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)


def quote(body: bytes) -> str:
    """Their words, short and on one line."""
    text = body[:4_000].decode("utf-8", errors="replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _TAG.sub(" ", text)
    if isinstance(value, dict):
        value = next((value[key] for key in ("message", "error") if isinstance(value.get(key), str)), text)
    words = value if isinstance(value, str) else text
    line = " ".join("".join(each if each.isprintable() else " " for each in words).split())
    if not line:
        return "with an empty body"
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"
