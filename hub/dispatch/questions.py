"""What the hub itself asks before a prepared request is frozen, whatever the connector.

It asks in the transaction that freezes, under a lock of the ERP's account, so that of two returns prepared at
once the second one sees the first.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.dispatch.frozen import accepted_of
from hub.outcomes import Prepared, Rejected, Status
from hub.questions import Question, QuestionCode, has_answer
from hub.store import bulk
from hub.store.bulk import in_parts
from hub.store.database import client
from hub.store.models import CreditedUnits, Delivery, Rma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.outcomes import CreditedLine, Outcome
    from hub.store.models import Connection


async def lock_account(connection: Connection) -> None:
    """Keeps everyone else from freezing a request for the same ERP account until the transaction ends.

    To be taken before any row: whoever waits for it holds nothing. On SQLite a transaction is alone anyway.
    """
    database = client()
    if database.capabilities.dialect != "sqlite":
        number = int.from_bytes(hashlib.sha256(account_of(connection).encode()).digest()[:8], signed=True)
        await database.execute_query("SELECT pg_advisory_xact_lock($1)", [number])


def account_of(connection: Connection) -> str:
    """What names the ERP's account: the same for every connection to it, also removed ones."""
    return connection.quota_key or connection.id


async def ask_first(
    connection: Connection,
    rows: Sequence[Delivery],
    answers: Sequence[Prepared | Rejected | Outcome],
) -> list[Prepared | Rejected | Outcome]:
    """The answers, with a question in the place of each request that a person has to decide about first.

    Args:
        connection: whose deliveries; its account is locked.
        rows: the deliveries.
        answers: what was prepared for each, in order.
    """
    items = await _returned_elsewhere(rows)
    ledger = await _Ledger.read(account_of(connection), answers)
    asked: list[Prepared | Rejected | Outcome] = []
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, Prepared):
            asked.append(answer)
            continue
        refusal = _elsewhere(row, items.get(row.id, {})) or _oversold(ledger, row, answer)
        if refusal is None:
            ledger.add(row, answer.lines)
        asked.append(refusal or answer)
    await ledger.write()
    return asked


def _unless_accepted(row: Delivery, question: Question, reason: str, fix: str) -> Rejected | None:
    if has_answer(question, accepted_of(row)):
        return None
    return Rejected(delivery_id=row.id, reason=reason, fix=fix, question=question)


# --- the same goods in another RMA ------------------------------------------------------------------------


_SAME_ITEMS = """
SELECT mine.rma_id AS mine, mine.returned_item_id AS item, other.rma_id AS other
FROM rma_item mine JOIN rma_item other
  ON other.returned_item_id = mine.returned_item_id AND other.rma_id <> mine.rma_id
WHERE mine.is_credited AND other.is_credited AND mine.rma_id IN ({rmas})
"""
"""A table beside itself, which Tortoise cannot ask for. The numbers in it are row ids, never texts."""


async def _returned_elsewhere(rows: Sequence[Delivery]) -> dict[str, dict[str, str]]:
    """Delivery → item → another RMA of its store and platform that credits the very same item.

    Locks the RMAs of both, as an event that comes in does, so that two of them never both see nothing.
    """
    ids = ", ".join(str(row.rma_id) for row in rows)
    pairs = await client().execute_query_dict(_SAME_ITEMS.format(rmas=ids)) if rows else []
    if not pairs:
        return {}
    named = sorted({pair[side] for pair in pairs for side in ("mine", "other")})
    locked = Rma.filter(id__in=named).order_by("id").select_for_update(no_key=True)
    rmas = {rma.id: rma for rma in await locked}
    deliveries = await Delivery.filter(rma_id__in=named)
    counting = {each.rma_id for each in deliveries if _counts(each)}
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        mine = rmas.get(row.rma_id)
        for pair in pairs:
            other = rmas[pair["other"]]
            if mine is None or pair["mine"] != mine.id or other.id not in counting:
                continue
            if (other.store_id, other.platform) == (mine.store_id, mine.platform):
                found.setdefault(row.id, {})[pair["item"]] = other.rma_id
        if mine is not None and row.id not in found:
            # The next of this batch sees this one, as if it had been frozen before.
            counting.add(mine.id)
    return found


