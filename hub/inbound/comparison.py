"""What would be credited for an RMA as it is now, beside what would have been when it was approved.

Fields of the two documents are not compared: a fee, a resolution or a kept item may change what is due, and
a label does not. Both are prepared, by the same code, with the settings, the mapping and the answers of the
ERP that were kept when the request was frozen: neither an upgrade nor an edited setting makes a difference.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hub import hookspecs
from hub.errors import EventError, HubError
from hub.inbound.deciding import methods_of
from hub.inbound.document import parse_rma
from hub.outcomes import Prepared, Rejected
from hub.questions import Question
from hub.rma import Money
from hub.routing import items_to_credit
from hub.store.models import Connection, MappingVersion, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub import rma as domain
    from hub.registry import Connector, Registry
    from hub.store.models import Delivery, Rma


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What differs between then and now.

    Attributes:
        total: due then and now, each as amount and currency; None when it is the same, or not known.
        units: SKU → units credited then and now, for those that differ.
        email: digest of another address of the customer's; None when it is the same, or there is none.
        refused: why nothing could be prepared now; empty when it could.
    """

    total: tuple[str, str] | None = None
    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    email: str | None = None
    refused: str = ""

    def __bool__(self) -> bool:
        return bool(self.total or self.units or self.email or self.refused)

    @property
    def facts(self) -> dict[str, Any]:
        """As plain JSON values: the same for the same difference."""
        return {
            **({"total": list(self.total)} if self.total else {}),
            **(
                {"units": {sku: list(both) for sku, both in sorted(self.units.items())}} if self.units else {}
            ),
            **({"email": self.email} if self.email else {}),
            **({"refused": self.refused} if self.refused else {}),
        }

    def told(self, credited: str | None) -> str:
        """The difference in words.

        Args:
            credited: the total of what was sent; None when it is not known.
        """
        words = []
        if self.total:
            then, now = self.total
            note = f" ({credited} was credited)" if credited not in {None, then} else ""
            words.append(f"{then} was due then and {now} is due now{note}")
        words += [
            f"of SKU {sku} {then} then and {now} now" for sku, (then, now) in sorted(self.units.items())
        ]
        if self.email:
            words.append("the customer's e-mail address is another one")
        if self.refused:
            words.append(f"as it is now it could not be credited ({self.refused})")
        return "; ".join(words)


async def compare(
    registry: Registry | None, row: Rma, delivery: Delivery, rma: domain.Rma
) -> Difference | None:
    """Compares an RMA as it is now with what its frozen request was made from.

    Where the connector prepares nothing again, what was paid for the units stands for what is due.

    Args:
        registry: for the connector that made the request; None asks none.
        row: the RMA, with the document that was approved.
        delivery: its delivery; something was frozen for it.
        rma: as the platform shows it now.

    Returns:
        None when it cannot be told: what was approved cannot be read, or not be prepared, any more.
    """
    if row.approved_document is None:
        return None
    try:
        then = parse_rma(json.loads(row.approved_document, parse_float=Decimal))
    except EventError:
        return None
    methods = await methods_of(row.store_id, [then, rma])
    both = [(each, items_to_credit(each, methods)) for each in (then, rma)]
    found = await _prepared_again(registry, row, delivery, both)
    if found is None:
        return None
    before, after = found
    if isinstance(before, Rejected):
        return None  # as after an upgrade that asks for more: what cannot be told is not flagged
    email = _other_email(then, rma)
    if isinstance(after, Rejected):
        return Difference(refused=after.reason, email=email)
    return Difference(total=_totals(before, after), units=_units(before, after), email=email)


