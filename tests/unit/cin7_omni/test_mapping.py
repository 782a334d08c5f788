from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.cin7_omni.field_table import credit_note_fields
from connectors.cin7_omni.mapping import Content, MappingProblemsError, NameSpec, advice, compile_mapping
from connectors.cin7_omni.mapping_document import MappingDocument, mapping_schema
from hub.mapping.values import Call, Literal

PAGE_EXAMPLE = {
    "alternativeAccountCode": "Mystore.com Sales",
    "freightTotal": 14,
    "freightDescription": "Return Shipping",
    "reference": {"prefix": "RG:", "content": "orderName"},
}


def problems(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(MappingProblemsError) as error:
        compile_mapping(raw)
    return {".".join(path): message for path, message in error.value.problems}


def test_the_example_of_the_page_is_read() -> None:
    compiled = compile_mapping(PAGE_EXAMPLE)
    assert compiled.reference == NameSpec(prefix="RG:", content=Content.ORDER_NAME)
    assert compiled.fields["freightTotal"] == Literal(value=14)
    assert MappingDocument.model_validate(PAGE_EXAMPLE).root == PAGE_EXAMPLE


def test_every_writable_field_may_be_a_target() -> None:
    samples: dict[str, Any] = {
        "string": "x",
        "integer": 1,
        "decimal": Decimal("1.5"),
        "boolean": True,
        "datetime": "2026-03-01T10:30:00Z",
    }
    for table, wrap in (
        (credit_note_fields(), lambda each: each),
        (credit_note_fields()["lineItems"].fields, lambda each: {"lineItems": each}),
        (credit_note_fields()["accountingAttributes"].fields, lambda each: {"accountingAttributes": each}),
    ):
        for name, field in table.items():
            if field.type in samples and not field.why_not:
                value = field.choices[0] if field.choices else samples[field.type]
                compile_mapping(wrap({name: value}))
            elif field.why_not:
                assert "cannot be set" in next(iter(problems(wrap({name: 1})).values()))


def test_every_problem_is_told_with_its_place() -> None:
    assert problems(
        {
            "freightTotl": 1,
            "stage": "New",
            "status": "VOID",
            "id": 3,
            "logisticsStatus": "10",
            "freightTotal": "14",
            "isApproved": "yes",
            "trackingCode": "x" * 51,
            "taxStatus": "incl",
            "creditNoteDate": "yesterday",
            "phone": 5,
            "lineItems": {"qtyy": 1, "qtyShipped": 2},
            "accountingAttributes": {"importDat": "x"},
            "customFields": {"": "x", "orders_1004": None},
            "reference": {"prefix": 1, "content": "ordername", "prefx": "x", "numberRepeats": "yes"},
            "salesReference": {"prefix": "x" * 50, "numberRepeats": True},
            "internalComments": {"template": "{rma}"},
        }
    ).keys() == {
        "freightTotl",
        "stage",
        "status",
        "id",
        "logisticsStatus",
        "freightTotal",
        "isApproved",
        "trackingCode",
        "taxStatus",
        "creditNoteDate",
        "phone",
        "lineItems.qtyy",
        "lineItems.qtyShipped",
        "accountingAttributes.importDat",
        "customFields.",
        "customFields.orders_1004",
        "reference.prefix",
        "reference.content",
        "reference.prefx",
        "reference.numberRepeats",
        "salesReference.prefix",
        "salesReference.numberRepeats",
        "internalComments",
    }


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"freighttotal": 1}, "is no field of a Cin7 credit note; did you mean 'freightTotal'?"),
        ({"trackingCode": "x" * 51}, f"{'x' * 51!r} has 51 characters and Cin7 takes at most 50"),
        ({"reference": {"content": "rmaid"}}, "did you mean 'rmaId'?"),
        ({"lineItems": []}, "takes an object; its fields are applied to every line"),
        ({"logisticsStatus": 2**40}, "takes a whole number"),
        ({"logisticsStatus": True}, "takes a whole number"),
        ({"freightTotal": Decimal("1e30")}, "takes a number"),
        ({"reference": "x" * 31}, "has 31 characters"),
        ({"taxStatus": "incl"}, "takes one of Undefined, Incl, Excl, Exempt"),
    ],
)
def test_a_problem_says_what_to_change(raw: dict[str, Any], message: str) -> None:
    assert message in next(iter(problems(raw).values()))


def test_the_model_reports_each_problem_under_its_own_path() -> None:
    with pytest.raises(ValidationError) as error:
        MappingDocument.model_validate({"freightTotl": 1, "lineItems": {"qtyy": 1}})
    assert [each["loc"] for each in error.value.errors()] == [("lineItems", "qtyy"), ("freightTotl",)]
    with pytest.raises(ValidationError):
        MappingDocument.model_validate(["no object"])


def test_names_take_objects_and_values() -> None:
    assert compile_mapping({"reference": {}}).reference == NameSpec()
    assert compile_mapping({"reference": "rma_id"}).reference == Call(name="rma_id")
    numbered = compile_mapping({"reference": {"content": "orderName", "numberRepeats": True}})
    assert numbered.reference == NameSpec(content=Content.ORDER_NAME, is_numbered=True)


def test_what_would_collide_or_restock_early_is_warned_of() -> None:
    assert "two returns of one order" in advice(compile_mapping(PAGE_EXAMPLE))[0]
    assert "same text for every return" in advice(compile_mapping({"reference": "X"}))[0]
    assert "stock in at once" in advice(compile_mapping({"completedDate": "2026-03-01"}))[0]
    quiet = {"reference": {"content": "orderName", "numberRepeats": True}}
    assert advice(compile_mapping(quiet)) == []


def test_the_published_schema_names_every_target_and_function() -> None:
    schema = MappingDocument.model_json_schema()
    assert schema == mapping_schema()
    writable = {name for name, field in credit_note_fields().items() if not field.why_not}
    assert set(schema["properties"]) == writable
    assert len(schema["$defs"]["function"]["enum"]) == 20
    assert "numberRepeats" in json.dumps(schema["properties"]["reference"])
    assert len(json.dumps(schema)) < 30_000
