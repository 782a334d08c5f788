"""The mapping document as a model, so that forms, checks and editors know its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import RootModel, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from connectors.cin7_omni.field_table import Field, credit_note_fields
from connectors.cin7_omni.mapping import Content, MappingProblemsError, compile_mapping
from hub.mapping.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON_TYPES = {"string": "string", "integer": "integer", "decimal": "number", "boolean": "boolean"}


class MappingDocument(RootModel[dict[str, Any]]):
    """What a merchant uploads to say which field of the credit note gets which value."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, value: Any) -> Any:
        if isinstance(value, dict):
            try:
                compile_mapping(value)
            except MappingProblemsError as error:
                details = [
                    InitErrorDetails(
                        type=PydanticCustomError("mapping", "{problem}", {"problem": message}),
                        loc=path,
                        input=None,
                    )
                    for path, message in error.problems
                ]
                raise ValidationError.from_exception_data("mapping", details) from None
        return value

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """The published schema: made from the field table, so that an editor can complete every target."""
        return mapping_schema()


def mapping_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the mapping document."""
    table = credit_note_fields()
    properties = {name: _field_schema(entry) for name, entry in table.items() if not entry.why_not}
    for name in ("reference", "salesReference"):
        properties[name] = {"anyOf": [_name_schema(name), properties[name]]}
    properties["customFields"] = {
        "type": "object",
        "description": "custom field, like orders_1004 → value",
        "additionalProperties": {"anyOf": [{"type": ["string", "number", "boolean"]}, _WRAPPED]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"function": {"enum": list(FUNCTIONS)}, "value": {"anyOf": _WRAPPERS}},
        "title": "MappingDocument",
        "type": "object",
        "description": "field of the Cin7 Omni credit note → value",
        "properties": properties,
        "additionalProperties": False,
    }


_FUNCTION = {"$ref": "#/$defs/function"}
_WRAPPED = {"$ref": "#/$defs/value"}
_WRAPPERS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"function": _FUNCTION},
        "required": ["function"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"template": {"type": "string"}},
        "required": ["template"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"literal": {"type": ["string", "number", "boolean"]}},
        "required": ["literal"],
        "additionalProperties": False,
    },
]


def _field_schema(entry: Field) -> dict[str, Any]:
    if entry.fields:
        return _group_schema(entry.fields)
    literal: dict[str, Any] = {"type": _JSON_TYPES.get(entry.type, "string")}
    if entry.type == "datetime":
        literal["format"] = "date-time"
    if entry.max_length is not None:
        literal["maxLength"] = entry.max_length
    if entry.choices:
        literal["enum"] = list(entry.choices)
    return {"anyOf": [literal, _FUNCTION, _WRAPPED]}


def _group_schema(fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _field_schema(entry) for name, entry in fields.items() if not entry.why_not},
        "additionalProperties": False,
    }


def _name_schema(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "prefix": {"type": "string", "default": ""},
        "content": {"enum": [each.value for each in Content], "default": Content.DEFAULT.value},
    }
    if name == "reference":
        properties["numberRepeats"] = {"type": "boolean", "default": False}
    return {"type": "object", "properties": properties, "additionalProperties": False}
