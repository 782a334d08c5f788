"""Home, the list, one return and what a person can do about it, over HTTP as a browser asks."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

from hub.inbound.accept import accept
from hub.merchant import deliveries
from hub.outcomes import Status, ValidationState
from hub.store.models import Exchange, Rma, TimelineEntry
from tests.support.documents import event, rma, unit

if TYPE_CHECKING:
    from tests.integration.pages.conftest import Desk


async def test_an_empty_hub_teaches_the_first_step_and_a_full_one_says_that_all_is_well(desk: Desk) -> None:
    await desk.stage.submit(rma())
    assert "Everything is on its way." in await desk.text("/")
    await desk.stage.settle()
    text = await desk.text("/")
    assert '<h1 aria-live="polite">All is well.</h1>' in text
    assert 'href="/returns/900"' in text
    store = await desk.site.store("new")
    merchant = await desk.site.signed_in("mia", store=store)
    text = (await merchant.get("/")).text
    assert 'href="/integrations/add"' in text
    assert "900" not in text
    assert "No return has arrived yet" in (await merchant.get("/returns")).text


async def test_what_needs_a_person_is_counted_in_the_navigation_and_the_first_sentence(desk: Desk) -> None:
    await desk.stage.submit(rma("901", unit(1) | {"returnMethod": {"type": "x", "name": "Nobody knows"}}))
    await desk.stage.submit(rma("902"))
    await desk.stage.settle()
    await Rma.filter(rma_id="902").update(validation=ValidationState.FLAGGED)
    text = await desk.text("/")
    assert "2 returns need you." in text
    assert re.search(r'class="count">2<', text)


async def test_filters_stay_in_the_address_and_a_wrong_one_is_told_in_place(desk: Desk) -> None:
    await desk.stage.submit(rma("901", unit(1, sku='<i>"x"</i>')))
    text = await desk.text("/returns?q=901&status=pending")
    assert "/returns/901" in text
    assert 'href="/returns?q=901&amp;status=done"' in text
    assert "No return fits" in await desk.text("/returns?q=901&status=done")
    answer = await desk.browser.get("/returns?since=yesterday&q=901")
    assert answer.status == 400
    assert 'value="901"' in answer.text
    assert "Write it like 2026-03-01" in answer.text
    assert (await desk.browser.get("/returns?cursor=x")).status == 400
    assert "<i>" not in await desk.text("/returns/901")


async def test_a_return_shows_where_it_stands_its_story_and_the_calls_behind_it(desk: Desk) -> None:
    await desk.stage.submit(rma())
    await desk.stage.settle()
    row = await desk.stage.delivery("900")
    text = await desk.text("/returns/900")
    assert f"main has credit note {row.document_id}" in text
    assert html.escape(str(row.reference)) in text
    post = await Exchange.filter(method="POST").first()
    assert post is not None
    at_call, at_created = text.index(f"/calls/{post.id}"), text.index("was created in Cin7 Omni")
    assert at_created < at_call < text.index("<h2>Items</h2>")
    call = await desk.text(f"/returns/900/calls/{post.id}")
    assert "&#34;salesReference&#34;: &#34;#900&#34;" in call
    assert "sandbox-key" not in call
    await desk.stage.submit(rma("901"))
    assert (await desk.browser.get(f"/returns/901/calls/{post.id}")).status == 404


async def test_the_live_part_is_answered_alone_and_only_when_it_changed(desk: Desk) -> None:
    await desk.stage.submit(rma())
    first = await desk.browser.get("/returns/900", X_Fragment="1")
    assert "<html" not in first.text
    assert "Waiting" in first.text
    again = await desk.browser.get("/returns/900", X_Fragment="1", If_None_Match=first.headers["ETag"])
    assert (again.status, again.text) == (304, "")
    await desk.stage.settle()
    later = await desk.browser.get("/returns/900", X_Fragment="1", If_None_Match=first.headers["ETag"])
    assert "Credited" in later.text


async def test_an_unknown_method_is_mended_and_tried_again_from_the_page(desk: Desk) -> None:
    await desk.stage.submit(rma("900", unit(1) | {"returnMethod": {"type": "x", "name": "Nobody knows"}}))
    text = await desk.text("/returns/900")
    assert "Settings, Return methods" in text
    version = re.search(r'name="version" value="(\d+)"', text)
    assert version is not None
    await desk.stage.submit(rma("900", updated="2026-03-02T10:00:00+00:00"))  # by then it is another one
    answer = await desk.browser.send("/returns/900/retry", {"version": version[1]})
    assert answer.status == 409
    assert "changed meanwhile" in answer.text
    await desk.stage.settle()
    assert "All is well" in await desk.text("/")


async def test_a_refused_request_is_edited_and_sent_and_what_was_typed_is_kept(desk: Desk) -> None:
    method = {"returnMethod": {"type": "Ship With Pre-Paid Label", "name": "UPS label"}}
    await desk.stage.submit(rma("900", unit(1) | method))
    desk.stage.fault("missing_result:times=1")
    await desk.stage.work()
    row = await desk.stage.delivery("900")
    assert row.request is not None
    row.status, row.reason = Status.ATTENTION, "refused"
    await row.save()
    assert 'class="code"' in await desk.text("/returns/900/edit")
    wrong = {"request": "{oops <b>", "version": str(row.version)}
    answer = await desk.browser.send("/returns/900/edit", wrong)
    assert answer.status == 422
    assert "{oops &lt;b&gt;" in answer.text
    edited = json.dumps(json.loads(row.request) | {"reference": "BY HAND 1"})
    before = len(desk.rung)
    answer = await desk.browser.send("/returns/900/edit", {"request": edited, "version": str(row.version)})
    assert (answer.status, answer.location) == (303, "/returns/900")
    assert len(desk.rung) > before
    assert "looks for an earlier document first" in await desk.text("/returns/900")  # said once
    assert "looks for an earlier document first" not in await desk.text("/returns/900")
    await desk.stage.settle()
    assert (await desk.stage.delivery("900")).status is Status.DONE
    assert len(desk.stage.notes) == 1


async def test_closing_needs_a_note_and_stays_in_the_story_and_the_log(desk: Desk) -> None:
    await desk.stage.submit(rma("900", unit(1) | {"returnMethod": {"type": "x", "name": "Nobody knows"}}))
    answer = await desk.browser.send("/returns/900/resolve", {"note": " ", "document": "77"})
    assert answer.status == 400
    assert 'value="77"' in answer.text
    answer = await desk.browser.send("/returns/900/resolve", {"note": "credited by hand"})
    assert answer.status == 303
    assert "A person closed this: credited by hand." in await desk.text("/returns/900")
    assert (await desk.stage.delivery("900")).status is Status.SKIPPED


async def test_closing_one_in_doubt_without_a_document_tells_the_risk_and_asks(desk: Desk) -> None:
    desk.stage.fault("drop_after_write:times=1,on=POST")
    await desk.stage.submit(rma())
    await desk.stage.work(most_batches=1)
    page = await desk.text("/returns/900")
    assert "It is not known whether its document was made" in page
    assert 'name="without_document"' in page
    answer = await desk.browser.send("/returns/900/resolve", {"note": "nothing is due"})
    assert (answer.status, "confirm that" in answer.text) == (409, True)
    assert 'value="nothing is due"' in answer.text
    given = {"note": "nothing is due", "without_document": "1"}
    assert (await desk.browser.send("/returns/900/resolve", given)).status == 303
    assert (await desk.stage.delivery("900")).status is Status.SKIPPED
    assert 'name="without_document"' not in await desk.text("/returns/900")


async def test_asking_the_erp_tells_what_it_holds_and_changes_nothing(desk: Desk) -> None:
    await desk.stage.submit(rma())
    await desk.stage.settle()
    row = await desk.stage.delivery("900")
    entries = await TimelineEntry.all().count()
    assert (await desk.browser.send("/returns/900/ask")).status == 303
    assert f"it has the credit note {row.document_id}" in await desk.text("/returns/900")
    assert (await desk.stage.delivery("900")).version == row.version
    assert await TimelineEntry.all().count() == entries


async def test_asking_when_in_doubt_brings_the_next_look_forward_only_when_it_is_there(desk: Desk) -> None:
    desk.stage.fault("drop_after_write:times=1")
    await desk.stage.submit(rma())
    await desk.stage.work()
    row = await desk.stage.delivery("900")
    assert row.status is Status.IN_DOUBT
    later = row.next_attempt_at
    assert later is not None
    await desk.browser.send("/returns/900/ask")
    now = (await desk.stage.delivery("900")).next_attempt_at
    assert now is not None
    assert now < later or now <= desk.stage.time.now()
    assert (await desk.stage.delivery("900")).looks == row.looks
    await desk.stage.settle()
    assert (await desk.stage.delivery("900")).status is Status.DONE


async def test_another_stores_return_is_not_there(desk: Desk) -> None:
    await desk.stage.submit(rma())
    await desk.stage.settle()
    store = await desk.site.store("other")
    merchant = await desk.site.signed_in("mia", store=store)
    await accept(desk.stage.hub.clock, store, event(rma("950")), source="test")
    assert (await merchant.get("/returns/950")).status == 200
    for path in ("/returns/900", "/returns/900/edit", "/returns/900/calls/1"):
        assert (await merchant.get(path)).status == 404
        assert (await merchant.get(f"{path}?store=default")).status == 404
    for path in ("retry", "resolve", "ask", "edit"):
        answer = await merchant.send(f"/returns/900/{path}", {"note": "x", "request": "{}"})
        assert answer.status == 404
    row = await deliveries.of_rma(await Rma.get(rma_id="900"))
    assert row is not None
    assert row.status is Status.DONE
