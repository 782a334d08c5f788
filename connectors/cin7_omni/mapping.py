"""The mapping document of a Cin7 Omni connection: from what a merchant uploads to what a note needs, pure.

Any writable field of a credit note may be a target, line fields under ``lineItems`` (applied to every
line), custom fields under ``customFields``. ``reference`` and ``salesReference`` also take an object with
``prefix`` and ``content``. Values: :mod:`hub.mapping.values`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni import field_table
from connectors.cin7_omni.field_table import DoesNotFitError, Field, credit_note_fields
from hub.mapping.values import Literal, Value, ValueNotationError, read_value, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAME_KEYS = ("prefix", "content", "numberRepeats")
_CUSTOM_FIELDS = "customFields"
_LONGEST_CUSTOM_NAME = 100
_ANY_TEXT = Field(name="", type="string", max_length=None, choices=(), why_not="", fields={})

Path = tuple[str, ...]


class Content(StrEnum):
    """What a reference is made of (the page's own words)."""

    ORDER_NAME = "orderName"
    ORDER_ID = "orderId"
    RMA_ID = "rmaId"
    DEFAULT = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class NameSpec:
    """How a reference is made.

    Attributes:
        prefix: stands in front; may be empty.
        content: what follows it.
        is_numbered: True when a later note of the same name gets ``-2``, ``-3`` and so on.
    """

    prefix: str = ""
    content: Content = Content.DEFAULT
    is_numbered: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledMapping:
    """A mapping document, checked and ready to work out.

    Attributes:
        reference: None for the built-in one.
        sales_reference: None for the built-in one.
        fields: field of the note → value.
        groups: ``accountingAttributes`` and the like → their field → value.
        custom_fields: name → value.
        line_fields: field of every line → value.
    """

    reference: NameSpec | Value | None = None
    sales_reference: NameSpec | Value | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    custom_fields: Mapping[str, Value] = field(default_factory=dict)
    line_fields: Mapping[str, Value] = field(default_factory=dict)


class MappingProblemsError(ValueError):
    """A mapping document is wrong.

    Attributes:
        problems: where (a path of keys), and what is wrong there.
    """

    def __init__(self, problems: list[tuple[Path, str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)}: {message}" for path, message in problems))
        self.problems = tuple(problems)


class _Compiler:
    """Walks a mapping document and gathers every problem, not only the first."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []

    def compile(self, raw: Mapping[str, Any]) -> CompiledMapping:
        table = credit_note_fields()
        names: dict[str, NameSpec | Value | None] = {}
        groups: dict[str, Mapping[str, Value]] = {}
        scalars: dict[str, Any] = {}
        custom_fields: dict[str, Value] = {}
        for key, value in raw.items():
            if key in {"reference", "salesReference"}:
                names[key] = self._name(key, value)
            elif key == _CUSTOM_FIELDS:
                custom_fields = self._custom_fields(value)
            elif key in table and table[key].fields:
                groups[key] = self._values((key,), value, table[key].fields)
            else:
                scalars[key] = value
        fields = self._values((), scalars, table)
        line_fields = groups.pop("lineItems", {})
        return CompiledMapping(
            reference=names.get("reference"),
            sales_reference=names.get("salesReference"),
            fields=fields,
            groups=groups,
            custom_fields=custom_fields,
            line_fields=line_fields,
        )

    def _values(self, path: Path, raw: Any, table: Mapping[str, Field]) -> dict[str, Value]:
        if not isinstance(raw, dict):
            how = "; its fields are applied to every line" if path == ("lineItems",) else ""
            self.problems.append((path, f"takes an object{how}"))
            return {}
        values = {key: self._value((*path, key), value, table) for key, value in raw.items()}
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, path: Path, raw: Any, table: Mapping[str, Field]) -> Value | None:
        entry = table.get(path[-1])
        if entry is None:
            record = "line of a Cin7 credit note" if len(path) > 1 else "Cin7 credit note"
            self.problems.append((path, f"is no field of a {record}{suggest(path[-1], table)}"))
            return None
        if entry.why_not:
            self.problems.append((path, f"cannot be set: {entry.why_not}"))
            return None
        return self._read(path, raw, lambda value: field_table.check(entry, value))

    def _read(self, path: Path, raw: Any, check: Callable[[Any], object]) -> Value | None:
        try:
            value = read_value(raw)
            if isinstance(value, Literal):
                check(value.value)
        except (ValueNotationError, DoesNotFitError) as error:
            self.problems.append((path, str(error)))
            return None
        return value

    def _custom_fields(self, raw: Any) -> dict[str, Value]:
        if not isinstance(raw, dict):
            self.problems.append(((_CUSTOM_FIELDS,), 'takes an object like {"orders_1004": "rma_id"}'))
            return {}
        values: dict[str, Value] = {}
        for name, each in raw.items():
            if not name.strip() or len(name) > _LONGEST_CUSTOM_NAME:
                why = f"a custom field's name has 1 to {_LONGEST_CUSTOM_NAME} characters"
                self.problems.append(((_CUSTOM_FIELDS, name), why))
                continue
            value = self._read((_CUSTOM_FIELDS, name), each, lambda value: value)
            if value is not None:
                values[name] = value
        return values

    def _name(self, key: str, raw: Any) -> NameSpec | Value | None:
        entry = credit_note_fields()[key]
        if not isinstance(raw, dict) or not (raw.keys() & set(_NAME_KEYS) or not raw):
            return self._read((key,), raw, lambda value: field_table.check(entry, value))
        before = len(self.problems)
        for unknown in sorted(raw.keys() - set(_NAME_KEYS)):
            self.problems.append(((key, unknown), f"is not known here{suggest(unknown, _NAME_KEYS)}"))
        prefix, content = raw.get("prefix", ""), raw.get("content", Content.DEFAULT.value)
        is_numbered = raw.get("numberRepeats", False)
        if not isinstance(prefix, str):
            self.problems.append(((key, "prefix"), "takes text"))
        elif entry.max_length is not None and len(prefix) >= entry.max_length:
            why = f"has {len(prefix)} characters; with its content it may have {entry.max_length}"
            self.problems.append(((key, "prefix"), why))
        if content not in {each.value for each in Content}:
            choices = ", ".join(Content)
            near = suggest(content, [each.value for each in Content]) if isinstance(content, str) else ""
            self.problems.append(((key, "content"), f"takes one of {choices}{near}"))
        if not isinstance(is_numbered, bool):
            self.problems.append(((key, "numberRepeats"), "takes true or false"))
        elif is_numbered and key != "reference":
            self.problems.append(((key, "numberRepeats"), "works for reference only"))
        if len(self.problems) > before:
            return None
        return NameSpec(prefix=prefix, content=Content(content), is_numbered=is_numbered)


def compile_mapping(raw: Mapping[str, Any]) -> CompiledMapping:
    """Checks a mapping document and reads every value in it.

    Args:
        raw: as :func:`hub.mapping.document.parse_mapping` gives it; ``{}`` is the built-in mapping.

    Raises:
        MappingProblemsError: with every problem found.
    """
    compiler = _Compiler()
    compiled = compiler.compile(raw)
    if compiler.problems:
        raise MappingProblemsError(compiler.problems)
    return compiled


def advice(compiled: CompiledMapping) -> list[str]:
    """Warnings that hold for every return, whatever is in it."""
    warnings = []
    reference = compiled.reference
    if (
        isinstance(reference, NameSpec)
        and reference.content in {Content.ORDER_NAME, Content.ORDER_ID}
        and not reference.is_numbered
    ):
        warnings.append(
            f"reference is made of {reference.content.value} alone: two returns of one order would have the "
            'same, and Cin7 refuses the second; "numberRepeats": true appends -2, -3 to later ones'
        )
    if isinstance(reference, Literal):
        warnings.append("reference is the same text for every return, and Cin7 refuses the second of a name")
    if "completedDate" in compiled.fields:
        warnings.append("completedDate brings the stock in at once, before the warehouse has seen the goods")
    return warnings
