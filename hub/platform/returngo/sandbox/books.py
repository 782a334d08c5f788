"""The returns a stand-in holds, and what may be done with them. Pure; the time is an argument.

Facts: returngo/REFERENCE.md, "API". What is unknown there is as a simple implementation would have it.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import operator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.errors import ConflictError, NotFoundError
from hub.platform.returngo.shipments import VALIDATED, may_move

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Document = dict[str, Any]

MOST_ROWS = 500
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}
_FIELDS = ("status", "order_name", "rma_created_at", "rma_updated_at")
_TIMES = frozenset({"rma_created_at", "rma_updated_at"})


class BadRequestError(Exception):
    """The text of a 400."""


class Books:
    """Returns by number.

    Args:
        has_full_rows: True lists whole RMAs; False only number, order, status and times.
    """

    def __init__(self, *, has_full_rows: bool = False) -> None:
        self.has_full_rows = has_full_rows
        self._rmas: dict[str, Document] = {}
        self._last: datetime | None = None

    def add(self, document: Mapping[str, Any], now: datetime) -> Document:
        """Takes a return in, created now. Raises ConflictError when there is one of its number."""
        rma = copy.deepcopy(dict(document))
        rma_id = str(rma["rmaSummary"]["rmaId"])
        if rma_id in self._rmas:
            raise ConflictError(f"add RMA {rma_id}: there is one already", fix="approve or show that one")
        rma["createdAt"] = _iso(now)
        rma["rmaSummary"].setdefault("events", [])
        self._rmas[rma_id] = rma
        self._change(rma, now)
        return rma

    def get(self, rma_id: str) -> Document | None:
        """A return as it is."""
        return self._rmas.get(rma_id)

    def need(self, rma_id: str) -> Document:
        """A return as it is. Raises NotFoundError when there is none."""
        rma = self._rmas.get(rma_id)
        if rma is None:
            raise NotFoundError(
                f"there is no RMA {rma_id}", fix="put one in with `hub sandbox invent` or `hub sandbox add`"
            )
        return rma

    def all(self) -> list[Document]:
        """Every return, oldest first."""
        return list(self._rmas.values())

    def set_status(self, rma_id: str, status: str, now: datetime) -> Document:
        """Moves a return to a status, as a person in the dashboard would."""
        rma = self.need(rma_id)
        rma["rmaSummary"]["status"] = status
        event = {"eventName": f"RMA_{status.upper()}", "eventDate": _iso(now), "triggeredVia": "Dashboard"}
        rma["rmaSummary"]["events"].append(event)
        self._change(rma, now)
        return rma

    def edit(self, rma_id: str, now: datetime, **members: Any) -> Document:
        """Changes members of a return's document."""
        rma = self.need(rma_id)
        rma.update(members)
        self._change(rma, now)
        return rma

    def comment(self, rma_id: str, text: str, now: datetime) -> Document:
        """Adds a comment, as the API does."""
        rma = self.need(rma_id)
        comments = rma.setdefault("comments", [])
        comments.append(
            {"commentType": "Internal", "triggeredBy": "API", "htmlText": text, "datetime": _iso(now)}
        )
        self._change(rma, now)
        return rma

    def move_shipment(self, shipment_id: str, body: Mapping[str, Any], now: datetime) -> Document | None:
        """Sets a shipment's status and members; None when there is no such shipment.

        When all inbound shipments are Validated, so is the return (I).

        Raises:
            BadRequestError: the move is not allowed.
        """
        for rma in self._rmas.values():
            inbound = [each for each in rma.get("shipments", ()) if not each.get("isOutbound")]
            found = next((s for s in rma.get("shipments", ()) if str(s["shipmentId"]) == shipment_id), None)
            if found is None:
                continue
            if not may_move(str(found["status"]), str(body.get("status"))):
                raise BadRequestError("Invalid status transition")
            for name in ("status", "carrierName", "trackingNumber", "trackingURL", "labelURL"):
                found[name] = body.get(name)
            if inbound and all(each["status"] == VALIDATED for each in inbound):
                return self.set_status(str(rma["rmaSummary"]["rmaId"]), VALIDATED, now)
            self._change(rma, now)
            return rma
        return None

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """``GET /rmas``.

        Raises:
            BadRequestError: an argument is not one of the documented.
        """
        size = query.get("pagesize", "50")
        if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= MOST_ROWS:
            raise BadRequestError("pagesize must be between 1 and 500")
        sort = query.get("sort_by", "-rma_updated_at")
        if sort.lstrip("-") not in _TIMES:
            raise BadRequestError("sort_by is invalid")
        field = sort.lstrip("-")
        rows = [each for each in self._rmas.values() if _matches(each, query)]
        rows.sort(key=lambda each: _key(each, field), reverse=sort.startswith("-"))
        if cursor := query.get("cursor"):
            after = _read_cursor(cursor)
            is_past = operator.lt if sort.startswith("-") else operator.gt
            rows = [each for each in rows if is_past(_key(each, field), after)]
        page, rest = rows[: int(size)], rows[int(size) :]
        return {
            "rmas": [each if self.has_full_rows else _summary(each) for each in page],
            "next_cursor": _write_cursor(_key(page[-1], field)) if rest else None,
        }

    def _change(self, rma: Document, now: datetime) -> None:
        # Two changes never share a moment here; a test that wants that edits the documents.
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(microseconds=1)
        self._last = now
        rma["lastUpdated"] = _iso(now)


def _summary(rma: Document) -> Document:
    """A row of the list as a shop's overview would need it (U)."""
    summary = rma["rmaSummary"]
    return {
        "rmaId": summary["rmaId"],
        "status": summary["status"],
        "order_name": summary.get("order_name"),
        "createdAt": rma["createdAt"],
        "lastUpdated": rma["lastUpdated"],
    }


def _value(rma: Document, name: str) -> Any:
    if name == "rma_updated_at":
        return _moment(rma["lastUpdated"])
    if name == "rma_created_at":
        return _moment(rma["createdAt"])
    return str(rma["rmaSummary"].get(name) or "")


def _matches(rma: Document, query: Mapping[str, str]) -> bool:
    for name in _FIELDS:
        if name not in query:
            continue
        sign, colon, text = query[name].partition(":")
        if not colon or sign not in _COMPARE:
            sign, text = "eq", query[name]
        wanted: Any = text
        if name in _TIMES:
            try:
                wanted = _moment(text)
            except ValueError:
                raise BadRequestError(f"{name} is invalid") from None
        if not _COMPARE[sign](_value(rma, name), wanted):
            return False
    return True


def _key(rma: Document, field: str) -> tuple[str, str]:
    return (_iso(_value(rma, field)), str(rma["rmaSummary"]["rmaId"]))


def _write_cursor(key: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_cursor(text: str) -> tuple[str, str]:
    try:
        moment, rma_id = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, binascii.Error):
        raise BadRequestError("cursor is invalid") from None
    return str(moment), str(rma_id)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
