"""What was read before a password was looked at, or when a request came, may be another by then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher

from hub.access import api_tokens, sessions, sign_in, users
from hub.access.passwords import Passwords
from hub.access.principal import Scope
from hub.access.tokens import form_token
from hub.core import open_hub
from hub.errors import AccessError, NotFoundError
from hub.merchant import stores
from hub.store.people import AuditEntry, Session, SignInLink, SignInTry, User
from hub.web import guard
from hub.web.guard import Need
from hub.web.pages import jobs
from hub.web.server import make_app
from tests.integration.access.conftest import open_site
from tests.integration.access.site import PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hub.clock import Clock
    from hub.environment import Environment
    from hub.store.models import Store
    from hub.web.pages.jobs import Job
    from tests.integration.access.site import Site

NEW = "another one, as long as the first"
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OF_PASSWORD = HASHER.hash(PASSWORD)


class Held(Passwords):
    """Comes to its answer, and keeps it until it is let go: to look at a password takes a while.

    Attributes:
        has_looked: set once there is an answer.
        may_go: lets it be told.
    """

    def __init__(self) -> None:
        super().__init__(HASHER)
        self.has_looked, self.may_go = asyncio.Event(), asyncio.Event()

    async def hashed(self, password: str) -> str:
        answer = await super().hashed(password)
        await self._wait()
        return answer

    async def fits(self, password: str, stored: str | None) -> bool:
        answer = await super().fits(password, stored)
        await self._wait()
        return answer

    async def _wait(self) -> None:
        self.has_looked.set()
        await self.may_go.wait()


@pytest.fixture
async def clock(migrated: Environment) -> AsyncIterator[Clock]:
    async with open_hub(migrated) as hub:
        await stores.ensure_default(hub.clock)
        await users.add(hub.clock, "ada", store=None)
        await User.filter(name="ada").update(password_hash=OF_PASSWORD)
        await SignInLink.all().delete()
        yield hub.clock


async def change(clock: Clock) -> None:
    user = await users.get("ada")
    await sign_in.change_password(clock, Passwords(HASHER), user, old=PASSWORD, new=NEW, address="")


async def reset(clock: Clock) -> None:
    link = await users.link(clock, await users.get("ada"))
    secret = link.path.rpartition("/")[2]
    await sign_in.welcome(clock, Passwords(HASHER), secret, name="ada", password=NEW, address="")


async def disable(clock: Clock) -> None:
    await users.disable(clock, await users.get("ada"))


async def remove(_: Clock) -> None:
    await users.remove(await users.get("ada"))


MEANWHILE = pytest.mark.parametrize("meanwhile", [change, reset, disable, remove])


async def _beside(
    asked: Callable[[Held], Awaitable[object]], meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Has something happen between a look at a password and what is done about it."""
    passwords = Held()
    asking = asyncio.ensure_future(asked(passwords))
    await passwords.has_looked.wait()
    await meanwhile()
    passwords.may_go.set()
    await asking


@MEANWHILE
async def test_a_sign_in_undoes_nothing_and_starts_no_session(
    clock: Clock, meanwhile: Callable[[Clock], Awaitable[None]]
) -> None:
    def asked(passwords: Held) -> Awaitable[object]:
        return sign_in.sign_in(clock, passwords, name="ada", password=PASSWORD, address="")

    with pytest.raises(AccessError) as caught:
        await _beside(asked, lambda: meanwhile(clock))
    assert caught.value.status == 401
    await _check_only_new(clock, meanwhile)
    # It counts as a try that came to nothing.
    assert {row.count for row in await SignInTry.all()} == {1}


@MEANWHILE
async def test_of_two_changes_of_a_password_the_second_does_not_undo_the_first(
    clock: Clock, meanwhile: Callable[[Clock], Awaitable[None]]
) -> None:
    user = await users.get("ada")

    def asked(passwords: Held) -> Awaitable[object]:
        return sign_in.change_password(clock, passwords, user, old=PASSWORD, new="x" * 12, address="")

    with pytest.raises(AccessError) as caught:
        await _beside(asked, lambda: meanwhile(clock))
    assert caught.value.status == 401
    await _check_only_new(clock, meanwhile)


async def _check_only_new(clock: Clock, meanwhile: Callable[[Clock], Awaitable[None]]) -> None:
    row = await User.get_or_none(name_key="ada")
    if meanwhile in {change, reset}:
        assert row is not None
        assert await Passwords(HASHER).fits(NEW, row.password_hash)
        # Its own, of whoever changed it.
        assert len(await sessions.every(row, clock.now())) == 1
        return
    assert await Session.all().count() == 0
    assert row is None if meanwhile is remove else row is not None and row.password_hash == OF_PASSWORD


async def relink(clock: Clock) -> None:
    await users.link(clock, await users.get("ada"))


async def disable_and_enable(clock: Clock) -> None:
    await users.disable(clock, await users.get("ada"))
    await users.enable(await users.get("ada"))


@pytest.mark.parametrize("meanwhile", [reset, disable, remove, relink, disable_and_enable])
async def test_a_link_that_ended_while_a_password_was_chosen_sets_none(
    clock: Clock, meanwhile: Callable[[Clock], Awaitable[None]]
) -> None:
    secret = (await users.link(clock, await users.get("ada"))).path.rpartition("/")[2]

    def asked(passwords: Held) -> Awaitable[object]:
        return sign_in.welcome(clock, passwords, secret, name="eve", password="x" * 12, address="")

    with pytest.raises(NotFoundError, match="leads nowhere"):
        await _beside(asked, lambda: meanwhile(clock))
    assert not await User.exists(name="eve")
    await _check_only_new(clock, meanwhile if meanwhile in {reset, remove} else disable)