def _counts(delivery: Delivery) -> bool:
    """Whether a delivery has a document, or a frozen request that is not known to have come to nothing."""
    if delivery.document_id is not None:
        return True
    return delivery.request is not None and delivery.status is not Status.SKIPPED


def _elsewhere(row: Delivery, items: dict[str, str]) -> Rejected | None:
    if not items:
        return None
    question = Question(code=QuestionCode.ITEM_ELSEWHERE, facts={"items": dict(sorted(items.items()))})
    rmas = " and ".join(sorted(set(items.values())))
    what = f"items {', '.join(sorted(items))} are" if len(items) > 1 else f"item {next(iter(items))} is"
    return _unless_accepted(
        row,
        question,
        f"{what} credited under RMA {rmas} already",
        f"look at RMA {rmas}; if this is the same return under another number, close this one; accept it if "
        "both are to be credited",
    )


# --- more units than were sold ----------------------------------------------------------------------------


class _Ledger:
    """Who credits how many units of which order's line in one account, as far as a batch needs it.

    Args:
        account: of the ERP.
        held: line → delivery → units, of deliveries that have credited them or may have.
    """

    def __init__(self, account: str, held: dict[str, dict[str, Decimal]]) -> None:
        self._account = account
        self._held = held
        self._added: dict[str, dict[str, Decimal]] = {}

    @classmethod
    async def read(cls, account: str, answers: Sequence[Prepared | Rejected | Outcome]) -> _Ledger:
        lines = {_digest(line.key) for each in answers if isinstance(each, Prepared) for line in each.lines}
        held: dict[str, dict[str, Decimal]] = {}
        for some in in_parts(sorted(lines)):
            rows = CreditedUnits.filter(account=account, line__in=some, is_void=False)
            for each in await rows.select_related("delivery"):
                if _counts(each.delivery):
                    held.setdefault(each.line, {})[each.delivery_id] = Decimal(each.units)
        return cls(account, held)

    def credited_before(self, row: Delivery, key: str) -> Decimal:
        """Units of a line that other deliveries credit, or may have credited."""
        of_line = self._held.get(_digest(key), {})
        return sum((units for each, units in of_line.items() if each != row.id), Decimal(0))

    def add(self, row: Delivery, lines: Sequence[CreditedLine]) -> None:
        """Counts a request that is about to be frozen, in the place of what was frozen before."""
        for of_line in self._held.values():
            of_line.pop(row.id, None)
        added = self._added.setdefault(row.id, {})
        for line in lines:
            key = _digest(line.key)
            added[key] = added.get(key, Decimal(0)) + line.units
            self._held.setdefault(key, {})[row.id] = added[key]

    async def write(self) -> None:
        if not self._added:
            return
        await CreditedUnits.filter(delivery_id__in=list(self._added)).delete()
        rows = [
            {"delivery_id": delivery, "account": self._account, "line": line, "units": _plain(units)}
            for delivery, lines in self._added.items()
            for line, units in lines.items()
        ]
        await bulk.insert(CreditedUnits, rows)


def _oversold(ledger: _Ledger, row: Delivery, answer: Prepared) -> Rejected | None:
    over: list[dict[str, str]] = []
    for line in answer.lines:
        before = ledger.credited_before(row, line.key)
        if line.sold is not None and before + line.units > line.sold:
            over.append(
                {
                    "sku": line.sku,
                    "order": line.order,
                    "sold": _plain(line.sold),
                    "credited_before": _plain(before),
                    "units": _plain(line.units),
                }
            )
    if not over:
        return None
    over.sort(key=lambda each: (each["order"], each["sku"]))
    told = "; ".join(
        f"{each['units']} of SKU {each['sku']} come back, and order {each['order']} sold {each['sold']}, of "
        f"which {each['credited_before']} are credited already"
        for each in over
    )
    return _unless_accepted(
        row,
        Question(code=QuestionCode.OVERSOLD, facts={"lines": over}),
        f"more would be credited than was sold: {told}",
        "look at the other returns of this order; close this one if it is credited already, or accept it",
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
