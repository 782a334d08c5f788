from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.inbound.document import parse_rma
from hub.outcomes import ReceiptLine
from hub.rma_update.lines import match_lines
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    from hub.rma import Item


def items(*skus: str) -> tuple[Item, ...]:
    return parse_rma(rma("901", *(unit(n, sku=sku) for n, sku in enumerate(skus, 1)))).items


def line(sku: str, count: int = 1, product: str | None = None) -> ReceiptLine:
    return ReceiptLine(sku=sku, expected=Decimal(count), received=Decimal(count), product=product)


def found(
    skus: list[str], lines: list[ReceiptLine], products: dict[str, str] | None = None
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """For each group how many items it has and the SKUs of its lines; and the SKUs of lines left over."""
    groups, strange = match_lines(items(*skus), lines, products or {})
    return [(len(g.units), [each.sku for each in g.lines]) for g in groups], [each.sku for each in strange]


@pytest.mark.parametrize(
    ("skus", "lines", "products", "groups", "strange"),
    [
        (["A", "B"], [line("A"), line("B")], {}, [(1, ["A"]), (1, ["B"])], []),
        (["a", " A "], [line("A", 2)], {}, [(2, ["A"])], []),
        (["Abc", "ABC"], [line("Abc"), line("ABC")], {}, [(1, ["Abc"]), (1, ["ABC"])], []),
        (["abc"], [line("Abc"), line("ABC")], {}, [(1, [])], ["Abc", "ABC"]),
        (["shop-1"], [line("ERP-9", 1, "7")], {"1": "7"}, [(1, ["ERP-9"])], []),
        (["A"], [line("A", 1, "8"), line("B", 1, "7")], {"1": "7"}, [(1, ["B"])], ["A"]),
        (["A"], [line("A", 1, "8")], {"1": "7"}, [(1, ["A"])], []),
        (["A", "B"], [line("A")], {}, [(1, ["A"]), (1, [])], []),
        (["A"], [line("A", 1, "7"), line("A", 1, "8")], {}, [(1, [])], ["A", "A"]),
        (["A"], [line("A", 1, "7"), line("a", 1, "7")], {}, [(1, ["A", "a"])], []),
        (["A"], [line("A"), line("A", 1, "7")], {}, [(1, ["A", "A"])], []),
        ([""], [line("")], {}, [(1, [""])], []),
    ],
)
def test_lines_belong_to_items(
    skus: list[str],
    lines: list[ReceiptLine],
    products: dict[str, str],
    groups: list[tuple[int, list[str]]],
    strange: list[str],
) -> None:
    assert found(skus, lines, products) == (groups, strange)


SKUS = st.sampled_from(["Ab", "AB", "ab", "Cd", "CD"])


@given(st.lists(SKUS, min_size=1, max_size=8), st.lists(SKUS, max_size=5, unique=True))
def test_products_that_differ_by_case_never_share_a_line(skus: list[str], erp: list[str]) -> None:
    groups, strange = match_lines(items(*skus), [line(sku, 1, f"p{sku}") for sku in erp], {})
    assert sum(len(group.units) for group in groups) == len(skus)
    used = Counter(each.sku for group in groups for each in group.lines)
    assert all(count == 1 for count in used.values())
    assert used.keys() | {each.sku for each in strange} == set(erp)
    for group in groups:
        for each in group.units:
            of_fold = [sku for sku in erp if sku.casefold() == (each.sku or "").casefold()]
            expected = of_fold if len(of_fold) == 1 else [sku for sku in of_fold if sku == each.sku]
            assert [known.sku for known in group.lines] == expected
