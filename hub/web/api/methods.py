"""``/v1/return-methods``: which connection a return goes to, by its return method."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hub.errors import ConflictError, NotFoundError, UsageError
from hub.merchant import connections, methods, shown
from hub.rma import MethodType
from hub.store.database import in_transaction, naming
from hub.web.api.models import methods as models
from hub.web.api.routing import Reply, Route, locked, page, tag
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.store.models import ReturnMethod
    from hub.web.api.routing import Call


async def find(call: Call, name: str) -> ReturnMethod:
    """The store's return method of that name."""
    return await methods.get(call.store, name)


async def find_or_new(call: Call, name: str) -> ReturnMethod | str:
    """The store's return method of that name, or the name that a body is to make one of."""
    try:
        return await methods.get(call.store, name)
    except NotFoundError:
        if not call.request.can_read_body:
            raise
        return name


def tag_of(row: ReturnMethod) -> str:
    """Its ETag: another one whenever it points elsewhere."""
    return tag(row.type, row.connection_id, row.location_id)


async def list_methods(call: Call, _: None) -> Reply:
    """List the return methods and where each sends its returns."""
    return page([shown.method(row) for row in await methods.every(call.store)])


async def show_method(_: Call, row: ReturnMethod) -> Reply:
    """Show a return method."""
    return Reply(value=shown.method(row), tag=tag_of(row))


async def set_method(call: Call, found: ReturnMethod | str) -> Reply:
    """Point a return method at a connection, or at Do not update; one that is not there yet is made."""
    given: models.ReturnMethodSet = call.body
    if given.connection is None and given.location is not None:
        raise UsageError(
            "set the return method: a location without a connection",
            why="the location is a place of the connection's ERP",
            fix="give the connection too, or leave the location out",
        )
    target = await connections.get(call.store, given.connection) if given.connection is not None else None
    async with naming() if isinstance(found, str) else in_transaction():
        if target is not None:
            await methods.hold(target, found if isinstance(found, str) else found.name)
        row = await _made(call, found, given) if isinstance(found, str) else found
        async with locked(row) as held:
            _check_type(held, given)
            call.check_match(tag_of(held))
            if target is None:
                await methods.do_not_update(held)
            else:
                await methods.point_at(held, target, given.location)
    return await show_method(call, await methods.get(call.store, row.name))


async def remove_method(_: Call, row: ReturnMethod) -> Reply:
    """Forget a return method; returns that name it then need a person."""
    await methods.remove(row)
    return Reply(value={"name": row.name})


async def _made(call: Call, name: str, given: models.ReturnMethodSet) -> ReturnMethod:
    with contextlib.suppress(NotFoundError):
        return await methods.get(call.store, name)  # another request has made it since it was looked for
    if "If-Match" in call.request.headers:
        raise NotFoundError(
            f"find return method {name!r}: there is none", fix="leave If-Match out to make it"
        )
    if given.type is None:
        raise UsageError(
            f"add return method {name!r}: its type is missing",
            fix=f"give `type`, one of {', '.join(MethodType)}",
        )
    return await methods.add(call.store, name, given.type)


def _check_type(row: ReturnMethod, given: models.ReturnMethodSet) -> None:
    if given.type is not None and given.type != row.type:
        raise ConflictError(
            f"set return method {row.name!r}: it is of type {row.type}",
            why="a method's type is what the returns platform says it is, and does not change",
            fix="leave `type` out; or DELETE the method and make it anew",
        )


ROUTES = (
    Route(
        method="GET",
        path="/v1/return-methods",
        need=Need.READ,
        act=list_methods,
        answer=models.ReturnMethods,
    ),
    Route(
        method="GET",
        path="/v1/return-methods/{name}",
        need=Need.READ,
        of=find,
        act=show_method,
        answer=models.ReturnMethod,
        gives_tag=True,
    ),
    Route(
        method="PUT",
        path="/v1/return-methods/{name}",
        need=Need.WRITE,
        of=find_or_new,
        act=set_method,
        body=models.ReturnMethodSet,
        answer=models.ReturnMethod,
        gives_tag=True,
        heeds_match=True,
    ),
    Route(
        method="DELETE",
        path="/v1/return-methods/{name}",
        need=Need.WRITE,
        of=find,
        act=remove_method,
        answer=models.ReturnMethodRemoved,
    ),
)
