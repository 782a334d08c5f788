"""A hub and a sandbox that a browser can be sent to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.environment import Environment
from tests.e2e.visitor import PASSWORD
from tests.support.migrated import put_database
from tests.support.processes import Home, HubProcess, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.visitor import Visitor


@dataclass(frozen=True, kw_only=True)
class Place:
    """What runs, and the commands beside it.

    Attributes:
        link: the first administrator's, of `hub init`; it works once.
    """

    home: Home
    hub: HubProcess
    sandbox: SandboxProcess
    link: str

    def ok(self, *arguments: str, stdin: str = "", **variables: str) -> Any:
        """What a command prints; in a thread of its own, since a browser's loop runs in this one."""
        home = Home(self.home.folder, **variables)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(home.ok, *arguments, stdin=stdin).result()

    def connect(self, sandbox: SandboxProcess | None = None, **settings: str) -> None:
        """Adds ``main`` and points the samples' return methods at it."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self.home.connect, sandbox or self.sandbox, **settings).result()

    def person(self, visitor: Visitor, name: str, *options: str) -> None:
        """Makes somebody, who chooses a password and is signed in."""
        made = self.ok("users", "add", name, *options)
        visitor.welcome(made["link"]["path"], name)

    def sign_in(self, visitor: Visitor, name: str) -> None:
        """Signs somebody in who has a password."""
        visitor.go("/login")
        visitor.fill("Name", name)
        visitor.fill("Password", PASSWORD)
        visitor.press("Sign in")


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """A hub as `hub init` and `hub serve` leave it, and a sandbox."""
    home = Home(folder / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    link: str = home.ok("init")["sign_in_link"]["path"]
    with SandboxProcess(Home(folder / "sandbox")) as sandbox, HubProcess(home) as hub:
        yield Place(home=home, hub=hub, sandbox=sandbox, link=link)
