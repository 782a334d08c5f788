"""The invented account that a new sandbox holds: the same for the same seed. Pure; the dice are given."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox import transactions
from connectors.cin7_omni.sandbox.books import RESOURCES, Books
from connectors.cin7_omni.sandbox.fields import blank_record, format_time

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from connectors.cin7_omni.sandbox.fields import Record

PRODUCT_COUNT = 100
CONTACT_COUNT = 10
ORDER_COUNT = 20
FIRST_ORDER = 1001
BRANCHES = (("Main Warehouse", True), ("Returns Centre", True), ("Closed Store", False))
"""Name and whether it is active; the first is the main branch."""

_NOUNS = ("Jacket", "Shirt", "Scarf", "Boots", "Lamp", "Mug", "Bag", "Belt")
_CURRENCIES = ("USD", "GBP", "EUR")


def seed_books(books: Books, dice: Random, now: datetime) -> None:
    """Fills empty books: branches, a catalogue ``SKU-000`` to ``SKU-099``, contacts, orders ``#1001`` on."""
    for name, is_active in BRANCHES:
        email = f"{name.lower().replace(' ', '.')}@example.com"
        _add(books, "Branches", now, company=name, email=email, isActive=is_active, branchType="Warehouse")
    category = _add(books, "ProductCategories", now, name="Everything", isActive=True)
    for number in range(PRODUCT_COUNT):
        _add_product(books, dice, now, number, category["id"])
    for number in range(CONTACT_COUNT):
        email = f"buyer{number}@example.com"
        _add(books, "Contacts", now, type="Customer", email=email, firstName="Buyer", isActive=True)
    for number in range(ORDER_COUNT):
        _add_order(books, dice, now - timedelta(days=ORDER_COUNT - number), number)


def _add(books: Books, resource: str, now: datetime, **values: object) -> Record:
    table = RESOURCES[resource].table
    record = blank_record(table) | {"id": books.new_id()} | values
    record |= {name: format_time(now) for name in ("createdDate", "modifiedDate") if name in table}
    books.add(resource, record)
    return record


def _add_product(books: Books, dice: Random, now: datetime, number: int, category_id: int) -> None:
    code = f"SKU-{number:03}"
    name = f"{dice.choice(_NOUNS)} {number}"
    style = f"STYLE-{number:03}"
    product = _add(books, "Products", now, styleCode=style, name=name, status="Public")
    product |= {"categoryIdArray": [category_id], "productOptions": []}
    price = Decimal(dice.randrange(500, 30_000)) / 100
    barcode = f"50{number:011}"
    option = _add(books, "ProductOptions", now, productId=product["id"], code=code, barcode=barcode)
    option |= {"productOptionCode": code, "productOptionBarcode": barcode, "retailPrice": price}
    option["status"] = "Primary"
    product["productOptions"].append(option)
    for branch in books.records("Branches"):
        on_hand = Decimal(dice.randrange(100))
        row = blank_record(RESOURCES["Stock"].table) | {
            "productId": product["id"],
            "productOptionId": option["id"],
            "modifiedDate": format_time(now),
            "styleCode": style,
            "code": code,
            "barcode": barcode,
            "branchId": branch["id"],
            "branchName": branch["company"],
            "productName": name,
            "available": on_hand,
            "stockOnHand": on_hand,
        }
        books.add_stock(row)


def _add_order(books: Books, dice: Random, now: datetime, number: int) -> None:
    codes = dice.sample(range(PRODUCT_COUNT), dice.randrange(1, 4))
    transactions.create(
        books,
        transactions.SALES_ORDER,
        {
            "reference": f"#{FIRST_ORDER + number}",
            "customerOrderNo": f"PO-{FIRST_ORDER + number}",
            "memberEmail": f"buyer{number % CONTACT_COUNT}@example.com",
            "currencyCode": dice.choice(_CURRENCIES),
            "taxStatus": "Incl",
            "lineItems": [{"code": f"SKU-{code:03}", "qty": Decimal(dice.randrange(1, 4))} for code in codes],
        },
        now,
    )