async def _prepared_again(
    registry: Registry | None,
    row: Rma,
    delivery: Delivery,
    both: Sequence[tuple[domain.Rma, Sequence[domain.Item]]],
) -> tuple[_Answer, _Answer] | None:
    """What would be made of the two states of an RMA; None when that cannot be told."""
    connection = await Connection.get_or_none(id=delivery.connection_id)
    if registry is None or connection is None:
        return _paid_for(both[0][1]), _paid_for(both[1][1])
    try:
        connector = registry.get(connection.connector)
        if not connector.has("prepare_again"):
            return _paid_for(both[0][1]), _paid_for(both[1][1])
        settings = connector.schema.settings.model_validate(
            json.loads(delivery.frozen_settings or connection.settings)
        )
        views = [await _view(row, delivery, rma, items) for rma, items in both]
        before, after = (_prepared(connector, settings, delivery.look_up, view) for view in views)
    except (HubError, ValidationError):
        return None  # it is not installed, is broken, or its settings are of another version
    return before, after


def _paid_for(items: Sequence[domain.Item]) -> Prepared | None:
    """The units, and what was paid for them in the shop's currency, as if that were a request."""
    if not items:
        return None
    units: dict[str, Decimal] = {}
    for item in items:
        units[item.sku or ""] = units.get(item.sku or "", Decimal(0)) + 1
    paid = [i.paid.shop.amount + (0 if i.is_tax_included else i.tax.shop.amount) for i in items]
    total = Money(amount=sum(paid, Decimal(0)), currency=items[0].paid.shop.currency)
    return Prepared(delivery_id="", reference="", request="", total=total, units=units)


_Answer = Prepared | Rejected | None
"""What would be made of one state of an RMA; None when nothing of it is credited."""


def _prepared(
    connector: Connector, settings: object, look_up: str | None, view: hookspecs.Delivery
) -> Prepared | Rejected | None:
    """What would be made of a return; None when nothing of it is credited."""
    return connector.prepare_again(settings, view, look_up) if view.items else None


def _totals(then: Prepared | None, now: Prepared | None) -> tuple[str, str] | None:
    totals = [each.total if each else None for each in (then, now)]
    if all(each is None or each.total is None for each in (then, now)):
        return None
    if totals[0] is not None and totals[1] is not None and totals[0] == totals[1]:
        return None
    told = [str(total) if total is not None else "nothing" for total in totals]
    return (told[0], told[1]) if totals[0] != totals[1] else None


def _units(then: Prepared | None, now: Prepared | None) -> dict[str, tuple[str, str]]:
    if any(each is not None and each.units is None for each in (then, now)):
        return {}
    before, after = (dict(each.units or {}) if each else {} for each in (then, now))
    return {
        sku: (_plain(before.get(sku, Decimal(0))), _plain(after.get(sku, Decimal(0))))
        for sku in {**before, **after}
        if before.get(sku, Decimal(0)) != after.get(sku, Decimal(0))
    }


def _other_email(then: domain.Rma, now: domain.Rma) -> str | None:
    """A digest: who it is stays in the document, which an erasure cuts."""
    before, after = (
        (each.customer.email or "").strip().casefold() if each.customer else "" for each in (then, now)
    )
    if not before or not after or before == after:
        return None
    return hashlib.sha256(after.encode()).hexdigest()[:12]


async def _view(
    row: Rma, delivery: Delivery, rma: domain.Rma, items: Sequence[domain.Item]
) -> hookspecs.Delivery:
    version = MappingVersion.filter(connection_id=delivery.connection_id, version=delivery.mapping_version)
    mapping = await version.first()
    store = await Store.get(id=row.store_id)
    return hookspecs.Delivery(
        delivery_id=delivery.id,
        rma=rma,
        items=tuple(items),
        store=hookspecs.StoreInfo(
            name=store.name, url=store.url, customer_support_url=store.customer_support_url
        ),
        location_id=delivery.location_id,
        approved_at=row.approved_at or delivery.created_at,
        mapping=json.loads(mapping.text, parse_float=Decimal) if mapping else {},
        mapping_version=delivery.mapping_version,
        accepted=tuple(
            Question(code=each["code"], facts=each["facts"]) for each in json.loads(delivery.answers)
        ),
    )


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
