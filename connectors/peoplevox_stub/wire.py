"""SOAP 1.1 around CSV, pure: texts to a request's bytes, and a reply's bytes to a value or a typed error.

Shapes: ``peoplevox/REFERENCE.md``, second-hand throughout. Peoplevox answers its own errors with status 200
and ``ResponseId`` -1; any other status is a machine in front of it.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from hub.errors import AuthError, ConnectorError, InDoubtError, RejectedError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.hookspecs import HttpReply

NAMESPACE = "http://www.peoplevox.net/"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MOST_ROWS = 1000
"""Rows of a report on one page."""
_LONGEST_QUOTE = 200
_LONGEST_WAIT = timedelta(days=2)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry in any spelling."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an action gave.

    Attributes:
        detail: its text; CSV for reports and templates.
        total: ``TotalCount``; None when absent.
    """

    detail: str
    total: int | None


def headers(action: str) -> dict[str, str]:
    """What goes with a call."""
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}{action}"'}


def envelope(action: str, arguments: Mapping[str, str], signed: Mapping[str, str] | None = None) -> bytes:
    """A request, with the session's credentials in its header.

    That the arguments stand directly under the action is our reading.
    """
    given, header = _elements(arguments), ""
    if signed is not None:
        credentials = f"<UserId>0</UserId>{_elements(signed)}"
        header = f'<UserSessionCredentials xmlns="{NAMESPACE}">{credentials}</UserSessionCredentials>'
        header = f"<soap:Header>{header}</soap:Header>"
    body = f'<soap:Body><{action} xmlns="{NAMESPACE}">{given}</{action}></soap:Body>'
    start = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{start}<soap:Envelope xmlns:soap="{SOAP}">{header}{body}</soap:Envelope>'.encode()


def authenticate(client_id: str, username: str, password: str) -> bytes:
    """The request for a session. The password goes out in base64, which hides nothing."""
    secret = base64.b64encode(password.encode()).decode()
    return envelope("Authenticate", {"clientId": client_id, "username": username, "password": secret})


def _elements(texts: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(_NO_XML.sub(' ', text))}</{name}>" for name, text in texts.items())


class _WithoutDtd(ET.TreeBuilder):
    def doctype(self, *_: object) -> None:
        raise ET.ParseError("it holds a document type")


def parse(body: bytes) -> ET.Element:
    """Reads XML without a document type: with none there are no entities to expand.

    SOAP 1.1 forbids one in a message (https://www.w3.org/TR/2000/NOTE-SOAP-20000508/, section 3).

    Raises:
        ET.ParseError: it is not XML, or holds a document type.
    """
    reader = ET.XMLParser(target=_WithoutDtd())  # noqa: S314 - a document type is refused
    try:
        reader.feed(body)
        root: ET.Element = reader.close()
    except (ValueError, LookupError) as error:
        # Such as an encoding that Python does not know.
        raise ET.ParseError(str(error)) from error
    return root


def read_session(reply: HttpReply) -> str:
    """The session's id that Authenticate gave: ``Detail`` is ``ClientId,SessionId``."""
    session_id = read_answer(reply, "Authenticate").detail.rpartition(",")[2].strip()
    if not session_id:
        raise RetriableError("Authenticate: peoplevox gave no session")
    return session_id


def read_answer(reply: HttpReply, operation: str, *, is_write: bool = False) -> Answer:
    """The value of an answer.

    Args:
        reply: as the hub gave it.
        operation: in Peoplevox's words; ``Authenticate`` alone means credentials when it is refused.
        is_write: True when what was sent may have been applied.

    Raises:
        AuthError: the credentials are refused, or 401 or 403.
        RejectedError: a write was refused.
        RetriableError: a read failed, or 429, 503 or a wrong address.
        InDoubtError: a write's answer cannot be read, or says that the server failed.
    """
    _raise_for_status(reply, operation, is_write=is_write)
    try:
        found = {each.tag.rpartition("}")[2]: each.text or "" for each in parse(reply.body).iter()}
        code = int(found["ResponseId"])
        total = int(found["TotalCount"]) if found.get("TotalCount", "").strip() else None
    except (ET.ParseError, KeyError, ValueError) as error:
        why = f"{type(error).__name__}: {error}; it begins with {quote(reply.body)}"
        raise _lost(f"{operation}: peoplevox's answer cannot be read", why, is_write=is_write) from error
    detail = found.get("Detail", "")
    if code != -1:
        return Answer(detail=detail, total=total)
    what, why = f"{operation}: peoplevox refused it", quote(detail.encode())
    if operation == "Authenticate":
        fix = "correct the client id, the username or the password with hub connections edit"
        raise AuthError("Authenticate: Peoplevox does not accept the credentials", why=why, fix=fix)
    if is_write:
        raise RejectedError(what, why=why)
    # It may be a name in the settings as well as a passing fault: the words of the texts are not known.
    raise RetriableError(what, why=why, fix="check the names of reports in the connection's settings")


def _raise_for_status(reply: HttpReply, operation: str, *, is_write: bool) -> None:
    status, what = reply.status, f"{operation}: peoplevox answered {reply.status}"
    why = quote(reply.body)
    match status:
        case 200:
            return
        case 401:
            raise AuthError(what, why=why, fix="check the credentials of the connection")
        case 403:
            fix = "give the Peoplevox user of the connection access to it"
            raise AuthError(what, why=why, fix=fix, kind="forbidden")
        case 429 | 503:
            # Also for a write: whoever sends again looks first, and a save repeated changes nothing.
            raise RetriableError(what, why=why, retry_after=_retry_after(reply))
        case 301 | 302 | 307 | 308 | 404 | 405:
            raise RetriableError(what, why=why, fix="check base_url and client_id of the connection")
    if is_write and 400 <= status < 500 and status != 408:  # noqa: PLR2004 - HTTP's own numbers
        raise RejectedError(what, why=why)
    raise _lost(what, why, is_write=is_write, timed_out=status in {408, 504})


def _retry_after(reply: HttpReply) -> timedelta | None:
    """Seconds only; a date is taken as not said."""
    text = reply.headers.get("retry-after", "").strip()
    return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT) if text.isascii() and text.isdigit() else None


def _lost(what: str, why: str, *, is_write: bool, timed_out: bool = False) -> ConnectorError:
    return InDoubtError(what, why=why, timed_out=timed_out) if is_write else RetriableError(what, why=why)


def quote(body: bytes) -> str:
    """Their words on one line of at most 200 characters; of a page of HTML only that it is one."""
    text = body[:4_000].decode("utf-8", errors="replace")
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if "<html" in line.lower():
        return "a page of HTML"
    return (line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…") or "an empty body"


# --- CSV ----------------------------------------------------------------------------------------------


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV text. Lines end in one character, since XML would read two as one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_rows(text: str, operation: str) -> list[dict[str, str]]:
    """Rows of a report by the names of its header; a report without a header has no rows.

    Raises:
        RetriableError: a row has more or fewer cells than the header.
    """
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [dict(zip(header, row, strict=True)) for row in rows if row]
    except (csv.Error, ValueError) as error:
        if not text.strip():
            return []
        raise RetriableError(f"{operation}: peoplevox's CSV cannot be read", why=str(error)) from error
