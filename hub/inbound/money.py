"""Amounts of the platform's document, read strictly: a wrong one is a problem, never a guess.

An amount object is ``{amount, currency, shopAmount, shopCurrency}`` (ReturnGO API page): the same sum in the
customer's and in the shop's currency.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from hub.inbound.fields import Field, Problems
from hub.inbound.strict_json import shown
from hub.rma import Money, Price, Refund

MAX_WHOLE_DIGITS = 12
MAX_DECIMALS = 6
"""No currency has more than four decimals (ISO 4217); more are a computer's rounding, not a price."""

_FINEST = Decimal(1).scaleb(-MAX_DECIMALS)
_PLAIN = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")


def read_paid(field: Field) -> Price | None:
    """What was paid for a unit, in both currencies.

    When the document gives one pair only, it stands for both. None when there was a problem.
    """
    if not field.is_object():
        return None
    if not _has_amount(field):
        field.refuse("has neither amount nor shopAmount")
        return None
    customer, shop = _read_pairs(field)
    if customer and not shop:
        shop = _stand_in(field, "shopAmount", "shopCurrency", customer)
    elif shop and not customer:
        customer = _stand_in(field, "amount", "currency", shop)
    return Price(customer=customer, shop=shop) if customer and shop else None


def read_tax(field: Field, paid: Price | None) -> Price | None:
    """The tax of a unit, in the currencies of what was paid for it; zero when the document gives none.

    Args:
        field: ``paidTax``.
        paid: None when it could not be read; then only the tax's own amounts are checked.

    Returns:
        None when there was a problem, with this or with ``paid``.
    """
    if field.value is not None and not field.is_object():
        return None
    customer, shop = _read_pairs(field)
    if paid is None:
        return None
    if not _has_amount(field):
        zero = Decimal(0)
        return Price(
            customer=Money(amount=zero, currency=paid.customer.currency),
            shop=Money(amount=zero, currency=paid.shop.currency),
        )
    if not _fits(field, "currency", customer, paid.customer) or not _fits(
        field, "shopCurrency", shop, paid.shop
    ):
        return None
    if customer and not shop:
        shop = _tax_in(field, "shopAmount", customer, paid.customer, paid.shop)
    elif shop and not customer:
        customer = _tax_in(field, "amount", shop, paid.shop, paid.customer)
    return Price(customer=customer, shop=shop) if customer and shop else None


def read_tax_included(field: Field, tax: Price | None) -> bool:
    """Whether what was paid includes the tax.

    Absent is a problem only where the tax is not zero, for then the total depends on it.
    """
    if field.value is None:
        if tax and (tax.customer.amount or tax.shop.amount):
            field.refuse("is missing, and the tax is not zero, so the amount to credit is not known")
        return True
    included = field.flag()
    if included is None:
        field.refuse(f"is neither true nor false ({shown(field.value)})")
    return included is not False


def read_fee(field: Field, paid: Price | None) -> Money | None:
    """A fee: a bare number is in the shop's currency, an amount object says its own.

    Args:
        field: ``restockingFee``, ``returnFee`` or ``shipmentFee``.
        paid: tells the shop's currency; None when it could not be read.

    Returns:
        The fee, in the shop's currency where the document says it; None when there is none.
    """
    if field.value is None:
        return None
    if isinstance(field.value, Mapping):
        customer, shop = _read_pairs(field)
        return shop or customer
    amount = _read_amount(field)
    return Money(amount=amount, currency=paid.shop.currency) if paid and amount is not None else None


def _has_amount(field: Field) -> bool:
    return field.at("amount").value is not None or field.at("shopAmount").value is not None


def _read_pairs(field: Field) -> tuple[Money | None, Money | None]:
    return _read_pair(field, "amount", "currency"), _read_pair(field, "shopAmount", "shopCurrency")


