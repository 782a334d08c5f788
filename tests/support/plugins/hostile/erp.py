"""A tiny ERP over HTTP: memos, made in batches, found by name, listed by change. It plays every fault."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.errors import ConflictError, NotFoundError
from hub.sandbox import STANDARD_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from hub.rma import Rma
    from hub.sandbox import Fault

KEY = "tiny-key-31415926"
PAGE = 10
CALLS_A_MINUTE = 60
_WRITES_ONLY = {"drop_before_write", "drop_after_write", "apply_partly_then_drop", "apply_late_after_drop"}
_WRITES_ONLY |= {"wrong_order", "missing_result"}
_DUPLICATES = "allow_duplicate_references"
_APPLIED = {"drop_after_write", "apply_partly_then_drop", "cut_off_body", "empty_200", "slow"}


@dataclass(kw_only=True)
class Memo:
    """A document. ``got`` is None where nobody counted."""

    id: str
    name: str
    note: str
    asked: dict[str, int]
    got: dict[str, int | None]
    total: str
    changed_at: str
    state: str = "open"


class TinyErp:
    """One account; implements :class:`hub.sandbox.Sandbox`."""

    def __init__(self, seed: int, clock: Callable[[], datetime]) -> None:
        del seed
        self.credentials: Mapping[str, str] = {"key": KEY}
        self.faults: Mapping[str, str] = STANDARD_FAULTS
        self.page_size = PAGE
        self.on_refuse: Callable[[float], None] | None = None
        self._clock = clock
        self._memos: dict[str, Memo] = {}
        self._numbers = itertools.count(1)
        self._orders: list[Fault] = []
        self._calls: list[dict[str, Any]] = []
        self._times: list[datetime] = []
        self._is_closing = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_shutdown.append(self._shut_down)

    async def _shut_down(self, _app: web.Application) -> None:
        self._is_closing.set()

    # --- people ---------------------------------------------------------------------------------------

    def settings(self, url: str) -> Mapping[str, str]:
        return {"base_url": url}

    def inject(self, fault: Fault) -> None:
        if fault.name == "refuse" and self.on_refuse is not None:
            self.on_refuse(fault.seconds or 1.0)
        else:
            self._orders.append(fault)

    def clear_faults(self) -> None:
        self._orders.clear()
        if self.on_refuse is not None:
            self.on_refuse(0)

    def documents(self) -> list[dict[str, Any]]:
        return [_described(memo) for memo in self._memos.values()]

    def receive(
        self,
        document: str,
        quantities: Mapping[str, Decimal] | None = None,
        *,
        is_complete: bool = True,
        is_quantity_known: bool = True,
    ) -> dict[str, Any]:
        memo = self._find(document)
        given = memo.asked if quantities is None else quantities
        memo.got = {sku: int(given.get(sku, 0)) if is_quantity_known else None for sku in memo.asked}
        return self._changed(memo, "done" if is_complete else memo.state)

    def enter(self, reference: str, quantities: Mapping[str, Decimal]) -> dict[str, Any]:
        lines = {sku: int(units) for sku, units in quantities.items()}
        return _described(self._add({"name": reference, "note": "by hand", "lines": lines, "total": "1.00"}))

    def sell(self, rma: Rma) -> dict[str, Any]:
        return {"name": rma.order_name}

    def void(self, document: str) -> dict[str, Any]:
        return self._changed(self._find(document), "void")

    def calls(self) -> list[dict[str, Any]]:
        return [dict(call) for call in self._calls]

    def _find(self, document: str) -> Memo:
        for memo in self._memos.values():
            if document in {memo.id, memo.name}:
                return memo
        raise NotFoundError(f"there is no memo {document}")

    def _add(self, record: Mapping[str, Any], *, is_duplicate_allowed: bool = False) -> Memo:
        if not is_duplicate_allowed and any(memo.name == record["name"] for memo in self._memos.values()):
            raise ConflictError(f"the name {record['name']} is taken")
        lines = dict(record["lines"])
        memo = Memo(
            id=f"{next(self._numbers):06}",
            name=record["name"],
            note=record["note"],
            asked=lines,
            got=dict.fromkeys(lines, 0),
            total=record["total"],
            changed_at=self._clock().isoformat(),
        )
        self._memos[memo.id] = memo
        return memo

    def _changed(self, memo: Memo, state: str) -> dict[str, Any]:
        memo.state, memo.changed_at = state, self._clock().isoformat()
        return _described(memo)

    # --- machines -------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call: dict[str, Any] = {"at": self._clock().isoformat(), "method": request.method}
        call |= {"path": request.path, "query": request.query_string, "status": None}
        call["is_write"] = request.method != "GET"
        self._calls.append(call)
        if not self._is_in_time():
            return _say(call, 429, "slow down", {"Retry-After": "5"})
        fault = self._draw(request.method)
        if fault is not None:
            return await self._misbehave(fault, request, body, call)
        return _say(call, *self._answer(request, body))

    def _is_in_time(self) -> bool:
        now = self._clock()
        self._times = [at for at in self._times if now - at < timedelta(minutes=1)]
        self._times.append(now)
        return len(self._times) <= CALLS_A_MINUTE

    def _draw(self, method: str) -> Fault | None:
        for place, fault in enumerate(self._orders):
            is_meant = fault.on in {None, method} and (method != "GET" or fault.name not in _WRITES_ONLY)
            if is_meant and fault.name != _DUPLICATES:
                if fault.times is not None:
                    self._orders[place] = replace(fault, times=fault.times - 1)
                    self._orders = [each for each in self._orders if each.times != 0]
                return fault
        return None

    async def _misbehave(
        self, fault: Fault, request: web.Request, body: bytes, call: dict[str, Any]
    ) -> web.StreamResponse:
        says = {
            "unauthorized": (401, "who are you"),
            "forbidden": (403, "you may not"),
            "unavailable": (503, "later"),
            "server_error_html": (500, "<html><body>Server Error</body></html>"),
            "too_many_requests": (429, "slow down"),
        }
        if fault.name in says:
            return _say(call, *says[fault.name], {"Retry-After": str(math.ceil(fault.seconds or 1))})
        if fault.name in {"drop_before_write", "apply_late_after_drop"}:
            return _drop(request)
        if fault.name == "hang":
            await self._wait(fault.seconds)
            return _drop(request)
        status, text = self._answer(request, body, is_partial=fault.name == "apply_partly_then_drop")
        if fault.name in {"drop_after_write", "apply_partly_then_drop"}:
            return _drop(request)
        if fault.name == "cut_off_body":
            return await _cut_off(request, text, call)
        if fault.name == "slow":
            await self._wait(fault.seconds)
        if fault.name == "empty_200":
            text = ""
        if fault.name == "wrong_order":
            text = json.dumps(json.loads(text)[::-1])
        if fault.name == "missing_result":
            text = json.dumps(json.loads(text)[1:])
        return _say(call, status, text)

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._is_closing.wait(), seconds)
        except TimeoutError:
            return

    def _answer(self, request: web.Request, body: bytes, *, is_partial: bool = False) -> tuple[int, str]:
        if request.headers.get("X-Key") != KEY:
            return 401, "who are you"
        if request.path == "/me":
            return 200, json.dumps({"may": ["read"]})
        if request.method == "POST":
            records = json.loads(body)
            if is_partial:
                records = records[: (len(records) + 1) // 2]
            return 200, json.dumps([self._take(record) for record in records])
        return 200, json.dumps(self._listed(request.query))

    def _take(self, record: Mapping[str, Any]) -> dict[str, Any]:
        if "lines" not in record:
            return {"name": record.get("name")}
        is_duplicate_allowed = any(each.name == _DUPLICATES for each in self._orders)
        try:
            memo = self._add(record, is_duplicate_allowed=is_duplicate_allowed)
        except ConflictError as error:
            return {"name": record["name"], "error": str(error)}
        return {"name": memo.name, "id": memo.id}

    def _listed(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """Memos that were asked for by ``any_of``, or one page of those changed after ``after``."""
        memos = sorted(self._memos.values(), key=lambda memo: (memo.changed_at, memo.id))
        if "any_of" in asked:
            wanted = set(json.loads(asked["any_of"]))
            return [asdict(memo) for memo in memos if wanted & {memo.id, memo.name, memo.note}]
        at, _, last = asked["after"].partition("|")
        start = int(asked.get("page", 0)) * PAGE
        found = [asdict(memo) for memo in memos if (memo.changed_at, memo.id) > (at, last)]
        return found[start : start + PAGE]


def _described(memo: Memo) -> dict[str, Any]:
    got = {sku: None if units is None else str(units) for sku, units in memo.got.items()}
    return {
        "id": memo.id,
        "reference": memo.name,
        "sales_reference": "",
        "status": memo.state,
        "currency": "USD",
        "total": memo.total,
        "lines": [
            {"sku": sku, "quantity": str(units), "received": got[sku]} for sku, units in memo.asked.items()
        ],
        "raw": asdict(memo),
    }


def _say(
    call: dict[str, Any], status: int, text: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    call["status"] = status
    return web.Response(status=status, text=text, headers=headers)


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut_off(request: web.Request, text: str, call: dict[str, Any]) -> web.StreamResponse:
    call["status"] = 200
    response = web.StreamResponse()
    response.content_length = len(text)
    await response.prepare(request)
    await response.write(text.encode()[: len(text) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
