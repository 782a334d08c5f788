"""Those who have no mouse, or no script, come as far as everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.visitor import KeyboardVisitor
from tests.e2e.wizard import connect, credit, switch_on
from tests.support.processes import Home, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.place import Place
    from tests.e2e.visitor import Visitor


def test_keyboard_alone_is_enough(place: Place, arrive: Callable[..., Visitor], tmp_path: Path) -> None:
    visitor = arrive(KeyboardVisitor)
    place.person(visitor, "keys", "--admin")
    with SandboxProcess(Home(tmp_path / "sandbox")) as sandbox:
        connect(visitor, sandbox, "keyboard")
        switch_on(visitor, "keyboard", "Send it yourself")
        credit(visitor, place, tmp_path, 902, "Send it yourself")


def test_wizard_works_without_script(place: Place, arrive: Callable[..., Visitor], tmp_path: Path) -> None:
    visitor = arrive(java_script_enabled=False)
    place.person(visitor, "plain", "--admin")
    with SandboxProcess(Home(tmp_path / "sandbox")) as sandbox:
        connect(visitor, sandbox, "scriptless")
        switch_on(visitor, "scriptless", "Store return")
        credit(visitor, place, tmp_path, 903, "Store return")
