"""Connectors that are each broken in one way, and the rule of the kit that catches it.

``caught_by`` is the rule that is meant for it. ``also`` are those that must break with it, since they
promise the same thing in another situation.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import structlog
from pydantic import BaseModel

from hub.errors import AuthError, ConnectorError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import QuotaWindow, hookimpl
from hub.outcomes import Document, Prepared, ReceiptVerdict, SightingKind, ValidationPage, Verdict
from hub.rma import Money
from tests.support.plugins.hostile.erp import PAGE
from tests.support.plugins.hostile.good import (
    Good,
    created,
    is_ours,
    key_of,
    names,
    outcome,
    sighting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.hookspecs import Connection, Delivery, HttpReply, OpenDocument
    from hub.outcomes import (
        ConnectReport,
        DocumentPage,
        Outcome,
        Permission,
        ReceiptLine,
        Rejected,
        Sighting,
    )
    from tests.support.plugins.hostile.good import Memo


class Hostile(Good):
    caught_by: ClassVar[str]
    also: ClassVar[frozenset[str]] = frozenset()


# --- connecting ---------------------------------------------------------------------------------------


class LeavesATestMemo(Hostile):
    caught_by = "connect_writes_nothing"

    @hookimpl
    async def connect(self, connection: Connection) -> ConnectReport:
        report = await super().connect(connection)
        memo = {"name": "test", "note": "", "lines": {}, "total": "0"}
        await self.call(connection, "POST", "memos", {}, json.dumps([memo]))
        return report


class NamesNoPermission(Hostile):
    caught_by = "connect_names_permissions"

    def permissions(self) -> tuple[Permission, ...]:
        return ()


class GivesNoAdvice(Hostile):
    caught_by = "connect_names_permissions"

    def permissions(self) -> tuple[Permission, ...]:
        return tuple(replace(each, advice="") for each in super().permissions())


class MarksWhatItPolled(Hostile):
    caught_by = "reading_writes_nothing"

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        page = await super().poll_validations(connection, cursor, open_documents)
        await self.call(connection, "POST", "seen", {}, "[]")
        return page


# --- sending ------------------------------------------------------------------------------------------


class SwapsDocuments(Hostile):
    """Only in batches of three or more, which one rule sends."""

    caught_by = "one_outcome_each_in_order"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        outcomes = list(await super().on_rma_approved(connection, deliveries))
        if len(outcomes) < 3:
            return outcomes
        turned = [each.document for each in reversed(outcomes)]
        return [replace(each, document=other) for each, other in zip(outcomes, turned, strict=True)]


class AnswersForTheFirstOnly(Hostile):
    """Only in batches of three or more, which two rules send."""

    caught_by = "one_outcome_each_in_order"
    also = frozenset({"calls_are_shared"})

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        outcomes = await super().on_rma_approved(connection, deliveries)
        return outcomes if len(outcomes) < 3 else outcomes[:1]


class CreditsTooMuch(Hostile):
    caught_by = "credits_each_unit_once"

    def prepare_one(self, delivery: Delivery) -> Prepared | Rejected:
        prepared = super().prepare_one(delivery)
        if isinstance(prepared, Prepared) and prepared.total is not None:
            more = Money(amount=prepared.total.amount * 2, currency="USD")
            return replace(prepared, total=more)
        return prepared


class BuildsItAnew(Hostile):
    caught_by = "sends_what_was_prepared"

    def request_of(self, delivery: Delivery) -> str:
        prepared = self.prepare_one(delivery)
        assert isinstance(prepared, Prepared)
        return prepared.request


class TagsInSilence(Hostile):
    caught_by = "writes_are_declared"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        outcomes = await super().on_rma_approved(connection, deliveries)
        await self.request(connection, "POST", "tags", {}, "[]", is_write=False)
        return outcomes


class CallsItsWriteARead(Hostile):
    caught_by = "writes_are_declared"
    also = frozenset(
        {
            "cut_off_answer_is_in_doubt",
            "half_applied_batch_is_sorted_out",
            "lost_answer_is_in_doubt_then_found",
            "sends_what_was_prepared",
            "silence_is_in_doubt",
            "unsent_write_is_in_doubt_then_absent",
        }
    )

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        del is_write
        return await super().request(connection, method, path, query, body, is_write=False)


class SendsOneByOne(Hostile):
    caught_by = "calls_are_shared"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        return [
            each
            for delivery in deliveries
            for each in await super(SendsOneByOne, self).on_rma_approved(connection, [delivery])
        ]


class ReadsEachOpenDocument(Hostile):
    caught_by = "calls_are_shared"

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        for each in open_documents:
            await self.call(connection, "GET", "memos", {"any_of": json.dumps([each.document_id])})
        return await super().poll_validations(connection, cursor, open_documents)


class RefusesTheWholeBatch(Hostile):
    caught_by = "bad_neighbour_spoils_nobody"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        outcomes = await super().on_rma_approved(connection, deliveries)
        if any(each.verdict is Verdict.REJECTED for each in outcomes):
            return [outcome(each, Verdict.REJECTED, "one of them is bad") for each in deliveries]
        return outcomes


class StumblesOverOneWithoutSku(Hostile):
    caught_by = "bad_neighbour_spoils_nobody"

    def prepare_one(self, delivery: Delivery) -> Prepared | Rejected:
        assert all(item.sku for item in delivery.items)
        return super().prepare_one(delivery)


class ForgetsTheMarkOfEdited(Hostile):
    caught_by = "edited_request_keeps_marker"

    def note_of_edited(self, delivery: Delivery) -> str:
        return "as edited"


# --- doubt --------------------------------------------------------------------------------------------


class CallsALostAnswerRejected(Hostile):
    caught_by = "lost_answer_is_in_doubt_then_found"
    also = frozenset(
        {
            "cut_off_answer_is_in_doubt",
            "half_applied_batch_is_sorted_out",
            "silence_is_in_doubt",
            "unsent_write_is_in_doubt_then_absent",
        }
    )

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        try:
            return await super().request(connection, method, path, query, body, is_write=is_write)
        except InDoubtError as error:
            raise RejectedError("it did not work") from error


class SeesWhatIsNotThere(Hostile):
    caught_by = "unsent_write_is_in_doubt_then_absent"
    also = frozenset({"half_applied_batch_is_sorted_out"})

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        seen = super().judge(delivery, memos)
        if seen.kind is not SightingKind.ABSENT:
            return seen
        document = Document(document_id="1", reference="surely")
        return replace(seen, kind=SightingKind.OURS, documents=(document,))


class SendsALostBatchAgain(Hostile):
    caught_by = "half_applied_batch_is_sorted_out"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        try:
            return await super().on_rma_approved(connection, deliveries)
        except InDoubtError:
            if len(deliveries) == 1:
                raise
            return [outcome(each, Verdict.RETRY, "the answer was lost") for each in deliveries]


class MatchesByPlace(Hostile):
    caught_by = "results_are_matched_by_name"

    def outcome(self, delivery: Delivery, results: Sequence[Memo], place: int) -> Outcome:
        if place < len(results) and "id" in results[place]:
            return created(delivery, results[place])
        return super().outcome(delivery, results, place)


class FindsAnotherName(Hostile):
    """When the name is taken it takes the next: the second document that the frozen name should prevent."""

    caught_by = "twice_makes_one_document"
    also = frozenset({"bad_neighbour_spoils_nobody"})

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        outcomes = list(await super().on_rma_approved(connection, deliveries))
        for place, each in enumerate(outcomes):
            if each.verdict is Verdict.REJECTED:
                record = json.loads(self.request_of(deliveries[place]))
                record["name"] += "-2"
                (result,) = await self.call(connection, "POST", "memos", {}, json.dumps([record]))
                outcomes[place] = created(deliveries[place], result)
        return outcomes


class TrustsTheName(Hostile):
    caught_by = "foreign_document_is_never_adopted"
    also = frozenset({"neighbours_document_is_not_ours"})

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        seen = super().judge(delivery, memos)
        return replace(seen, kind=SightingKind.OURS) if seen.kind is SightingKind.FOREIGN else seen


class TrustsAnyMark(Hostile):
    caught_by = "neighbours_document_is_not_ours"

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        marked = [
            each for each in memos if each["note"].startswith("hub:") and each["name"] in names(delivery)
        ]
        if len(marked) == 1 and not is_ours(delivery, marked[0]):
            return sighting(delivery, SightingKind.OURS, marked)
        return super().judge(delivery, memos)


class OverlooksThatItIsVoid(Hostile):
    caught_by = "void_document_goes_to_a_person"

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        seen = super().judge(delivery, memos)
        return replace(seen, kind=SightingKind.OURS) if seen.kind is SightingKind.VOID else seen


class TakesTheFirstOfTwo(Hostile):
    caught_by = "several_documents_go_to_a_person"

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        ours = [each for each in memos if is_ours(delivery, each)]
        return super().judge(delivery, [each for each in memos if each not in ours[1:]])


class LooksByTheFrozenNameOnly(Hostile):
    caught_by = "found_by_what_the_ledger_knows"

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        if delivery.prepared is None:
            return sighting(delivery, SightingKind.ABSENT, [])
        return super().judge(delivery, memos)


# --- failing ------------------------------------------------------------------------------------------


class RetriesWrongKeys(Hostile):
    caught_by = "refused_credentials_pause"

    def auth_error(self, reply: HttpReply) -> ConnectorError:
        return super().auth_error(reply) if reply.status == 403 else RetriableError("refused")


class BlamesTheKey(Hostile):
    caught_by = "missing_permission_pauses"

    def auth_error(self, reply: HttpReply) -> ConnectorError:
        return AuthError("refused")


class ForgetsTheWait(Hostile):
    caught_by = "too_many_requests_wait_as_told"

    def wait(self, reply: HttpReply) -> timedelta | None:
        return None


class GivesUpAtNight(Hostile):
    caught_by = "unavailable_is_tried_again"

    def unavailable(self) -> ConnectorError:
        return RejectedError("it is down")


class BelievesAnErrorPage(Hostile):
    caught_by = "error_page_is_no_answer"

    def broken_page(self, *, is_write: bool) -> ConnectorError:
        return RejectedError("it said no") if is_write else RetriableError("it broke")


class ReadsEmptyAsNothing(Hostile):
    caught_by = "empty_answer_is_in_doubt"

    def parse(self, reply: HttpReply) -> Any:
        return [] if not reply.body else super().parse(reply)


class HidesThatItWasSlow(Hostile):
    caught_by = "silence_is_in_doubt"

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        try:
            return await super().request(connection, method, path, query, body, is_write=is_write)
        except InDoubtError as error:
            raise InDoubtError("the answer was lost") from error


class DoubtsWithoutAConnection(Hostile):
    caught_by = "no_connection_is_tried_again"

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        try:
            return await super().request(connection, method, path, query, body, is_write=is_write)
        except RetriableError as error:
            if is_write:
                raise InDoubtError("no connection") from error
            raise


class TriesAgainByItself(Hostile):
    caught_by = "waiting_is_the_hubs"

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        reply = await super().request(connection, method, path, query, body, is_write=is_write)
        if reply.status != 503:
            return reply
        return await super().request(connection, method, path, query, body, is_write=is_write)


# --- polling ------------------------------------------------------------------------------------------


class StepsOverEqualTimes(Hostile):
    caught_by = "poll_takes_equal_times"

    def following(self, memos: Sequence[Memo], after: str) -> str:
        return f"{memos[-1]['changed_at']}|999999" if memos else after


class TurnsPagesByNumber(Hostile):
    caught_by = "poll_survives_edits_in_mid_walk"

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        began, page = json.loads(cursor) if cursor else (self.start(connection, open_documents), 0)
        memos = await self.call(connection, "GET", "memos", {"after": began, "page": str(page)})
        more = len(memos) == PAGE
        following = (began, page + 1) if more else (self.following(memos, began), 0)
        receipts = tuple(self.receipt(memo, connection.now()) for memo in memos)
        return ValidationPage(receipts=receipts, cursor=json.dumps(following), more=more)


class RemembersWhatItGave(Hostile):
    caught_by = "poll_survives_restarts"

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        page = await super().poll_validations(connection, cursor, open_documents)
        fresh = tuple(each for each in page.receipts if self._given.get(each.document_id) != repr(each.lines))
        self._given |= {each.document_id: repr(each.lines) for each in fresh}
        return replace(page, receipts=fresh)

    @hookimpl
    def sandbox(self) -> Any:
        self._given.clear()  # each rule begins with a new account, whose ids begin anew
        return super().sandbox()


class BeginsNow(Hostile):
    caught_by = "first_poll_looks_back"

    def start(self, connection: Connection, open_documents: Sequence[OpenDocument]) -> str:
        return connection.now().isoformat()


class NeverDone(Hostile):
    caught_by = "full_receipt_is_told"

    def is_complete(self, memo: Memo) -> bool:
        return False


class DoneWithTheFirstUnit(Hostile):
    caught_by = "partial_receipt_claims_no_more"

    def is_complete(self, memo: Memo) -> bool:
        return super().is_complete(memo) or any(memo["got"].values())


class CutsTheSurplus(Hostile):
    caught_by = "over_receipt_is_told_as_counted"

    def line(self, memo: Memo, sku: str) -> ReceiptLine:
        line = super().line(memo, sku)
        return line if line.received is None else replace(line, received=min(line.received, line.expected))


class UnknownIsAll(Hostile):
    caught_by = "unknown_receipt_is_never_all"

    def line(self, memo: Memo, sku: str) -> ReceiptLine:
        line = super().line(memo, sku)
        return replace(line, received=line.expected) if line.received is None else line


class PassesOverTheUnknown(Hostile):
    caught_by = "unknown_receipt_is_never_all"

    def verdict(self, memo: Memo, lines: Sequence[ReceiptLine]) -> ReceiptVerdict:
        is_known = all(line.received is not None for line in lines)
        return super().verdict(memo, lines) if is_known else ReceiptVerdict.IGNORE


# --- behaving -----------------------------------------------------------------------------------------


class LogsItsKey(Hostile):
    caught_by = "secrets_stay_secret"

    @hookimpl
    async def connect(self, connection: Connection) -> ConnectReport:
        structlog.get_logger().info("connecting", key=key_of(connection))
        return await super().connect(connection)


class QuotesItsKey(Hostile):
    caught_by = "secrets_stay_secret"

    @hookimpl
    async def connect(self, connection: Connection) -> ConnectReport:
        try:
            return await super().connect(connection)
        except AuthError as error:
            raise AuthError(error.what, why=f"with {key_of(connection)}", kind=error.kind) from error


class PlainCredentials(BaseModel):
    key: str


class ShowsItsKey(Hostile):
    caught_by = "secrets_stay_secret"
    credentials = PlainCredentials


class AnswersAfterItsEnd(Hostile):
    caught_by = "cancelled_call_leaves_no_harm"

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        try:
            return await super().on_rma_approved(connection, deliveries)
        except asyncio.CancelledError:
            return [outcome(each, Verdict.RETRY, "it was cancelled") for each in deliveries]


class CallsBesideTheSession(Hostile):
    caught_by = "quota_is_kept"

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        async with aiohttp.ClientSession() as session, session.get(f"{connection.settings.base_url}/me"):
            pass
        return await super().poll_validations(connection, cursor, open_documents)


class KnowsNoQuota(Hostile):
    caught_by = "quota_is_kept"
    quota = QuotaWindow(calls=5_000, per=timedelta(days=1))


class ListsTheFirstPage(Hostile):
    caught_by = "list_shows_each_document_once"

    def goes_on(self, memos: Sequence[Memo]) -> bool:
        return False


class ListsNobodysDocuments(Hostile):
    caught_by = "list_shows_each_document_once"

    @hookimpl
    async def list_documents(
        self, connection: Connection, since: datetime, cursor: str | None
    ) -> DocumentPage:
        page = await super().list_documents(connection, since, cursor)
        return replace(page, documents=tuple(replace(each, delivery_id=None) for each in page.documents))


INSTALLED = NamesNoPermission()
"""What an entry point can name."""
HOSTILE: tuple[type[Hostile], ...] = tuple(
    each for each in Hostile.__subclasses__() if each.__module__ == __name__
)
