"""A credit-note record that a person wrote in place of the prepared one, checked, pure.

It is held to the same table of fields as a mapping. Our marker goes to its place whatever the person did
to it: without it a look would not know the note for ours.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from connectors.cin7_omni import field_table
from connectors.cin7_omni.draft import Draft
from connectors.cin7_omni.field_table import DoesNotFitError, credit_note_fields
from connectors.cin7_omni.marker import marker, without_marker
from connectors.cin7_omni.prices import RefusalError
from connectors.cin7_omni.references import REFERENCE_LIMIT
from hub.mapping.exact_json import write_json
from hub.outcomes import Prepared, Rejected
from hub.rma import Money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.cin7_omni.field_table import Field
    from hub.hookspecs import Delivery

_LONGEST_NUMBER = 40
_BY_A_PERSON = "written by a person"


def check_request(delivery: Delivery, request: str) -> Prepared | Rejected:
    """Reads a person's record and makes it the exact request.

    Args:
        delivery: whose it is; fields that are as they were prepared keep their origin.
        request: one record as JSON. A field that is null is left out.
    """
    try:
        return _check(delivery, _read(request))
    except RefusalError as refusal:
        return Rejected(delivery_id=delivery.delivery_id, reason=refusal.reason, fix=refusal.fix)


def units_of(request: str) -> dict[str, Decimal]:
    """SKU → units of a record that Cin7 is to credit; lines without a code are money only."""
    record = json.loads(request, parse_float=Decimal)
    units: dict[str, Decimal] = {}
    for line in record.get("lineItems", []):
        if line.get("code"):
            units[line["code"]] = units.get(line["code"], Decimal(0)) + abs(Decimal(line.get("qty", 0)))
    return units


def _check(delivery: Delivery, given: Mapping[str, Any]) -> Prepared:
    record = _checked_object("", given, credit_note_fields())
    reference = _name(record, "reference")
    _name(record, "salesReference")
    if len(reference) > REFERENCE_LIMIT:
        _refuse(f"reference has {len(reference)} characters and Cin7 takes {REFERENCE_LIMIT}")
    if not record.get("lineItems"):
        _refuse("lineItems is empty, so the note would credit nothing")
    for index, line in enumerate(record["lineItems"]):
        if Decimal(line.get("qty", 0)) >= 0:
            _refuse(f"lineItems[{index}].qty is not negative, so the line would bring nothing back")
    record["reference"] = reference
    record["internalComments"] = _comments(delivery, record.get("internalComments", ""))
    draft = Draft()
    draft.lines = record.pop("lineItems")
    draft.fields = record
    draft.origins = _origins(delivery, {**record, "lineItems": draft.lines})
    if "completedDate" in record:
        draft.warn("completedDate is set, so Cin7 books the goods in at once")
    request = draft.text()
    currency = record.get("currencyCode")
    return Prepared(
        delivery_id=delivery.delivery_id,
        reference=reference,
        request=request,
        origins=draft.origins,
        warnings=tuple(draft.warnings),
        total=Money(amount=draft.total(), currency=str(currency).upper()) if currency else None,
        units=units_of(request),
    )


def _comments(delivery: Delivery, text: str) -> str:
    mark = marker(delivery.delivery_id, delivery.rma.rma_id)
    behind = without_marker(text).strip()
    text = f"{mark} {behind}".strip()
    return str(_fitting("internalComments", credit_note_fields()["internalComments"], text))


def _name(record: Mapping[str, Any], name: str) -> str:
    text = str(record.get(name, "")).strip()
    if not text:
        _refuse(f"{name} is missing, and a Cin7 credit note must have it")
    return text


def _checked_object(path: str, given: Mapping[str, Any], table: Mapping[str, Field]) -> dict[str, Any]:
    """The object with every field checked; one without a table may hold any fields of plain values."""
    checked = {}
    for name, value in given.items():
        where = f"{path}.{name}" if path else name
        if value is None:
            continue
        if not table:
            if isinstance(value, dict | list):
                _refuse(f"{where} takes a plain value")
            checked[name] = value
            continue
        field = table.get(name)
        if field is None:
            _refuse(f"a Cin7 credit note has no field {where}")
        if field.why_not:
            _refuse(f"{where} cannot be set: {field.why_not}")
        checked[name] = _checked(where, value, field)
    return checked


def _checked(where: str, value: Any, field: Field) -> Any:
    if field.type == "array":
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            _refuse(f"{where} takes a list of objects")
        return [_checked_object(f"{where}[{index}]", each, field.fields) for index, each in enumerate(value)]
    if field.type == "object":
        if not isinstance(value, dict):
            _refuse(f"{where} takes an object")
        return _checked_object(where, value, field.fields)
    return _fitting(where, field, value)


def _fitting(where: str, field: Field, value: Any) -> Any:
    try:
        return field_table.check(field, value)
    except DoesNotFitError as error:
        _refuse(f"{where} {error}")


def _origins(delivery: Delivery, record: Mapping[str, Any]) -> dict[str, str]:
    """Where each value is from: as it was prepared, or from the person."""
    before: dict[str, Any] = {}
    origins: Mapping[str, str] = {}
    if delivery.prepared is not None:
        before = dict(_leaves("", json.loads(delivery.prepared.request, parse_float=Decimal)))
        origins = delivery.prepared.origins
    after = _leaves("", json.loads(write_json(record), parse_float=Decimal))
    return {
        path: origins.get(path, _BY_A_PERSON) if path in before and before[path] == value else _BY_A_PERSON
        for path, value in after
    }


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(f"{path}[{index}]", each)
    else:
        yield path, value


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            parse_float=Decimal,
            parse_int=_whole,
            parse_constant=_no_constant,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError, ArithmeticError) as error:
        _refuse(f"the request is not JSON: {error}")
    if not isinstance(value, dict):
        _refuse("the request is not one JSON object; the hub puts it into Cin7's list itself")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"{twice!r} stands in it twice"
        raise ValueError(msg)
    return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        msg = "a number in it is too long"
        raise ValueError(msg)
    return int(text)


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _refuse(reason: str) -> NoReturn:
    raise RefusalError(reason, "correct the request and give it again")
