"""Forms made from a connector's own models, so that every connector has one. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hub.settings import trim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from hub.merchant.connections import Form as Schema

_CAPITALS = {"api": "API", "url": "address", "id": "ID", "sku": "SKU", "rma": "RMA", "erp": "ERP"}
_SECONDS = re.compile(r"_s$")
_SCALARS = {"string", "integer", "number", "boolean"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One input of a form.

    Attributes:
        name: of the model's field.
        kind: ``text``, ``url``, ``number``, ``tick``, ``choice``, ``list`` (commas between), ``json`` or
            ``secret``.
        options: what a ``choice`` offers.
        least, most: of a ``number``; None without a bound.
        default: as text, as a person would type it; empty when there is none.
        is_credential: True when it proves who we are.
        is_main: True when it is asked for first: it has no default, or names the account.
    """

    name: str
    label: str
    help: str
    kind: str
    options: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    default: str = ""
    is_required: bool = False
    is_credential: bool = False
    is_main: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """What came of a form.

    Attributes:
        values: by field, as text; what was left empty and has no default is not among them.
        trimmed: labels of the fields that had blanks or invisible characters around them.
    """

    values: dict[str, str]
    trimmed: tuple[str, ...]


def fields_of(schema: Schema) -> list[Field]:
    """Every input that a connection to this ERP or platform has, credentials first."""
    made = [*_fields(schema, schema.credentials), *_fields(schema, schema.settings)]
    return sorted(made, key=lambda each: (not each.is_main, not each.is_credential))


def read(fields: Sequence[Field], form: Mapping[str, object]) -> Typed:
    """What somebody typed. Blanks and invisible characters around a value are taken off.

    A setting that was left empty is its default, and a secret that was left empty is not given.
    """
    values, trimmed = {}, []
    for field in fields:
        if field.kind == "tick":
            values[field.name] = "true" if field.name in form else "false"
            continue
        text = str(form.get(field.name, ""))
        cleaned = trim(text)
        if cleaned != text:
            trimmed.append(field.label)
        cleaned = cleaned or field.default
        if cleaned or (field.kind == "list" and field.name in form):
            values[field.name] = cleaned
    return Typed(values=values, trimmed=tuple(trimmed))


def wrong_in(schema: Schema, values: Mapping[str, Any], *, keeps_secrets: bool = False) -> dict[str, str]:
    """What is wrong with each field, in a clause; nothing when all is well.

    Args:
        schema: of the connector or platform.
        values: by field, as :func:`read` gives them.
        keeps_secrets: True when a secret that is not given stays as it is.
    """
    found: dict[str, str] = {}
    for model in (schema.credentials, schema.settings):
        try:
            model.model_validate({name: text for name, text in values.items() if name in model.model_fields})
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                where = str(each["loc"][0]) if each["loc"] else next(iter(model.model_fields))
                found.setdefault(where, _clause(each["type"], each["msg"]))
    secret = {each.name for each in fields_of(schema) if each.kind == "secret"} if keeps_secrets else set()
    return {name: text for name, text in found.items() if name in values or name not in secret}


def shown(value: Any) -> str:
    """A setting as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        if all(not isinstance(each, dict | list) for each in value):
            return ", ".join(str(each) for each in value)
        return json.dumps(value, indent=2)
    return json.dumps(value, indent=2) if isinstance(value, dict) else str(value)


def _fields(schema: Schema, model: type[BaseModel]) -> list[Field]:
    described = model.model_json_schema()
    return [_field(schema, model, described, name) for name in model.model_fields]


def _field(schema: Schema, model: type[BaseModel], described: Mapping[str, Any], name: str) -> Field:
    part = described["properties"][name]
    kind, options, part = _kind(name, part, described.get("$defs", {}))
    is_credential = model is schema.credentials
    is_required = name in described.get("required", ())
    return Field(
        name=name,
        label=model.model_fields[name].title or _label(name),
        help=part.get("description", ""),
        kind=kind,
        options=options,
        least=part.get("minimum"),
        most=part.get("maximum"),
        default="" if kind == "secret" else shown(part.get("default")),
        is_required=is_required,
        is_credential=is_credential,
        is_main=is_required or name in schema.account_fields,
    )


def _kind(
    name: str, part: dict[str, Any], definitions: Mapping[str, Any]
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """What kind of input a property takes, its choices, and the property with its reference followed."""
    options = [each for each in part.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1:
        part = {**options[0], **part}
    if "$ref" in part:
        part = {**definitions[part["$ref"].rpartition("/")[2]], **part}
    if part.get("writeOnly"):
        return "secret", (), part
    if "enum" in part:
        return "choice", tuple(str(each) for each in part["enum"]), part
    kinds = {"boolean": "tick", "integer": "number", "number": "number"}
    if (kind := kinds.get(part.get("type", ""))) is not None:
        return kind, (), part
    if part.get("type") == "array":
        is_plain = part.get("items", {}).get("type") in _SCALARS
        return ("list" if is_plain else "json"), (), part
    if part.get("type") != "string":
        return "json", (), part
    return ("url" if name.endswith("url") else "text"), (), part


def _label(name: str) -> str:
    words = [_CAPITALS.get(word, word) for word in _SECONDS.sub("", name).split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:] + (" (seconds)" if _SECONDS.search(name) else "")


def _clause(kind: str, text: str) -> str:
    if kind in {"missing", "string_too_short"}:
        return "this is needed"
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
