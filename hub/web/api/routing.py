"""A route of the API: what it takes and answers is stated once, and checked and described from there."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import hdrs, web

from hub.errors import ConflictError, UsageError
from hub.plain_text import visible_json
from hub.store.database import in_transaction
from hub.web import body, guard
from hub.web.api.idempotency import once
from hub.web.api.models.shared import Query
from hub.web.api.reading import JSON, check_accept, read_body, read_query
from hub.web.guard import Need
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp.typedefs import Handler
    from pydantic import BaseModel
    from tortoise.models import Model

    from hub.access.principal import Principal
    from hub.core import Hub
    from hub.store.models import Store

Row = TypeVar("Row", bound="Model")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request that has passed the guard.

    Attributes:
        query: of the route's query model.
        body: of the route's body model; the text itself where the route takes a document; None without one.
    """

    request: web.Request
    hub: Hub
    store: Store
    who: Principal
    query: Any = None
    body: Any = None

    def check_match(self, tag: str) -> None:
        """Refuses a change that was made from an old copy; without If-Match every change is taken.

        Raises:
            RequestError: 412.
        """
        given = self.request.headers.get(hdrs.IF_MATCH)
        if given is None or given.strip() == "*" or tag in {each.strip() for each in given.split(",")}:
            return
        raise RequestError(
            "change it: it is not what you have seen",
            status=HTTPStatus.PRECONDITION_FAILED,
            why=f"it changed meanwhile, and its ETag is {tag} now",
            fix="get it again, and send your change with the ETag it has then",
        )


@asynccontextmanager
async def locked(row: Row) -> AsyncIterator[Row]:
    """Gives a row as it is now; nobody else changes it within the block, which is one transaction.

    Raises:
        ConflictError: it was removed meanwhile.
    """
    async with in_transaction():
        held = await type(row).filter(pk=row.pk).select_for_update().first()
        if held is None:
            raise ConflictError("change it: it was removed meanwhile", fix="list what there is")
        yield held


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a request is answered.

    Attributes:
        value: of the shape of the route's answer model; a text that is JSON already where it is a document.
        tag: the ETag of what can be edited; empty for none.
        location: where what was made is; empty for none.
    """

    value: Any
    tag: str = ""
    location: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A method and a path.

    Attributes:
        act: does it. It is given the call, and what ``of`` found.
        answer: model of its answer.
        of: finds what the path's parameter names, or refuses with 404, before anything else of the request
            is looked at; None for a path without one.
        query: model of its query string.
        body: model of its body; None when it takes none.
        is_body_optional: True when an empty body stands for all defaults.
        is_document: True when the body is handed on as the text that it is.
        gives_tag: True when its answer has an ETag.
        heeds_match: True when If-Match is heeded.
        status: of an answer; 201 for what makes something.
        asks_erp: True when the ERP is asked, and may fail.
    """

    method: str
    path: str
    need: Need
    act: Callable[[Call, Any], Awaitable[Reply]]
    answer: type[BaseModel]
    of: Callable[[Call, str], Awaitable[Any]] | None = None
    query: type[Query] = Query
    body: type[BaseModel] | None = None
    is_body_optional: bool = False
    is_document: bool = False
    gives_tag: bool = False
    heeds_match: bool = False
    status: HTTPStatus = HTTPStatus.OK
    asks_erp: bool = False

    @property
    def is_change(self) -> bool:
        """True for every method but GET."""
        return self.method != hdrs.METH_GET

    @property
    def takes_key(self) -> bool:
        """True when an ``Idempotency-Key`` is heeded."""
        return self.method == hdrs.METH_POST


def handler_of(route: Route, ring: Callable[[], None]) -> Handler:
    """The route as aiohttp takes it.

    Args:
        route: the route.
        ring: called after each change.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(
            request=request,
            hub=request.app[guard.HUB],
            store=await guard.store_of(request),
            who=guard.principal(request),
        )
        thing = await _find(route, call)
        check_accept(request)
        query = read_query(route, request)
        raw = await body.read(request, "read the body") if route.body else b""
        call = replace(call, query=query, body=read_body(route, request, raw))

        async def act() -> web.Response:
            answer = _answer(route, await route.act(call, thing))
            if route.need is Need.WRITE:
                ring()
            return answer

        key = request.headers.get("Idempotency-Key")
        if key is None or not route.takes_key:
            return await act()
        what = f"{request.method} {request.path_qs}\n".encode() + raw
        return await once(call.hub.clock, call.who.token_id or "", key, what, act)

    return handle


async def _find(route: Route, call: Call) -> Any:
    values = list(call.request.match_info.values())
    if any("\0" in each for each in [*values, *call.request.query.values()]):
        raise UsageError("read the address", why="it holds a NUL character", fix="take it out")
    return await route.of(call, values[0]) if route.of else None


def _answer(route: Route, reply: Reply) -> web.Response:
    if isinstance(reply.value, str):
        text = reply.value
    else:
        text = route.answer.model_validate(reply.value).model_dump_json()
    headers = {}
    if reply.tag:
        headers[hdrs.ETAG] = reply.tag
    if reply.location:
        headers[hdrs.LOCATION] = reply.location
    return web.Response(text=visible_json(text), status=route.status, content_type=JSON, headers=headers)


def tag(*parts: object) -> str:
    """The ETag of what is made of these parts."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'


def page(items: list[dict[str, Any]], limit: int | None = None, cursor: str = "") -> Reply:
    """The answer with a part of a list.

    Args:
        items: what there is; one more than ``limit`` where there is more.
        limit: how many belong on the page; None when all do.
        cursor: the field whose value, in the last item, tells where the next page begins.
    """
    if limit is None or len(items) <= limit:
        return Reply(value={"items": items, "next_cursor": None})
    shown = items[:limit]
    return Reply(value={"items": shown, "next_cursor": shown[-1][cursor]})
