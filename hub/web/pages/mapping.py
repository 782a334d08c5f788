"""The mapping editor: what goes into the document that an ERP gets, tried on a return before it is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.access.principal import current
from hub.errors import ConfigError, HubError, NotFoundError
from hub.mapping.functions import FUNCTIONS
from hub.merchant import integrations, mappings, samples
from hub.merchant.comparing import side_by_side
from hub.outcomes import Prepared, Rejected
from hub.web import guard
from hub.web.body import form_with_files
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import FRAGMENT, done, render, show
from hub.web.pages.integrations import PLACE, connection_of, place_of
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.store.models import Connection

EDITOR = f"{PLACE}/mapping"
EMPTY = "{\n}\n"


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get(EDITOR, show_editor),
            web.post(EDITOR, save),
            web.post(f"{EDITOR}/validate", validate),
            web.post(f"{EDITOR}/preview", preview),
            web.get(f"{EDITOR}/versions", show_versions),
            web.post(f"{EDITOR}/restore", restore),
        ],
    )


async def show_editor(request: web.Request) -> web.Response:
    """The mapping in use, ready to be changed."""
    row = await connection_of(request)
    newest = await mappings.current(row)
    return await _editor(request, row, newest.text if newest else EMPTY)


async def _editor(
    request: web.Request,
    row: Connection,
    text: str,
    *,
    error: HubError | None = None,
    answer: Prepared | Rejected | None = None,
) -> web.Response:
    hub, store = request.app[HUB], await store_of(request)
    form = await form_with_files(request) if request.method == "POST" else {}
    choices = await samples.choices(store)
    chosen = str(form.get("sample") or request.query.get("sample") or choices[0].key)
    sample = None
    try:
        sample = await samples.get(store, chosen)
    except HubError as refused:
        error = error or refused
    newest = await mappings.current(row)
    return await show(
        request,
        "mapping/editor.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        schema=hub.registry.get(row.connector).schema,
        is_draft=integrations.is_draft(row),
        version=newest.version if newest else mappings.BUILT_IN,
        text=text,
        problems=mappings.problems(hub, row, text),
        is_checked=request.method == "POST",
        error=error,
        choices=choices,
        chosen=chosen,
        sample=sample,
        prepared=answer if isinstance(answer, Prepared) else None,
        rejected=answer if isinstance(answer, Rejected) else None,
        lines=list(request_lines(answer)) if isinstance(answer, Prepared) else [],
        functions=FUNCTIONS.values(),
    )


async def _text_of(request: web.Request) -> str:
    """What was typed, or the file that was chosen instead.

    Raises:
        ConfigError: the file is not UTF-8.
    """
    form = await form_with_files(request)
    given = form.get("file")
    if isinstance(given, bytes):
        try:
            return given.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(
                "read the file", why=f"it is not UTF-8: {error}", fix="save it as UTF-8"
            ) from error
    return str(form.get("text", "")).replace("\r\n", "\n")


async def save(request: web.Request) -> web.Response:
    """Puts a mapping to use as a new version."""
    row = await connection_of(request)
    text = ""
    try:
        text = await _text_of(request)
        kept = await mappings.store(request.app[HUB], row, text, by=current().who)
    except HubError as error:
        return await _editor(request, row, text, error=error)
    said = f"Version {kept.version} of the mapping is in use."
    return done(request, place_of(row, "methods" if integrations.is_draft(row) else "mapping"), said)


async def validate(request: web.Request) -> web.Response:
    """Says what is wrong, for the page while somebody types, and for its button."""
    row = await connection_of(request)
    text = ""
    try:
        text = await _text_of(request)
    except HubError as error:
        return await _editor(request, row, text, error=error)
    if FRAGMENT in request.headers:
        problems = mappings.problems(request.app[HUB], row, text)
        return render(request, "mapping/problems.html", problems=problems, is_checked=True)
    return await _editor(request, row, text)


async def preview(request: web.Request) -> web.Response:
    """Shows the exact request that the chosen return would make. Writes nothing."""
    row, store = await connection_of(request), await store_of(request)
    text = ""
    try:
        text = await _text_of(request)
        rma = await samples.get(store, str((await form_with_files(request)).get("sample", "")))
        answer = await mappings.preview(request.app[HUB], row, rma, text)
    except HubError as error:
        return await _editor(request, row, text, error=error)
    return await _editor(request, row, text, answer=answer)


async def show_versions(request: web.Request) -> web.Response:
    """Every version, and how two of them differ."""
    row = await connection_of(request)
    versions = await mappings.history(row)
    texts = {each.version: each.text for each in versions} | {mappings.BUILT_IN: EMPTY}
    newest = max(texts)
    new = _version(request.query.get("new"), texts, newest)
    old = _version(request.query.get("old"), texts, max(new - 1, 0))
    return await show(
        request,
        "mapping/versions.html",
        row=row,
        place=place_of(row),
        versions=versions,
        newest=newest,
        numbers=sorted(texts, reverse=True),
        old=old,
        new=new,
        pairs=side_by_side(texts[old], texts[new]),
        query=request.query,
    )


def _version(text: str | None, known: Mapping[int, str], otherwise: int) -> int:
    if text is None:
        return otherwise
    if not text.isdecimal() or int(text) not in known:
        raise NotFoundError(f"show version {text!r} of the mapping: there is none", fix="choose another one")
    return int(text)


async def restore(request: web.Request) -> web.Response:
    """Puts an old version to use again."""
    row = await connection_of(request)
    version = str((await request.post()).get("version", ""))
    known = {each.version: each.text for each in await mappings.history(row)} | {mappings.BUILT_IN: EMPTY}
    number = _version(version, known, mappings.BUILT_IN)
    try:
        kept = await mappings.restore(request.app[HUB], row, number, by=current().who)
    except ConfigError as error:
        return await _editor(request, row, known[number], error=error)
    return done(
        request, place_of(row, "mapping"), f"Version {number} is in use again, as version {kept.version}."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a request as it is shown.

    Attributes:
        start: blanks and the key.
        value: the value; empty for a bracket alone.
        origin: where the value came from; empty when that is not told.
        end: what stands behind the value.
    """

    start: str
    value: str = ""
    origin: str = ""
    end: str = ""


def request_lines(prepared: Prepared) -> Iterator[Line]:
    """A request, line by line, each value with its origin."""
    return _lines(json.loads(prepared.request, parse_float=Decimal), "", "", "", "", prepared.origins)


def _lines(
    value: Any, path: str, indent: str, key: str, end: str, origins: Mapping[str, str]
) -> Iterator[Line]:
    if not isinstance(value, dict | list) or not value:
        text = str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
        yield Line(start=f"{indent}{key}", value=text, origin=origins.get(path, ""), end=end)
        return
    is_object = isinstance(value, dict)
    yield Line(start=f"{indent}{key}{'{' if is_object else '['}")
    inside = (
        [*value.items()] if isinstance(value, dict) else [(f"[{n}]", each) for n, each in enumerate(value)]
    )
    for place, (name, each) in enumerate(inside):
        where = f"{path}.{name}" if is_object and path else f"{path}{name}"
        label = f"{json.dumps(name, ensure_ascii=False)}: " if is_object else ""
        comma = "," if place < len(inside) - 1 else ""
        yield from _lines(each, where, f"{indent}  ", label, comma, origins)
    yield Line(start=f"{indent}{'}' if is_object else ']'}{end}")
