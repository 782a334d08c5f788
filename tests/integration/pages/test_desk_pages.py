"""The error desk with its bulk work, the accountant's file, the quota and the comparison, over HTTP."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.merchant import stores
from hub.outcomes import Status, ValidationState
from hub.store.models import Delivery, Rma
from hub.store.people import AuditEntry
from tests.support.documents import rma, unit
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.integration.pages.conftest import Desk

UNKNOWN = {"returnMethod": {"type": "x", "name": "Nobody knows"}}


async def finished(desk: Desk, path: str) -> str:
    """A job's page once the job is over."""

    async def is_over() -> bool:
        return "At work" not in (await desk.browser.get(path)).text

    await until(is_over)
    return await desk.text(path)


async def group(desk: Desk, count: int) -> str:
    """The path of the one group on the desk."""
    text = await desk.text("/desk")
    (path,) = set(re.findall(r'href="(/desk/\w+)"', text))
    assert f"{count} returns" in text
    return str(path)


async def test_a_whole_group_is_tried_again_and_the_page_tells_how_it_went(desk: Desk) -> None:
    for number in range(901, 905):
        await desk.stage.submit(rma(str(number), unit(number) | UNKNOWN))
    path = await group(desk, 4)
    answer = await desk.browser.send(f"{path}/retry", {"count": "3"})
    assert answer.status == 409  # one more came while the page was open
    assert "there are 4 now" in answer.text
    await desk.stage.submit(rma("904", unit(904), status="Rejected", updated="2026-03-02T10:00:00+00:00"))
    path = await group(desk, 3)
    method = unit(1)["returnMethod"]
    await Rma.filter(rma_id="901").update(status="Rejected")  # refuses, and the others go on
    for row in await Rma.filter(rma_id__in=["902", "903"]):
        await Rma.filter(id=row.id).update(document=row.document.replace("Nobody knows", method["name"]))
    answer = await desk.browser.send(f"{path}/retry", {"count": "3"})
    assert answer.status == 303
    text = await finished(desk, answer.location)
    assert "2 returns went through, 1 return did not" in text
    assert desk.rung
    entries = await AuditEntry.filter(action="delivery.retried")
    assert {(each.actor, each.source) for each in entries} == {("ana", "page")}
    await desk.stage.settle()
    assert await Delivery.filter(status=Status.DONE).count() == 2


async def test_a_group_is_closed_with_one_note_and_is_gone(desk: Desk) -> None:
    for number in (901, 902):
        await desk.stage.submit(rma(str(number), unit(number) | UNKNOWN))
    path = await group(desk, 2)
    assert "the note is empty" in (await desk.browser.send(f"{path}/resolve", {"count": "2"})).text
    answer = await desk.browser.send(f"{path}/resolve", {"count": "2", "note": "by hand"})
    assert "2 returns went through" in await finished(desk, answer.location)
    assert "Nothing needs you" in await desk.text("/desk")
    assert (await desk.browser.get(path)).status == 404
    merchant = await desk.site.signed_in("mia", store=await desk.site.store("other"))
    assert (await merchant.get(answer.location)).status == 404


async def test_doubts_and_flags_stand_on_the_desk_too(desk: Desk) -> None:
    desk.stage.fault("drop_after_write:times=1")
    await desk.stage.submit(rma("901"))
    await desk.stage.work()
    await desk.stage.submit(rma("902", status="Pending"))
    await Rma.filter(rma_id="902").update(validation=ValidationState.FLAGGED)
    text = await desk.text("/desk")
    assert text.index("Goods that do not fit") < text.index("/returns/902") < text.index("Being checked by")
    assert text.index("Being checked by") < text.index("/returns/901")


async def test_the_accountants_file_has_every_note_once_exact_totals_and_no_formula(desk: Desk) -> None:
    orders = {901: "=cmd|901", 902: " \uff1dcmd\x1b[2J|902", 903: "#903;@cmd\u202e"}
    for number, amount in ((901, "0.10"), (902, "0.20"), (903, "1200.00")):
        await desk.stage.submit(rma(str(number), unit(number, amount=amount), order_name=orders[number]))
    await desk.stage.settle()
    day = desk.stage.time.now().date()
    begin, end = day - timedelta(days=1), day + timedelta(days=1)
    answer = await desk.browser.get(f"/credited.csv?since={begin}&until={end}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["Return"] for row in rows] == ["901", "902", "903", ""]
    assert [row["Amount"] for row in rows] == ["0.10", "0.20", "1200.00", "1200.30"]
    told = ["'=cmd|901", "'\uff1dcmd\\x1b[2J|902", "#903;'@cmd\\u202e"]
    assert [row["Order"] for row in rows[:3]] == told
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", answer.text)
    assert "1,200.30" in await desk.text("/credited")
    assert "Nothing was credited" in await desk.text("/credited?since=2020-01-01&until=2020-01-31")
    for query in (
        "since=2026-02-01&until=2026-01-01",
        "since=2020-01-01&until=2026-01-01",
        "since=x&until=y",
    ):
        assert (await desk.browser.get(f"/credited?{query}")).status == 400
        assert (await desk.browser.get(f"/credited.csv?{query}")).status == 400
    other = await desk.site.store("other")
    merchant = await desk.site.signed_in("mia", store=other)
    text = (await merchant.get(f"/credited.csv?since={begin}&until={end}")).text
    assert len(text.splitlines()) == 1
    assert await stores.get("other") == other


async def test_the_quota_is_a_chart_and_the_comparison_tells_what_is_gone(desk: Desk) -> None:
    await desk.stage.submit(rma("901"))
    await desk.stage.settle()
    text = await desk.text("/quota/main")
    assert "<svg" in text
    assert "of 5,000 calls a day" in text
    assert (await desk.browser.get("/quota/none")).status == 404
    assert (await desk.browser.send("/reconcile/main", {"since": "soon"})).status == 400
    desk.stage.sandbox.delete(str(desk.stage.notes[0]["id"]))
    answer = await desk.browser.send("/reconcile/main", {"since": "2020-01-01"})
    assert "1 finding" in await finished(desk, answer.location)
