"""What a failed answer of Cin7 Omni means, pure: a status and bytes to the error that says what to do next.

Bodies are documented as bare JSON strings (https://api.cin7.com/api/Help); seen live besides: objects with a
``message``, HTML pages, cut-off text. So a body is read as text first, and as JSON only then.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NoReturn

from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError

if TYPE_CHECKING:
    from hub.hookspecs import HttpReply

_LONGEST_QUOTE = 200
_LONGEST_WAIT = timedelta(days=2)
_TAG = re.compile(r"<[^>]{0,500}>")


def raise_for_status(reply: HttpReply, operation: str, *, is_write: bool) -> None:
    """Turns every status but success into the error that says what to do next.

    Raises:
        AuthError: 401 and 403.
        RetriableError: 429; 503 in Cin7's own words; a redirect or a wrong address on a read; any 5xx
            answer to a read.
        RejectedError: any other 4xx: the same request would be refused again.
        InDoubtError: a 5xx or an answer of another kind to a write.
    """
    status = reply.status
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return
    what = f"{operation}: Cin7 Omni answered {status}"
    why = quote_body(reply.body)
    if status in {401, 403}:
        _raise_auth(status, operation, why)
    if status == 429:  # noqa: PLR2004
        raise RetriableError(
            what, why=why, fix="wait; the hub goes on by itself", retry_after=read_retry_after(reply)
        )
    if status == 503 and (not is_write or _is_own_503(reply.body)):  # noqa: PLR2004
        # Cin7's own 503 comes before it reads the request. The words of some machine in between ("reset
        # before headers") prove nothing about the write behind it.
        raise RetriableError(what, why=why, retry_after=read_retry_after(reply))
    if status in {404, 405, 410}:
        raise RetriableError(what, why=why, fix="check the base_url of the connection")
    if 400 <= status < 500 and status != 408:  # noqa: PLR2004
        raise RejectedError(what, why=why)
    if is_write:
        raise InDoubtError(what, why=why, timed_out=status in {408, 504})
    fix = "check the base_url of the connection" if 300 <= status < 400 else ""  # noqa: PLR2004
    raise RetriableError(what, why=why, fix=fix, retry_after=read_retry_after(reply))


def _raise_auth(status: int, operation: str, why: str) -> NoReturn:
    if status == 401:  # noqa: PLR2004
        raise AuthError(
            f"{operation}: Cin7 Omni does not accept the API username or the API key",
            why=why,
            fix="copy both again from the API connection in Cin7 Omni, without blanks around them; if it "
            "stays so, generate a new key there and enter that one",
        )
    raise AuthError(
        f"{operation}: Cin7 Omni accepts the API key but it lacks the permission",
        why=why,
        fix="tick the missing box for this API connection in Cin7 Omni and save; if it stays so, "
        "generate a new key there and enter that one",
        kind="forbidden",
    )


def read_retry_after(reply: HttpReply) -> timedelta | None:
    """How long the remote asked us to wait: seconds or an HTTP date; None when absent or nonsense.

    A date counts from the answer's own ``Date`` header, so that no clock of ours is needed; without one
    it is ignored. Longer than two days is taken as two days: the daily quota is back by then.
    """
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
    until, since = _read_http_date(text), _read_http_date(reply.headers.get("date", ""))
    if until is None or since is None:
        return None
    return min(max(until - since, timedelta(0)), _LONGEST_WAIT)


def _read_http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def quote_body(body: bytes) -> str:
    """Their words, short and on one line; text first, then JSON (bodies are bare strings, mostly)."""
    text = body[:4_000].decode("utf-8", errors="replace").strip()
    if not text:
        return "with an empty body"
    if _is_html(body):
        return shorten("with an HTML page: " + " ".join(_TAG.sub(" ", text).split()))
    try:
        return shorten(as_text(json.loads(text)))
    except (ValueError, RecursionError):
        return shorten(text)


def shorten(text: str) -> str:
    """One printable line of at most 200 characters."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def as_text(value: object) -> str:
    """A value of an error body as words."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("message", "Message", "error"):
            if isinstance(value.get(key), str):
                return str(value[key])
    return json.dumps(value, default=str, ensure_ascii=False)


def _is_own_503(body: bytes) -> bool:
    """Whether it says what Cin7's help page has for 503."""
    return not _is_html(body) and b"service temporarily unavailable" in body.lower()


def _is_html(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def raise_unreadable(operation: str, why: str, *, is_write: bool) -> NoReturn:
    """An answer that says success and cannot be read: in doubt after a write, else worth asking again."""
    what = f"{operation}: Cin7 Omni's answer cannot be read"
    if is_write:
        raise InDoubtError(what, why=why)
    raise RetriableError(what, why=why)
