"""Sign-ins with the old password in a loop, while it is changed again and again.

The short run is a part of every run of the tests. The long one is `make chaos`: it takes minutes and prints.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from hub.access.passwords import Passwords
from hub.store.people import SignInTry, User
from tests.integration.access.conftest import open_site

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.integration.access.site import Browser, Site

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""A thousandth of the cost of a real one."""
AT_ONCE = 3


@pytest.mark.parametrize(
    ("rounds", "is_cheap"),
    [(8, True), pytest.param(200, False, marks=pytest.mark.chaos)],
    ids=["short", "long"],
)
async def test_a_changed_password_opens_nothing_and_its_sessions_are_over(
    migrated: Environment, rounds: int, is_cheap: bool
) -> None:
    passwords = Passwords(CHEAP) if is_cheap else Passwords()
    async with open_site(migrated, passwords=passwords) as site:
        owner = await site.signed_in("ada")
        await User.filter(name="ada").update(password_hash=await passwords.hashed(_password(0)))
        got_in = 0
        for number in range(rounds):
            got_in += await _round(site, owner, _password(number), _password(number + 1))
        print(f"{rounds} changes, {got_in} sign-ins beside them: none outlived its password")  # noqa: T201


def _password(number: int) -> str:
    return f"the password of round {number}"


async def _round(site: Site, owner: Browser, old: str, new: str) -> int:
    """Changes a password while others sign in with the old one; gives how many of them got in at all."""
    await SignInTry.all().delete()
    others = [site.browser() for _ in range(AT_ONCE)]
    for each in others:
        await each.get("/login")
    change = _sent(owner, "/account/password", {"old": old, "password": new, "again": new})
    changed, *entered = await asyncio.gather(change, *[_sign_in(each, old) for each in others])
    assert changed == 303, "the owner is locked out"
    assert all(status in {303, 401} for status in entered)
    for each in others:
        assert (await each.get("/account")).status == 303, "a session of the old password lives"
    assert (await owner.get("/account")).status == 200
    await SignInTry.all().delete()
    assert await _sign_in(others[0], old) == 401, "the old password works"
    return sum(status == 303 for status in entered)


async def _sign_in(browser: Browser, password: str) -> int:
    return await _sent(browser, "/login", {"name": "ada", "password": password})


async def _sent(browser: Browser, path: str, form: dict[str, str]) -> int:
    return (await browser.send(path, form)).status
