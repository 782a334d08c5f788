"""Attacks by people whom nobody knows, on the forms that they may send and on what else is open to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.web import accounts
from hub.web.guard import PASSWORDS
from hub.web.health import Readiness
from hub.web.tally import Tally
from tests.integration.access.site import PASSWORD
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.access.site import Site

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
FORM = "application/x-www-form-urlencoded"


@asynccontextmanager
async def connected(site: Site, head: str, length: int) -> AsyncIterator[Line]:
    """A connection that sent a head."""
    reader, writer = await asyncio.open_connection(site.base.host, site.base.port)
    writer.write(f"{head}\r\nHost: {site.base.authority}\r\nContent-Length: {length}\r\n\r\n".encode())
    async with asyncio.timeout(30):
        yield reader, writer
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("charset", ["punycode", "idna", "nonsense", "utf-16"])
async def test_no_sender_chooses_how_a_form_is_decoded(site: Site, charset: str) -> None:
    # With punycode five megabytes are minutes in which the hub answers nobody.
    async with connected(site, f"POST /login HTTP/1.1\r\nContent-Type: {FORM}; charset={charset}", 9) as line:
        line[1].write(b"name=name")
        assert (await line[0].readline()).split()[1] == b"415"


async def test_a_stranger_brings_no_files(site: Site) -> None:
    form = aiohttp.FormData()
    form.add_field("name", b"x", filename="x", content_type="text/plain")
    async with site.http.post(site.base / "login", data=form) as answer:
        assert answer.status == 415


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        (FORM, b"form_token=%ff&name=\xff", 400),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
            400,
        ),
        ("multipart/form-data; boundary=x", b"no parts at all", 400),
        ("multipart/form-data", b"no boundary", 400),
        # Read as UTF-8, whatever it says: then its token is nobody's.
        (
            "multipart/form-data; boundary=x",
            (
                b'--x\r\nContent-Disposition: form-data; name="form_token"\r\n'
                b"Content-Type: text/plain; charset=punycode\r\n\r\n1\r\n--x--\r\n"
            ),
            403,
        ),
    ],
)
async def test_a_form_that_is_none_is_refused_also_of_somebody_known(
    site: Site, kind: str, content: bytes, status: int
) -> None:
    cookie = f"hub_session={(await site.signed_in('ada')).cookies['hub_session']}"
    headers = {"Cookie": cookie, "Content-Type": kind}
    async with site.http.post(site.base / "logout", data=content, headers=headers) as answer:
        assert answer.status == status


async def test_only_so_many_passwords_wait_to_be_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MOST_SIGNING_IN", 2)
    browser = site.browser()
    await browser.get("/login")

    async def sign_in(name: str) -> int:
        answer = await browser.send("/login", {"name": name, "password": PASSWORD})
        return answer.status

    async with site.app[PASSWORDS]._turn:  # noqa: SLF001 - as if one took its time
        first = [asyncio.create_task(sign_in(name)) for name in ("ada", "bob")]
        await until(lambda: len(site.app[accounts.SIGNING_IN]) == 2)
        assert await sign_in("eve") == 429
    assert await asyncio.gather(*first) == [401, 401]
    assert await sign_in("eve") == 401


async def test_a_webhook_to_a_guessed_address_is_refused_before_its_body(site: Site) -> None:
    async with connected(site, "POST /v1/hooks/returngo/guessed HTTP/1.1", 1000) as line:
        assert (await line[0].readline()).split()[1] == b"404"


async def test_one_look_at_the_database_answers_all_who_ask_whether_it_is_ready(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    readiness = Readiness(site.hub, Tally())
    with caplog.at_level("DEBUG", logger="tortoise.db_client"):
        assert await asyncio.gather(*[readiness.why_not() for _ in range(50)]) == [""] * 50
    assert len([each for each in caplog.messages if each.startswith("SELECT 1")]) == 1


async def test_stylesheet_script_and_icon_come_once_and_then_only_when_they_changed(site: Site) -> None:
    for name in ("hub.css", "hub.js", "hub.svg"):
        async with site.http.get(site.base / "static" / name) as answer:
            assert answer.status == 200
            tag = answer.headers["ETag"]
        async with site.http.get(site.base / "static" / name, headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
    for name in ("nothing.css", "..%2fserver.py"):
        async with site.http.get(f"{site.base}static/{name}") as answer:
            assert answer.status == 404