def _read_pair(field: Field, amount_key: str, currency_key: str) -> Money | None:
    if field.at(amount_key).value is None:
        return None
    amount = _read_amount(field.at(amount_key))
    currency = _read_currency(field.at(currency_key))
    return Money(amount=amount, currency=currency) if amount is not None and currency else None


def _read_amount(field: Field) -> Decimal | None:
    value = field.value
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()):
        value = Decimal(value.strip())
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        field.refuse(f"is not a plain decimal number ({shown(value)})")
        return None
    if problem := _wrong_with(value):
        field.refuse(f"{problem} ({shown(value)})")
        return None
    # One spelling inside: 1E+2 becomes 100 and -0 becomes 0, while 12.50 keeps its digits.
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -MAX_DECIMALS <= exponent <= 0:
        return value.copy_abs()
    return value.quantize(_FINEST if value % 1 else Decimal(1)).copy_abs()


def _wrong_with(value: Decimal) -> str:
    if not value.is_finite():
        return "is not a number"
    if value < 0:
        return "is negative"
    if value and value.adjusted() >= MAX_WHOLE_DIGITS:
        return f"has more than {MAX_WHOLE_DIGITS} digits before the point"
    if value and value.quantize(_FINEST) != value:
        return f"has more than {MAX_DECIMALS} decimals"
    return ""


def _read_currency(field: Field) -> str | None:
    if field.value is None:
        field.refuse("is missing, though there is an amount")
        return None
    code = field.value.strip().upper() if isinstance(field.value, str) else ""
    if not _CURRENCY.fullmatch(code):
        field.refuse(f"is not a currency of three letters ({shown(field.value)})")
        return None
    return code


def _stand_in(field: Field, amount_key: str, currency_key: str, other: Money) -> Money | None:
    """The other pair for an absent one, unless the absent one names a currency of its own."""
    if field.at(amount_key).value is not None:
        return None  # present and wrong: noted already
    declared = field.at(currency_key)
    if declared.value is not None and _read_currency(declared) != other.currency:
        field.at(amount_key).refuse(f"is missing, though {currency_key} is {shown(declared.value)}")
        return None
    return other


def _fits(field: Field, currency_key: str, tax: Money | None, paid: Money) -> bool:
    if tax is None or tax.currency == paid.currency:
        return True
    field.at(currency_key).refuse(f"is {tax.currency}, but paidPrice is in {paid.currency}")
    return False


def _tax_in(field: Field, amount_key: str, known: Money, known_paid: Money, paid: Money) -> Money | None:
    """The tax in the currency the document left out; only zero is the same in every currency."""
    if field.at(amount_key).value is not None:
        return None  # present and wrong: noted already
    if known.amount and known_paid.currency != paid.currency:
        field.at(amount_key).refuse(f"is missing, so the tax in {paid.currency} is not known")
        return None
    return Money(amount=known.amount, currency=paid.currency)


_SUCCEEDED = frozenset({"success", "succeeded", "successful", "completed"})
"""``Success`` was seen; the words are the platform's open set, so what means the same is taken too."""


def read_refunds(value: object) -> tuple[Refund, ...]:
    """The refunds among an RMA's transactions that succeeded.

    They are told and compared, never credited, so one that cannot be read is left out.
    """
    if not isinstance(value, list | tuple):
        return ()
    refunds = []
    for each in value:
        if not isinstance(each, Mapping) or not _is_refund(each):
            continue
        field = Field(each, Problems()).at("amount")
        if not isinstance(field.value, Mapping):
            continue
        amounts = {money.currency: money for money in _read_pairs(field) if money is not None}
        if amounts:
            refunds.append(Refund(amounts=tuple(amounts.values())))
    return tuple(refunds)


def _is_refund(transaction: Mapping[str, object]) -> bool:
    kind, status = (str(transaction.get(name) or "").strip().casefold() for name in ("type", "status"))
    return "refund" in kind and status in _SUCCEEDED
