"""What a request brings, read as its route says: what it accepts, its query string and its body."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from hub.errors import EventError, UsageError
from hub.inbound.strict_json import load
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from hub.web.api.models.shared import Query
    from hub.web.api.routing import Route

JSON = "application/json"
_ACCEPTABLE = {"*/*", "application/*", JSON}
_NEVER = re.compile(r"q=0(\.0*)?")


def check_accept(request: web.Request) -> None:
    """Refuses whoever takes no JSON.

    Raises:
        RequestError: 406.
    """
    accepted = request.headers.get(hdrs.ACCEPT, "")
    for each in accepted.split(","):
        kind, *parameters = [part.replace(" ", "").lower() for part in each.split(";")]
        if kind in _ACCEPTABLE and not any(_NEVER.fullmatch(part) for part in parameters):
            return
    if accepted.strip():
        raise RequestError(
            "answer in a form that is accepted",
            status=HTTPStatus.NOT_ACCEPTABLE,
            why=f"answers are {JSON} only",
            fix=f"send Accept: {JSON}, or no Accept",
        )


def read_query(route: Route, request: web.Request) -> Query:
    """The query string, as the route's model.

    Raises:
        UsageError: it has something else, or something twice.
    """
    given = request.query
    if twice := sorted({name for name in given if len(given.getall(name)) > 1}):
        raise UsageError(f"read the query: {', '.join(twice)} comes twice", fix="give each once")
    return _checked(route.query, dict(given), "the query")


def read_body(route: Route, request: web.Request, raw: bytes) -> Any:
    """The body as the route's model, or as text where the route takes a document; None where it takes none.

    Raises:
        RequestError: 415. UsageError: it cannot be read, or is put wrongly.
    """
    if route.body is None:
        return None
    if not raw and route.is_body_optional:
        return route.body()
    if request.content_type != JSON:
        raise RequestError(
            "read the body",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            why=f"only {JSON} is taken, neither packed nor encoded",
            fix=f"send Content-Type: {JSON}, and no Content-Encoding",
        )
    if route.is_document:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise UsageError("read the body", why=f"it is not UTF-8: {error}", fix="send UTF-8") from error
    try:
        values = load(raw)
    except EventError as error:
        raise UsageError("read the body", why=error.why, fix="send JSON, as /openapi.json says") from error
    return _checked(route.body, values, "the body")


Model_ = TypeVar("Model_", bound=BaseModel)


def _checked(model: type[Model_], values: object, what: str) -> Model_:
    """What was given, as a model says; the values themselves are not repeated, they may be secret."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        wrong = [f"{'.'.join(str(part) for part in each['loc']) or 'it'}: {each['msg']}" for each in told]
        fix = f"it takes {', '.join(model.model_fields)}; /openapi.json describes them"
        raise UsageError(f"read {what}", why="; ".join(wrong), fix=fix) from error
