"""From a plan and what Cin7 holds about it to the exact credit-note record, pure.

Every value carries where it came from, so that a preview can show it and a person can follow it.
Field names, lengths and meaning: https://api.cin7.com/api/Help/Api/PUT-v1-CreditNotes
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.config import Fees, FeeSign, LookUpOrders, Prices
from connectors.cin7_omni.draft import Draft, field_of, worked_out
from connectors.cin7_omni.fees import has_fees, total_fees
from connectors.cin7_omni.look_up import write_look_up
from connectors.cin7_omni.mapping import advice
from connectors.cin7_omni.marker import marker
from connectors.cin7_omni.orders import has_sku, product_option
from connectors.cin7_omni.prices import RefusalError, choose_currency, group_lines
from connectors.cin7_omni.sales import credited_lines, doubt_about
from hub.outcomes import Prepared
from hub.questions import Question, QuestionCode, has_answer
from hub.rma import Money

if TYPE_CHECKING:
    from connectors.cin7_omni.config import Settings
    from connectors.cin7_omni.look_ups import Findings
    from connectors.cin7_omni.models import OrderRow
    from connectors.cin7_omni.plans import Plan
    from connectors.cin7_omni.prices import Line

_CUSTOMER_FIELDS = ("memberId", "memberEmail")
_LONGEST_EMAIL = 250


def build_note(
    plan: Plan, findings: Findings, settings: Settings, reference: str, *, is_asking: bool = True
) -> Prepared:
    """Builds one delivery's credit note.

    Args:
        plan: what the delivery asks for.
        findings: what Cin7 holds about it.
        settings: the connection's.
        reference: the note's own, chosen among the plan's candidates.
        is_asking: False takes every question for answered with yes.

    Raises:
        RefusalError: there can be no note until a person changes something.
    """
    return _Builder(plan, findings, settings, is_asking=is_asking).build(reference)


class _Builder:
    def __init__(self, plan: Plan, findings: Findings, settings: Settings, *, is_asking: bool) -> None:
        self.plan = plan
        self.is_asking = is_asking
        self.delivery = plan.delivery
        self.mapping = plan.mapping
        self.findings = findings
        self.settings = settings
        self.order: OrderRow | None = findings.order.order if findings.order is not None else None
        self.draft = Draft()

    def build(self, reference: str) -> Prepared:
        self._check_order()
        self._check_other_credits()
        currency, why = self._currency()
        is_gross = self.settings.prices is Prices.GROSS
        lines = group_lines(self.plan.items, currency, is_gross=is_gross)
        self._check_sale(currency)
        self._put_names(reference)
        self._put_state()
        self._put_customer()
        self._put_branch()
        self.draft.put("currencyCode", currency, why)
        tax_status = "Incl" if is_gross else "Excl"
        self.draft.put(
            "taxStatus", tax_status, f"the connection's setting prices={self.settings.prices.value}"
        )
        self._put_lines(lines)
        fees = self._put_fees(currency)
        self._put_mapped(tax_status)
        self._put_comments()
        total = self.draft.total()
        expected = sum((line.total for line in lines), Decimal(0)) + fees
        if total != expected:
            self.draft.warn(
                f"the note credits {total} {currency}, and what was paid comes to {expected} {currency}"
            )
        return Prepared(
            delivery_id=self.delivery.delivery_id,
            reference=reference,
            request=self.draft.text(),
            origins=self.draft.origins,
            warnings=tuple(self.draft.warnings),
            total=Money(amount=total, currency=currency),
            left_off=self.plan.left_off,
            lines=credited_lines(self.order, lines) if self.order is not None else (),
            products=self._products(),
            look_up=write_look_up(self.findings.order),
        )

    def _check_order(self) -> None:
        found = self.findings.order
        if found is None or found.order is not None:
            return
        if found.void:
            self._ask(
                Question(
                    code=QuestionCode.ORDER_VOID, facts={"orders": sorted(order.id for order in found.void)}
                ),
                found.warning,
                "look at the sale in Cin7: one that was cancelled there has nothing to credit",
            )
        elif self.settings.look_up_orders is LookUpOrders.REQUIRED:
            self._ask(
                Question(code=QuestionCode.ORDER_MISSING, facts={"why": found.warning}),
                found.warning,
                "correct the order in Cin7 or salesReference in the mapping, then run: hub deliveries retry",
            )
        self.draft.warn(found.warning)

    def _check_sale(self, currency: str) -> None:
        if self.order is None:
            return
        if doubt := doubt_about(self.order, self.delivery.rma, self.plan.items, currency):
            question, reason = doubt
            self._ask(
                question,
                reason,
                "correct the order's name in the returns platform or in Cin7; accept it if it is right",
            )

    def _check_other_credits(self) -> None:
        others = self.findings.others
        if others:
            names = ", ".join(f"{note.reference or 'without reference'} (id {note.id})" for note in others)
            self._ask(
                Question(code=QuestionCode.OTHER_CREDIT, facts={"notes": sorted(note.id for note in others)}),
                f"Cin7 already holds a credit note for this sales order that the hub did not make: {names}",
                "if it credits this return, run hub deliveries resolve with its id; if not, accept it",
            )

    def _ask(self, question: Question, reason: str, fix: str) -> None:
        """Leaves the note to a person, unless one has said yes to just this; then it stays as a warning."""
        if self.is_asking and not has_answer(question, self.delivery.accepted):
            raise RefusalError(reason, fix, question)
        self.draft.warn(f"{reason}; a person accepted it")

    def _currency(self) -> tuple[str, str]:
        mapped = self.mapping.fields.get("currencyCode")
        if mapped is not None:
            worked = worked_out(self.draft, "currencyCode", mapped, self.delivery, field_of("currencyCode"))
            if worked is not None:
                return choose_currency(self.plan.items, str(worked[0]).strip().upper(), "the mapping")
        wanted = self.order.currency_code if self.order is not None else None
        return choose_currency(self.plan.items, wanted, "the sales order")

    def _put_names(self, reference: str) -> None:
        name, sales_name = self.plan.reference, self.plan.sales_reference
        for sentence in (
            *advice(self.mapping),
            *self.plan.left_off.values(),
            name.warning,
            sales_name.warning,
        ):
            self.draft.warn(sentence)
        numbered = "" if reference == name.text else ", numbered because earlier notes have the name"
        self.draft.put("reference", reference, name.origin + numbered)
        sales_reference = self.plan.sales_reference_for(self.findings.order)
        if sales_reference == sales_name.text:
            self.draft.put("salesReference", sales_reference, sales_name.origin)
            return
        self.draft.put("salesReference", sales_reference, "the sales order's own reference in Cin7")
        if sales_reference.casefold() != sales_name.text.casefold():
            self.draft.warn(
                f"the sales order was found by the customer's number {sales_name.text!r}; its reference in "
                f"Cin7 is {sales_reference!r}"
            )

    def _put_state(self) -> None:
        self.draft.put("isApproved", self.settings.approve, "the connection's setting approve")
        # Without creditNoteDate a note never reaches accounting. completedDate stays absent: it would
        # bring the stock in before the warehouse has seen it (help.omni.cin7.com 9052641310351).
        self.draft.put("creditNoteDate", self.delivery.approved_at, "when the return was approved")

    def _put_customer(self) -> None:
        if any(name in self.mapping.fields for name in _CUSTOMER_FIELDS):
            return
        customer = self.delivery.rma.customer
        if self.order is not None and self.order.member_id is not None:
            self.draft.put("memberId", self.order.member_id, "the sales order's customer")
        elif customer is not None and customer.email and len(customer.email) <= _LONGEST_EMAIL:
            self.draft.put("memberEmail", customer.email, "the customer's address on the inbound shipment")
        else:
            self.draft.warn(
                "neither a sales order nor the return names the customer, so the note is linked to none"
            )

    def _put_branch(self) -> None:
        if self.delivery.location_id is None:
            if self.order is not None and self.order.branch_id is not None:
                self.draft.put("branchId", self.order.branch_id, "the sales order's branch")
            return
        text = self.delivery.location_id.strip()
        if not (text.isascii() and text.isdigit()):
            raise RefusalError(
                f"the return method's location {text!r} is not a Cin7 branch id, which is a number",
                "choose a branch that hub connections check lists: hub methods set NAME --location ID",
            )
        self.draft.put("branchId", int(text), "the return method's location")

    def _put_lines(self, lines: tuple[Line, ...]) -> None:
        draft = self.draft
        taxed = "tax included" if self.settings.prices is Prices.GROSS else "without tax"
        for index, line in enumerate(lines):
            draft.lines.append({})
            option = product_option(self.order, line.sku, line.barcodes)
            if option is not None:
                draft.put_on_line(index, "productOptionId", option, "the sales order's line of this SKU")
            elif self.order is not None and not has_sku(self.order, line.sku, line.barcodes):
                draft.warn(f"SKU {line.sku} is not on the sales order {self.order.reference}")
            units = "1 unit" if line.count == 1 else f"{line.count} units"
            draft.put_on_line(index, "code", line.sku, "the items' SKU")
            draft.put_on_line(index, "name", line.name, "the first item's name")
            # A negative quantity brings stock back; the price stays positive.
            draft.put_on_line(index, "qty", Decimal(-line.count), f"{units} returned at this price")
            draft.put_on_line(index, "unitPrice", line.unit_price, f"what was paid for one unit, {taxed}")

    def _products(self) -> dict[str, str]:
        found = {
            item.returned_item_id: product_option(
                self.order, (item.sku or "").strip(), (item.barcode,) if item.barcode else ()
            )
            for item in self.plan.items
        }
        return {item_id: str(option) for item_id, option in found.items() if option is not None}

    def _put_fees(self, currency: str) -> Decimal:
        """Puts the fees where the setting says; returns what they add to the credit."""
        place = self.settings.fees
        if place is Fees.OFF:
            if has_fees(self.plan.items):
                self.draft.warn("the return carries fees, and they are not on the note (setting fees=off)")
            return Decimal(0)
        amount = total_fees(self.plan.items, currency)
        if amount == 0:
            return Decimal(0)
        signed = -amount if self.settings.fee_sign is FeeSign.MINUS else amount
        origin = f"the return's fees, by the connection's setting fees={place.value}"
        if place is Fees.FREIGHT:
            self.draft.put("freightTotal", signed, origin)
            self.draft.put("freightDescription", "Return fees", origin)
        else:
            self.draft.put("surcharge", signed, origin)
            self.draft.put("surchargeDescription", "Return fees", origin)
        return signed

    def _put_mapped(self, tax_status: str) -> None:
        draft, delivery, mapping = self.draft, self.delivery, self.mapping
        for name, value in mapping.fields.items():
            if name in {"currencyCode", "internalComments"}:
                continue  # they have places of their own
            worked = worked_out(draft, name, value, delivery, field_of(name))
            if worked is not None:
                draft.put(name, *worked)
        if draft.fields["taxStatus"] != tax_status:
            draft.warn(f"taxStatus is mapped, and the prices on the lines are meant as {tax_status}")
        self._put_mapped_groups()
        for name, value in mapping.line_fields.items():
            worked = worked_out(draft, f"lineItems.{name}", value, delivery, field_of("lineItems", name))
            for index in range(len(draft.lines)):
                if worked is not None:
                    draft.put_on_line(index, name, *worked)

    def _put_mapped_groups(self) -> None:
        groups = {**self.mapping.groups, "customFields": self.mapping.custom_fields}
        for group, values in groups.items():
            for name, value in values.items():
                entry = None if group == "customFields" else field_of(group, name)
                worked = worked_out(self.draft, f"{group}.{name}", value, self.delivery, entry)
                if worked is not None:
                    self.draft.put_in_group(group, name, *worked)

    def _put_comments(self) -> None:
        text, origin = "", "built in: the mark that shows the note is the hub's"
        value = self.mapping.fields.get("internalComments")
        if value is not None:
            worked = worked_out(
                self.draft, "internalComments", value, self.delivery, field_of("internalComments")
            )
            if worked is not None:
                text, origin = f" {worked[0]}", f"{origin}; behind it {worked[1]}"
        mark = marker(self.delivery.delivery_id, self.delivery.rma.rma_id)
        self.draft.put("internalComments", mark + text, origin)
