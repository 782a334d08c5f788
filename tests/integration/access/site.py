"""A hub over HTTP, and browsers and programs that ask it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.access import api_tokens, sessions, users
from hub.access.tokens import form_token
from hub.merchant import stores
from hub.store.people import User

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web
    from yarl import URL

    from hub.access.principal import Scope
    from hub.core import Hub
    from hub.store.models import Store
    from tests.support.times import HeldTime

PASSWORD = "four words in a row"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def location(self) -> str:
        return str(self.headers["Location"])


@dataclass(kw_only=True)
class Browser:
    """Keeps cookies, follows nothing, and sends a page's form with its token."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, None, headers)

    async def send(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """Sends a form with the token that this browser's pages hold."""
        secret = self.cookies.get("hub_session") or self.cookies.get("hub_visitor", "")
        if path.startswith(("/login", "/welcome")):
            secret = self.cookies.get("hub_visitor", "")
        return await self.post(path, {"form_token": form_token(secret), **(form or {})}, **headers)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        return await self._ask("POST", path, form or {}, headers)

    async def _ask(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> Answer:
        sent = {"Accept": "text/html", "Origin": str(self.site.base).rstrip("/"), **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "GET":
            del sent["Origin"]
        url = str(self.site.base).rstrip("/") + path
        async with self.site.http.request(
            method, url, data=form, headers=sent, allow_redirects=False
        ) as answer:
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
            return Answer(status=answer.status, headers=answer.headers, text=await answer.text())


@dataclass(kw_only=True)
class Site:
    """What a test acts on."""

    hub: Hub
    app: web.Application
    base: URL
    http: aiohttp.ClientSession
    time: HeldTime

    def browser(self) -> Browser:
        return Browser(site=self)

    async def store(self, name: str) -> Store:
        return await stores.add(name, self.hub.clock.now())

    async def person(self, name: str, *, store: Store | None = None) -> User:
        """Somebody who has followed their link, without the cost of a real password."""
        link = await users.add(self.hub.clock, name, store=store)
        await User.filter(id=link.user.id).update(password_hash="not a hash")
        return await users.get(name)

    async def signed_in(self, name: str, *, store: Store | None = None) -> Browser:
        """A browser in which that somebody is signed in."""
        user = await self.person(name, store=store)
        secret = await sessions.start(user, self.hub.clock.now(), "127.0.0.1")
        return Browser(site=self, cookies={"hub_session": secret})

    async def invited(self, name: str, *, store: Store | None = None) -> str:
        """The path of somebody's first link."""
        return (await users.add(self.hub.clock, name, store=store)).path

    async def token(
        self, *scopes: Scope, store: Store | None = None, name: str = "program"
    ) -> dict[str, str]:
        """The headers of a program with a token."""
        _, token = await api_tokens.add(self.hub.clock, name, scopes, store=store, expires_at=None)
        return {"Authorization": f"Bearer {token}"}


def tokens_in(text: str) -> set[str]:
    """The form tokens a page holds."""
    return set(re.findall(r'name="form_token" value="(\w+)"', text))
