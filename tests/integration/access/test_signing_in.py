"""Following a first link, signing in and out, and what keeps others out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.access import users
from hub.access.sessions import IDLE, LONGEST
from hub.access.users import LINK_LASTS
from hub.store.people import AuditEntry, Session, SignInTry, User
from tests.integration.access.site import PASSWORD, tokens_in

if TYPE_CHECKING:
    from tests.integration.access.site import Site

CHOICE = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}


async def test_a_first_link_leads_to_a_password_and_works_once(site: Site) -> None:
    link = await users.first_administrator(site.hub.clock)
    assert link is not None
    browser = site.browser()
    shown = await browser.get(link.path)
    assert (shown.status, tokens_in(shown.text)) != (200, set())
    entered = await browser.send(link.path, CHOICE)
    assert (entered.status, entered.location) == (303, "/")
    account = await browser.get("/account")
    assert account.status == 200
    assert "administrator" in account.text
    assert "Ada" in account.text
    assert (await site.browser().get(link.path)).status == 404
    assert await users.first_administrator(site.hub.clock) is None

    # The password now opens another browser, and a wrong one does not say whether the name is known.
    other = site.browser()
    await other.get("/login")
    wrong = await other.send("/login", {"name": "Ada", "password": "wrong"})
    unknown = await other.send("/login", {"name": "Bob", "password": "wrong"})
    assert wrong.status == unknown.status == 401
    assert _said(wrong.text) == _said(unknown.text)
    right = await other.send("/login", {"name": " ADA ", "password": PASSWORD, "next": "/account?x=1"})
    assert (right.status, right.location) == (303, "/account?x=1")
    assert other.cookies["hub_session"] != browser.cookies["hub_session"]

    # Changing it ends every other session, and this browser's own cookie is a new one.
    before = browser.cookies["hub_session"]
    refused = await browser.send(
        "/account/password", {"old": "wrong", "password": "x" * 12, "again": "x" * 12}
    )
    assert refused.status == 401
    form = {"old": PASSWORD, "password": "another long one", "again": "another long one"}
    assert (await browser.send("/account/password", form)).status == 303
    assert browser.cookies["hub_session"] != before
    assert (await browser.get("/account")).status == 200
    assert (await other.get("/account")).status == 303
    assert [row.action for row in await AuditEntry.filter(actor="Ada").order_by("id")] == [
        "user.link_followed",
        "user.signed_in",
        "user.password_changed",
    ]
    assert {row.source for row in await AuditEntry.filter(actor="Ada")} == {"page"}


def _said(page: str) -> str:
    return page.partition('role="alert"')[2].partition("</div>")[0]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"password": "short", "again": "short"}, "12 to 256"),
        ({"again": "not the same at all"}, "the two you typed differ"),
        ({"name": "ada lovelace", "password": "ada lovelace", "again": "ada lovelace"}, "your name"),
        ({"name": "taken"}, "there is one of that name"),
        ({"name": " "}, "printable characters"),
    ],
)
async def test_a_choice_that_will_not_do_is_told_and_keeps_the_link(
    site: Site, choice: dict[str, str], said: str
) -> None:
    if choice.get("name") == "taken":
        await site.person("Taken")
    path = await site.invited("guest")
    browser = site.browser()
    await browser.get(path)
    refused = await browser.send(path, {**CHOICE, **choice})
    assert refused.status in {400, 409}
    assert said in refused.text.replace("The two", "the two")
    assert PASSWORD not in refused.text
    assert (await User.get(name="guest")).password_hash is None
    assert (await browser.get(path)).status == 200


async def test_a_link_ends_after_a_day_and_when_a_newer_one_is_made(site: Site) -> None:
    path = await site.invited("guest")
    newer = (await users.link(site.hub.clock, await users.get("guest"))).path
    assert (await site.browser().get(path)).status == 404
    assert (await site.browser().get(newer)).status == 200
    site.time.set_forward(LINK_LASTS)
    assert (await site.browser().get(newer)).status == 404


@pytest.mark.parametrize("span", [IDLE, LONGEST])
async def test_a_session_ends_when_it_was_idle_or_is_old(site: Site, span: timedelta) -> None:
    browser = await site.signed_in("ada")
    rest, step = span, IDLE / 2
    if span is LONGEST:
        while rest > step:
            site.time.set_forward(step)
            rest -= step
            assert (await browser.get("/account")).status == 200
    site.time.set_forward(rest)
    assert (await browser.get("/account")).status == 303


async def test_who_is_disabled_or_signs_out_is_out_at_once(site: Site) -> None:
    browser, other = await site.signed_in("ada"), await site.signed_in("bob")
    await users.disable(site.hub.clock, await users.get("ada"))
    assert (await browser.get("/account")).status == 303
    kept = dict(other.cookies)
    assert (await other.send("/logout")).location == "/login"
    assert "hub_session" not in other.cookies
    other.cookies = kept
    assert (await other.get("/account")).status == 303
    third = await site.signed_in("eve")
    assert (await third.send("/account/sessions/end")).status == 303
    assert await Session.all().count() == 0


async def test_tries_are_held_back_per_name_and_counted_before_the_password_is_looked_at(site: Site) -> None:
    await site.person("ada")
    browser = site.browser()
    await browser.get("/login")
    form = {"name": "ada", "password": "wrong"}
    assert [(await browser.send("/login", form)).status for _ in range(5)] == [401] * 5
    held = await browser.send("/login", {**form, "password": PASSWORD})
    assert held.status == 429
    assert int(held.headers["Retry-After"]) >= 1
    # Another name from there is not held back yet; what is stored names nobody.
    assert (await browser.send("/login", {"name": "bob", "password": "wrong"})).status == 401
    assert all("ada" not in row.key for row in await SignInTry.all())
    site.time.set_forward(timedelta(seconds=2))
    assert (await browser.send("/login", form)).status == 401
    assert int((await browser.send("/login", form)).headers["Retry-After"]) > 1


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%09evil",
        "x",
        "",
    ],
)
async def test_after_signing_in_nobody_is_led_elsewhere(site: Site, onward: str) -> None:
    browser = site.browser()
    shown = await browser.get(f"/login?next={onward}")
    assert 'name="next" value="/"' in shown.text


async def test_a_session_that_a_browser_brought_is_not_the_one_it_gets(site: Site) -> None:
    path = await site.invited("guest")
    browser = site.browser()
    browser.cookies = {"hub_session": "planted"}
    await browser.get(path)
    assert (await browser.send(path, CHOICE)).status == 303
    assert browser.cookies["hub_session"] != "planted"
    assert (await Session.all().count()) == 1
