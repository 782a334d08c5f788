"""Errors as HTTP answers: RFC 9457 problem documents, https://www.rfc-editor.org/rfc/rfc9457.

The members ``type``, ``title``, ``status`` and ``detail`` are the RFC's. Ours are ``code`` (as with
``--json``), ``fix`` (what to do) and ``problems`` (one sentence for each thing that is wrong).
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError, ValidationError

from hub.errors import (
    AccessError,
    ConfigError,
    ConflictError,
    ConnectorError,
    EventError,
    HubError,
    NotFoundError,
    RetriableError,
    UsageError,
)
from hub.web.peer import is_proved
from hub.web.tally import TALLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

CONTENT_TYPE = "application/problem+json"
PAGE = "/docs/errors.md"
"""Where each code has its heading. A name within the hub's sources: no server answers there."""
DATABASE_REST = timedelta(seconds=10)
"""After how long a caller is asked to come again when the database takes nothing."""
COLLISION_REST = timedelta(seconds=1)
LONGEST_REASON = 200

log = structlog.get_logger()


class RequestError(HubError):
    """The server refuses a request, whatever it is about. Nothing was stored.

    Attributes:
        status: the HTTP status.
        retry_after: when the same request is worth sending again; None when it has to change.
    """

    code = "request_refused"

    def __init__(
        self,
        what: str,
        *,
        status: HTTPStatus,
        why: str = "",
        fix: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.status = status
        self.retry_after = retry_after


def database_unavailable() -> RequestError:
    """503: the database is locked, full, read-only or away. Why exactly is nobody's business outside."""
    return RequestError(
        "use the database",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        why="it takes nothing now; nothing half done was kept",
        fix="send the same again later",
        retry_after=DATABASE_REST,
    )


def collided() -> RequestError:
    """409: a change cannot be beside another one that was made at the same moment."""
    return RequestError(
        "make the change: another one came first, at the same moment",
        status=HTTPStatus.CONFLICT,
        why="the two cannot both be; nothing of this one was kept",
        fix="send the same again: then it is answered by what there is now",
        retry_after=COLLISION_REST,
    )


def status_of(error: HubError) -> HTTPStatus:
    """The HTTP status that answers an error."""
    match error:
        case RequestError() | EventError() | AccessError():
            return HTTPStatus(error.status)
        case UsageError():
            return HTTPStatus.BAD_REQUEST
        case NotFoundError():
            return HTTPStatus.NOT_FOUND
        case ConflictError():
            return HTTPStatus.CONFLICT
        case ConfigError():
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case RetriableError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case ConnectorError():
            return HTTPStatus.BAD_GATEWAY
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(error: HubError) -> web.Response:
    """The answer for an error."""
    status = status_of(error)
    members: dict[str, object] = {"detail": str(error), "code": error.code, "fix": error.fix}
    if isinstance(error, EventError) and error.problems:
        members["problems"] = list(error.problems)
    headers = {}
    if isinstance(error, RequestError | AccessError | RetriableError) and error.retry_after is not None:
        # Whole seconds, and never 0: at once is what overloaded us.
        headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    if isinstance(error, AccessError) and status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(status, members, headers)


@web.middleware
async def errors_as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers what a handler raises with a problem document, and logs it.

    What is refused to somebody who has not proved who they are is told in full a few times a minute, and so
    is what breaks: either can be had as often as somebody likes to ask.
    """
    told = {"method": request.method, "path": _path(request)}
    tally = request.app[TALLY]
    try:
        return await handler(request)
    except HubError as error:
        status = status_of(error)
        facts = {**told, "status": int(status), "reason": str(error), "fix": error.fix}
        if is_proved(request):
            log.warning("request refused", **facts)
        else:
            tally.warn("request refused", facts, kind=int(status))
        return problem(error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _answer(HTTPStatus(error.status), {"code": "http", **_said(request, error)}, allow)
    except ValidationError as error:
        # A name that is longer than its column, whether it is looked for or given to something new.
        tally.warn("a text does not fit its column", {**told, "reason": str(error)[:LONGEST_REASON]})
        what = "read the request: a text in it is longer than any that is kept there"
        return problem(UsageError(what, fix="shorten it"))
    except IntegrityError as error:
        # Every change looks for what is in its way first: only one at the same moment gets past that.
        log.warning("a change collided with another", **told, reason=str(error)[:LONGEST_REASON])
        return problem(collided())
    except (OperationalError, DBConnectionError, sqlite3.Error, OSError) as error:
        tally.warn("the database did not serve a request", {**told, "error": str(error)}, trace=error)
        return problem(database_unavailable())
    except Exception as error:  # noqa: BLE001 - it is in the log
        tally.warn("a request broke off", told, trace=error)
        members: dict[str, object] = {
            "detail": "the hub failed unexpectedly; its log says why",
            "code": HubError.code,
            "fix": "send the same again later",
        }
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, members, {})


def _said(request: web.Request, error: web.HTTPException) -> dict[str, str]:
    """What a refusal of aiohttp's own means; it says nothing of it itself."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        fix = f"use {', '.join(sorted(error.allowed_methods))}"
        if request.path == "/v1/rmas":
            fix += "; an RMA is sent to POST /v1/events, signed, or with `hub rmas submit`"
        return {"detail": f"{request.method} is not for this address", "fix": fix}
    return {"detail": "", "fix": ""}


def _path(request: web.Request) -> str:
    """The path for the log: of a route with parameters its pattern, since some of them open the hub."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else request.path


def _answer(status: HTTPStatus, members: Mapping[str, object], headers: Mapping[str, str]) -> web.Response:
    document = {
        "type": f"{PAGE}#{members['code']}",
        "title": status.phrase,
        "status": int(status),
        **members,
    }
    return web.Response(text=json.dumps(document), status=status, content_type=CONTENT_TYPE, headers=headers)