async def test_a_hash_of_other_parameters_is_made_anew_when_somebody_signs_in(clock: Clock) -> None:
    passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await sign_in.sign_in(clock, passwords, name="ada", password=PASSWORD, address="")
    stored = (await users.get("ada")).password_hash
    assert stored is not None
    assert not passwords.is_outdated(stored)
    await sign_in.sign_in(clock, passwords, name="ada", password=PASSWORD, address="")
    assert (await users.get("ada")).password_hash == stored


@pytest.mark.parametrize(
    "act", [users.link, users.disable, lambda _, user: users.enable(user), lambda _, user: users.remove(user)]
)
async def test_who_was_removed_is_not_found_any_more(
    clock: Clock, act: Callable[[Clock, User], Awaitable[object]]
) -> None:
    user = await users.get("ada")
    await users.remove(user)
    with pytest.raises(NotFoundError, match="'ada'"):
        await act(clock, user)
    assert (await AuditEntry.all().order_by("-id").first()).action == "user.removed"  # type: ignore[union-attr]


class Door:
    """Routes of a page and of the API whose change waits half-way until it is let go."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._is_in, self._may_go = asyncio.Event(), asyncio.Event()
        self.job: Job | None = None

    async def change(self, request: web.Request) -> web.Response:
        await self._change(await guard.store_of(request))
        return web.Response()

    async def start(self, request: web.Request) -> web.Response:
        store = await guard.store_of(request)
        self.job = jobs.start(
            request, store, lambda _: self._change(store), title="t", template="", back=("/", "")
        )
        return web.Response()

    async def _change(self, store: Store) -> None:
        self._is_in.set()
        await self._may_go.wait()
        await stores.edit(store.name, url="https://shop.example", customer_support_url=None)

    async def asked(
        self, path: str, headers: dict[str, str], meanwhile: Callable[[], Awaitable[object]]
    ) -> int:
        """What a request is answered, beside which something happens once it is past the guard."""
        app = make_app(self._site.hub, is_local=True)
        guard.add_routes(app, Need.PAGE, [web.post("/change", self.change), web.post("/start", self.start)])
        guard.add_routes(app, Need.WRITE, [web.post("/v1/change", self.change)])
        async with TestServer(app) as server:
            asking = asyncio.ensure_future(self._site.http.post(server.make_url(path), headers=headers))
            await self._is_in.wait()
            await meanwhile()
            self._may_go.set()
            status = (await asking).status
            if self.job is not None and self.job.task is not None:
                await self.job.task
        return status


@pytest.fixture
async def on_both(migrated: Environment) -> AsyncIterator[Site]:
    async with open_site(migrated) as opened:
        yield opened


async def _ada(site: Site) -> dict[str, str]:
    """The headers with which she sends a form."""
    secret = (await site.signed_in("ada")).cookies["hub_session"]
    origin = {"Sec-Fetch-Site": "same-origin"}
    return {**origin, "Cookie": f"hub_session={secret}", guard.FORM_HEADER: form_token(secret)}


async def _is_changed() -> bool:
    """Whether the change came about; it and its entry in the audit log go together."""
    is_told = await AuditEntry.exists(action="store.edited")
    assert (await stores.get()).url == ("https://shop.example" if is_told else "")
    return is_told


async def sign_out(_: Clock) -> None:
    await sessions.end_all(await users.get("ada"))


async def nothing(_: Clock) -> None:
    """So that the others prove something."""


@pytest.mark.parametrize(
    ("meanwhile", "status"), [(remove, 401), (disable, 401), (sign_out, 401), (nothing, 200)]
)
async def test_who_was_removed_while_their_request_was_under_way_changes_nothing(
    on_both: Site, meanwhile: Callable[[Clock], Awaitable[None]], status: int
) -> None:
    headers = await _ada(on_both)
    assert await Door(on_both).asked("/change", headers, lambda: meanwhile(on_both.hub.clock)) == status
    assert await _is_changed() is (status == 200)


@pytest.mark.parametrize("is_revoked", [True, False])
async def test_a_token_that_was_revoked_while_its_request_was_under_way_changes_nothing(
    on_both: Site, is_revoked: bool
) -> None:
    headers = await on_both.token(Scope.WRITE, name="program")

    async def revoke() -> None:
        if is_revoked:
            await api_tokens.revoke(on_both.hub.clock, "program")

    assert await Door(on_both).asked("/v1/change", headers, revoke) == (401 if is_revoked else 200)
    assert await _is_changed() is not is_revoked


@pytest.mark.parametrize(("meanwhile", "goes_on"), [(remove, False), (disable, False), (sign_out, True)])
async def test_a_job_goes_on_when_its_person_signs_out_and_not_when_they_are_removed(
    site: Site, meanwhile: Callable[[Clock], Awaitable[None]], goes_on: bool
) -> None:
    headers, door = await _ada(site), Door(site)
    assert await door.asked("/start", headers, lambda: meanwhile(site.hub.clock)) == 200
    assert await _is_changed() is goes_on
    assert door.job is not None
    assert isinstance(door.job.error, AccessError) is not goes_on
