"""The mapping editor over HTTP: problems in their place, the exact request, versions."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import aiohttp

from hub.access.tokens import form_token
from hub.merchant import mappings
from tests.support.documents import rma

if TYPE_CHECKING:
    from tests.integration.pages.conftest import Desk

EDITOR = "/integrations/main/mapping"
GOOD = '{"reference": {"prefix": "RG:", "content": "rmaId"}}'
BAD = '{"reference": {"prefx": "RG:"},\n "freightTotal": "a lot",\n "nope": 1}'


async def version(desk: Desk) -> int:
    newest = await mappings.current(await desk.stage.connection())
    return newest.version if newest else 0


async def test_problems_are_told_at_line_and_column_while_typing(desk: Desk) -> None:
    answer = await desk.browser.send(f"{EDITOR}/validate", {"text": BAD}, X_Fragment="1")
    told = [unescape(each) for each in re.findall(r">(Line [^<]*)<", answer.text)]
    assert [each.split(":")[0] for each in told] == [
        "Line 1, column 2",
        "Line 2, column 2",
        "Line 3, column 2",
    ]
    assert "nope is no field of a Cin7 credit note" in told[2]
    assert 'data-line="3" data-column="2"' in answer.text
    assert "<html" not in answer.text
    answer = await desk.browser.send(f"{EDITOR}/validate", {"text": '{"a":\n 1,,}'}, X_Fragment="1")
    assert "Line 2, column 4" in answer.text
    answer = await desk.browser.send(f"{EDITOR}/validate", {"text": GOOD}, X_Fragment="1")
    assert "This mapping is valid." in answer.text


async def test_the_button_tells_the_same_and_a_wrong_mapping_is_not_kept(desk: Desk) -> None:
    for path in (f"{EDITOR}/validate", EDITOR):
        answer = await desk.browser.send(path, {"text": BAD})
        assert "3 problems" in answer.text
        assert "a lot" in answer.text  # what was typed is still there
    assert answer.status == 422
    assert await version(desk) == 0


async def test_the_exact_request_is_shown_with_each_values_origin_and_nothing_is_written(desk: Desk) -> None:
    await desk.stage.submit(rma("901"))
    page = await desk.text(EDITOR)
    assert '<option value="901" selected>' in page
    answer = await desk.browser.send(f"{EDITOR}/preview", {"text": GOOD, "sample": "901"})
    text = unescape(answer.text)
    assert re.search(r'"reference": <span class="value"[^>]*>"RG:901"<span class="tip"[^>]*>[^<]+<', text)
    assert '"code": ' in text
    assert desk.stage.posts == []
    assert await version(desk) == 0


async def test_a_return_that_is_credited_already_can_be_tried_again(desk: Desk) -> None:
    await desk.stage.submit(rma("901"))
    await desk.stage.settle()
    answer = await desk.browser.send(f"{EDITOR}/preview", {"text": "{}", "sample": "901"})
    assert "already holds" not in answer.text
    assert '"lineItems"' in unescape(answer.text)
    assert len(desk.stage.posts) == 1


async def test_a_mapping_can_be_tried_before_the_first_return_and_on_one_that_would_need_a_person(
    desk: Desk,
) -> None:
    page = await desk.text(EDITOR)
    assert "Ann Van Buren" in page
    answer = await desk.browser.send(f"{EDITOR}/preview", {"text": "{}", "sample": "sample-drop-off"})
    assert "SKU-003" in answer.text
    assert "Nothing was written." in answer.text
    missing = await desk.browser.send(f"{EDITOR}/preview", {"text": "{}", "sample": "902"})
    assert missing.status == 404


async def test_a_file_takes_the_place_of_the_text(desk: Desk) -> None:
    site = desk.site
    form = aiohttp.FormData()
    form.add_field("form_token", form_token(desk.browser.cookies["hub_session"]))
    form.add_field("text", "{}")
    form.add_field("file", GOOD.encode(), filename="mapping.json")
    cookies = {"Cookie": f"hub_session={desk.browser.cookies['hub_session']}"}
    url = str(site.base).rstrip("/")
    async with site.http.post(
        url + EDITOR, data=form, headers={**cookies, "Origin": url}, allow_redirects=False
    ) as answer:
        assert answer.status == 303
    newest = await mappings.current(await desk.stage.connection())
    assert newest is not None
    assert (newest.text, newest.created_by) == (GOOD, "ana")


async def test_versions_are_compared_and_an_old_one_is_put_to_use_again(desk: Desk) -> None:
    await desk.browser.send(EDITOR, {"text": '{\n  "logisticsStatus": 1\n}'})
    await desk.browser.send(EDITOR, {"text": '{\n  "logisticsStatus": 2\n}'})
    page = unescape(await desk.text(f"{EDITOR}/versions"))
    removed = r'class="out"><span class="unseen">removed: </span>  "logisticsStatus": 1<'
    added = r'class="in"><span class="unseen">added: </span>  "logisticsStatus": 2<'
    assert re.search(removed + r".*" + added, page)
    assert (await desk.browser.get(f"{EDITOR}/versions?new=7")).status == 404
    assert (await desk.browser.send(f"{EDITOR}/restore", {"version": "1"})).status == 303
    newest = await mappings.current(await desk.stage.connection())
    assert newest is not None
    assert (newest.version, '"logisticsStatus": 1' in newest.text) == (3, True)
    assert (await desk.browser.send(f"{EDITOR}/restore", {"version": "9"})).status == 404
