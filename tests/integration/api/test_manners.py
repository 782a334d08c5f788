"""HTTP as it should be: methods, forms, sizes, and refusals that say what to do."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from hub.access.principal import Scope
from hub.inbound.event import MAX_BYTES
from hub.web.api import ROUTES
from tests.docs import pages

if TYPE_CHECKING:
    from tests.integration.api.program import Program, Told

MAPPING = "/v1/connections/main/mapping"


def check(told: Told, status: int, code: str) -> None:
    """A refusal is a problem document whose type is a heading of docs/errors.md."""
    assert (told.status, told.json["code"], told.json["status"]) == (status, code, status)
    assert told.headers["Content-Type"].startswith("application/problem+json")
    page, _, heading = told.json["type"].partition("#")
    assert heading == code
    assert heading in pages.anchors((pages.REPOSITORY / page.lstrip("/")).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "more"),
    [
        ("GET", "/v1/rmas/none", 404, "not_found", {}),
        ("GET", "/v1/nowhere", 404, "http", {}),
        ("GET", "/v1/deliveries/%25", 404, "not_found", {}),
        ("GET", "/v1/rmas?limit=0", 400, "usage", {}),
        ("GET", "/v1/rmas?limit=501", 400, "usage", {}),
        ("GET", "/v1/rmas?statsu=Approved", 400, "usage", {}),
        ("GET", "/v1/rmas?limit=1&limit=2", 400, "usage", {}),
        ("GET", "/v1/rmas/a%00b", 400, "usage", {}),
        ("GET", "/v1/rmas?store=none", 404, "not_found", {}),
        ("GET", f"/v1/rmas?store={'x' * 101}", 400, "usage", {}),
        ("GET", f"/v1/connections/{'x' * 101}", 400, "usage", {}),
        ("PUT", f"/v1/return-methods/{'%C3%9F' * 100}", 400, "usage", {}),
        ("GET", "/v1/deliveries?status=lost", 400, "usage", {}),
        ("GET", "/v1/rmas", 406, "request_refused", {"Accept": "text/html"}),
        ("GET", "/v1/rmas", 406, "request_refused", {"Accept": "application/json;q=0, text/*"}),
        ("GET", "/v1/rmas", 401, "access_refused", {"Authorization": "Bearer hub_wrong"}),
        ("GET", "/v1/rmas", 401, "access_refused", {"Authorization": ""}),
        ("PUT", MAPPING, 415, "request_refused", {"Content_Type": "text/plain"}),
        ("PUT", MAPPING, 415, "request_refused", {"Content_Encoding": "x-none"}),
        ("PUT", "/v1/return-methods/A", 415, "request_refused", {"Content_Type": "text/plain"}),
    ],
)
async def test_what_is_refused_says_how_it_is_right(
    api: Program, method: str, path: str, status: int, code: str, more: dict[str, str]
) -> None:
    body = b"{}" if method == "PUT" else None
    check(await api.ask(method, path, body, **more), status, code)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"note": "a", "note": "b"}', b'{"note": 1}', b'{"note": NaN}', b"\xff"],
)
async def test_a_body_that_cannot_be_read_changes_nothing(api: Program, body: bytes) -> None:
    told = await api.ask("PATCH", "/v1/connections/main", body, Content_Type="application/json")
    check(told, 400, "usage")
    assert api.rung == []


async def test_a_body_that_is_too_large_is_not_read(api: Program) -> None:
    told = await api.ask("PUT", MAPPING, BytesIO(b"{" + b" " * MAX_BYTES + b"}"))
    check(told, 413, "request_refused")


async def test_methods_are_what_each_path_has(api: Program) -> None:
    allowed: dict[str, set[str]] = {}
    for route in ROUTES:
        path = re.sub(r"{\w+}", "x", route.path)
        allowed.setdefault(path, set()).update(
            {route.method} | ({"HEAD"} if route.method == "GET" else set())
        )
    for path, methods in allowed.items():
        for method in ("OPTIONS", "TRACE"):
            told = await api.ask(method, path)
            check(told, 405, "http")
            assert set(told.headers["Allow"].split(",")) == methods, path
            assert all(each in told.json["fix"] for each in methods), path
    told = await api.ask("POST", "/v1/rmas", {})
    assert (told.status, told.json["detail"]) == (405, "POST is not for this address")
    assert "POST /v1/events" in told.json["fix"]
    full, head = await api.ask("GET", "/v1/rmas"), await api.ask("HEAD", "/v1/rmas")
    assert (head.status, head.json) == (200, None)
    assert head.headers["Content-Length"] == full.headers["Content-Length"]
    assert full.headers["Cache-Control"] == "no-store"


async def test_a_scope_that_is_missing_is_named(api: Program) -> None:
    reader = await api.other(Scope.READ)
    told = await reader.ask("POST", "/v1/connections/main/pause")
    check(told, 403, "access_refused")
    assert "write" in told.json["detail"] + told.json["fix"]
    assert (await reader.ask("POST", f"{MAPPING}/validate", {})).status == 200
    accepted: tuple[Any, ...] = ("*/*", "application/*;q=0.1", "text/html, application/json", "")
    for each in accepted:
        assert (await reader.ask("GET", "/v1/rmas", Accept=each)).status == 200
