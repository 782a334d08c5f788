"""``/openapi.json``: the API described, from the routes and models that it runs on.

Written here rather than taken from a library: aiohttp-pydantic 2.6 describes its own view classes, as
OpenAPI 3.0, and knows neither problem documents nor the headers below.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import models_json_schema

from hub.web.api.models.events import EventTaken
from hub.web.api.models.shared import Problem
from hub.web.api.reading import JSON
from hub.web.problems import CONTENT_TYPE, PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

    from hub.web.api.routing import Route

VERSION = "1"
"""Of the API, not of the hub: it changes when a client has to."""
_REF = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 403, 406, 500, 503)
_WITH_BODY = (408, 413, 415)


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document, https://spec.openapis.org/oas/v3.1.1.html."""
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    queries = {route.query.__name__ for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Returns hub",
            "version": VERSION,
            "description": f"Errors are problem documents; `type` names the code's heading in {PAGE}.",
        },
        "paths": {**paths, **_OTHERS},
        "security": [{"token": []}],
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in queries},
            "responses": {str(status): _problem(status) for status in _refusals(routes)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`hub tokens add` makes one."}
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    taken: set[type[BaseModel]] = {route.query for route in routes}
    taken.update(route.body for route in routes if route.body is not None)
    answered: set[type[BaseModel]] = {Problem, EventTaken}
    answered.update(route.answer for route in routes)
    named = sorted(taken | answered, key=lambda each: each.__name__)
    modes: list[Literal["validation", "serialization"]]
    modes = ["serialization" if each in answered else "validation" for each in named]
    _, found = models_json_schema(list(zip(named, modes, strict=True)), ref_template=_REF)
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.act.__name__,
        "summary": " ".join((route.act.__doc__ or "").split()),
        "description": f"Needs a token with the scope `{route.need}`.",
        "tags": [route.path.split("/")[2]],
        "parameters": [*_in_path(route), *_in_query(route, schemas), *_in_headers(route)],
        "responses": {
            str(int(route.status)): _success(route),
            **{str(each): {"$ref": f"#/components/responses/{each}"} for each in refusals_of(route)},
        },
    }
    if route.body is not None:
        described["requestBody"] = {
            "required": not route.is_body_optional,
            "content": {JSON: {"schema": _ref(route.body)}},
        }
    return described


def refusals_of(route: Route) -> list[int]:
    """The statuses that refuse a request of this route."""
    found = {*_ALWAYS, 404}
    if route.body is not None:
        found |= {*_WITH_BODY}
    if route.is_change or route.asks_erp:
        found |= {409, 422}
    if route.heeds_match:
        found.add(412)
    if route.asks_erp:
        found.add(502)
    return sorted(found)


def _refusals(routes: Iterable[Route]) -> list[int]:
    return sorted({429, *(status for route in routes for status in refusals_of(route))})


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {CONTENT_TYPE: {"schema": _ref(Problem)}},
    }


def _success(route: Route) -> dict[str, Any]:
    headers = {}
    if route.gives_tag:
        headers["ETag"] = _text("Names what can be edited as it is now.")
    if route.status is HTTPStatus.CREATED:
        headers["Location"] = _text("Where what was made is.")
    return {
        "description": HTTPStatus(route.status).phrase,
        "content": {JSON: {"schema": _ref(route.answer)}},
        **({"headers": headers} if headers else {}),
    }


def _in_path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _in_query(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, schema in schemas[route.query.__name__]["properties"].items():
        plain = {key: value for key, value in schema.items() if key not in {"title", "description"}}
        # What is left out is not null: null cannot be written in a query string.
        (kind,) = [each for each in plain.pop("anyOf", [plain]) if each != {"type": "null"}]
        if plain.get("default", 0) is None:
            del plain["default"]
        described = {"description": schema["description"]} if "description" in schema else {}
        found.append({"name": name, "in": "query", "schema": {**plain, **kind}, **described})
    return found


def _in_headers(route: Route) -> list[dict[str, Any]]:
    found = []
    if route.heeds_match:
        found.append(_header("If-Match", "The ETag of what you have seen; without it every change is taken."))
    if route.takes_key:
        key = _header("Idempotency-Key", "Send the request again with the same key: it is carried out once.")
        key["schema"] |= {"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        found.append(key)
    return found


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", **_text(text)}


def _text(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _open(summary: str, kind: str = JSON) -> dict[str, Any]:
    return {
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "OK", "content": {kind: {}}}},
    }


_UNREADY = {"503": {"description": "Service Unavailable", "content": {JSON: {}}}}
_READY = _open("Tell whether the database answers and its schema is current.")
_OTHERS: dict[str, Any] = {
    "/v1/events": {
        "post": {
            "operationId": "post_event",
            "summary": "Take an event, signed as Standard Webhooks says; the secret tells the store.",
            "description": "The trigger is the RMA's state, not the event's name.",
            "tags": ["events"],
            "security": [],
            "parameters": [
                {**_header(f"webhook-{name}", text), "required": True}
                for name, text in (
                    ("id", "The same however often it is sent."),
                    ("timestamp", "Unix seconds."),
                    ("signature", "`v1,` and the base64 of the HMAC-SHA256; several with a blank between."),
                )
            ],
            "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
            "responses": {
                "202": {
                    "description": "Stored",
                    "content": {JSON: {"schema": _ref(EventTaken)}},
                },
                **{
                    str(each): {"$ref": f"#/components/responses/{each}"}
                    for each in (400, 401, 408, 409, 413, 415, 422, 429, 500, 503)
                },
            },
        }
    },
    "/healthz": {"get": _open("Tell that the process runs.")},
    "/readyz": {"get": _READY | {"responses": _READY["responses"] | _UNREADY}},
    "/metrics": {
        "get": _open("Figures for Prometheus; needs the scope `metrics`.", "text/plain")
        | {"security": [{"token": []}]}
    },
}
