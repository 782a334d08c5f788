"""Cin7's front desk: one request in, one reply out. Pure.

Texts of the errors: https://api.cin7.com/api/Help; bodies are bare JSON strings (D).
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox import json_text, writes
from connectors.cin7_omni.sandbox.books import CREATE, READ, RESOURCES, UPDATE
from connectors.cin7_omni.sandbox.fields import MalformedError
from connectors.cin7_omni.sandbox.lists import QueryError, list_records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.cin7_omni.sandbox.books import Books, Resource

ACTIONS = {"GET": READ, "POST": CREATE, "PUT": UPDATE}
PREFIX = "/api/v1/"
MAX_QUERY = 2048
"""Longest query string that the server family Cin7 runs on takes; its answer is a 404 page (I)."""

UNAUTHORIZED = "Unauthorized access"
FORBIDDEN = "Access is forbidden"
NOT_FOUND = "Resource not found"
UNAVAILABLE = "Service temporarily unavailable. Please try again later."
MALFORMED = "Missing or malformed JSON data; please see the documentation for examples."
BATCH_LIMIT = "Batch limit is 250."

_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _NO_METHOD = 200, 400, 401, 403, 404, 405


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request.

    Attributes:
        path: decoded, such as ``/api/v1/CreditNotes/12``.
        query: decoded arguments.
        raw_query: as it came, percent-encoded.
        authorization: the header's value; empty when absent.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""
    authorization: str = ""
    body: bytes = b""

    @property
    def resource(self) -> Resource | None:
        """The resource the path names, compared without case; None for any other path."""
        name = self._parts[0]
        return next((each for each in RESOURCES.values() if each.name.casefold() == name.casefold()), None)

    @property
    def item(self) -> str:
        """What follows the resource in the path; empty for the list."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        if not self.path.casefold().startswith(PREFIX):
            return "", ""
        name, _, item = self.path[len(PREFIX) :].strip("/").partition("/")
        return name, item


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def say(status: int, text: str) -> Reply:
    """An answer whose body is one bare JSON string."""
    return Reply(status=status, body=json_text.dump(text))


class Front:
    """Checks who asks, and what for, and answers from the books.

    Args:
        permissions: (resource, action) pairs that are ticked on the API connection.
    """

    def __init__(
        self, books: Books, *, username: str, api_key: str, permissions: set[tuple[str, str]]
    ) -> None:
        self.permissions = permissions
        self._books = books
        self._secret = base64.b64encode(f"{username}:{api_key}".encode()).decode()

    def answer(
        self, asked: Asked, now: datetime, *, is_partial: bool = False, is_duplicate_allowed: bool = False
    ) -> Reply:
        """Does what was asked.

        Args:
            asked: the request.
            now: aware UTC.
            is_partial: True applies only the first half of a batch, for the fault that breaks off there.
            is_duplicate_allowed: True takes a second document under a reference.
        """
        if not self._is_authorized(asked.authorization):
            return say(_UNAUTHORIZED, UNAUTHORIZED)
        resource, action = asked.resource, ACTIONS.get(asked.method)
        if len(asked.raw_query) > MAX_QUERY:
            page = "<html><body><h2>404 - File or directory not found.</h2></body></html>"
            return Reply(status=_NOT_FOUND, body=page, content_type="text/html")
        if resource is None:
            return say(_NOT_FOUND, NOT_FOUND)
        if action is None or action not in resource.actions or (action != READ and asked.item):
            return say(_NO_METHOD, f"The requested resource does not support http method '{asked.method}'.")
        if (resource.name, action) not in self.permissions:
            return say(_FORBIDDEN, FORBIDDEN)
        if action == READ:
            return self._read(resource, asked)
        return self._write(
            resource, action, asked, now, is_partial=is_partial, is_duplicate_allowed=is_duplicate_allowed
        )

    def _is_authorized(self, header: str) -> bool:
        scheme, _, given = header.partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(given.encode(), self._secret.encode())

    def _read(self, resource: Resource, asked: Asked) -> Reply:
        if asked.item:
            record_id = int(asked.item) if asked.item.isascii() and asked.item.isdigit() else 0
            record = self._books.get(resource.name, record_id)
            if record is None:
                return say(_NOT_FOUND, NOT_FOUND)
            return Reply(status=_OK, body=json_text.dump(record))
        try:
            page = list_records(self._books.records(resource.name), resource.table, asked.query)
        except QueryError as error:
            return say(_BAD_REQUEST, str(error))
        return Reply(status=_OK, body=json_text.dump(page))

    def _write(
        self,
        resource: Resource,
        action: str,
        asked: Asked,
        now: datetime,
        *,
        is_partial: bool,
        is_duplicate_allowed: bool,
    ) -> Reply:
        try:
            records = json_text.parse(asked.body)
        except ValueError:
            return say(_BAD_REQUEST, MALFORMED)
        if not isinstance(records, list) or not records:
            return say(_BAD_REQUEST, MALFORMED)  # a bare object (D); an empty array (I)
        if len(records) > writes.MAX_BATCH:
            return say(_BAD_REQUEST, BATCH_LIMIT)
        try:
            readings = writes.read_batch(resource.name, records)
        except MalformedError:
            return say(_BAD_REQUEST, MALFORMED)
        if is_partial:
            readings = readings[: (len(readings) + 1) // 2]
        results = writes.apply_batch(
            self._books,
            resource.name,
            action,
            readings,
            now,
            is_duplicate_allowed=is_duplicate_allowed,
        )
        return Reply(status=_OK, body=json_text.dump(results))
