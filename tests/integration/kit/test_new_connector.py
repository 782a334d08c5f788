"""From nothing to a connector that works, as docs/writing-a-connector.md tells it, with the hub as a wheel.

The page's commands run as they stand, in their order, in one clean virtual environment.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.docs import commands, pages
from tests.integration.kit.clean import CleanEnvironment, Resident, build_wheel, call
from tests.support.processes import REPOSITORY, Finished, wait_for

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "writing-a-connector.md"
INSTALL = "python -m pip install --editable '.[dev]'"
DOCUMENTS = "hub sandbox documents --url http://127.0.0.1:9100"


class Reader:
    """Somebody who follows the page.

    Attributes:
        told: what each command printed, by its line.
    """

    def __init__(self, place: CleanEnvironment, stack: ExitStack) -> None:
        self.told: dict[str, Finished] = {}
        self._place = place
        self._stack = stack
        self._cwd = place.folder
        self._port = str(_free_port())
        self._hub: Resident | None = None

    def read(self, text: str) -> None:
        """Does what every block says."""
        for block in pages.split(text)[1]:
            if block.language == "json":
                (self._cwd / "rma.json").write_text("\n".join(block.lines), encoding="utf-8")
            for line in commands.lines_in(block) if block.language == "sh" else ():
                self._follow(line)

    def shown(self, *words: str) -> Any:
        """What a command prints with ``--json``."""
        assert self._hub
        return json.loads(self._hub.run([*words, "--json"], self._cwd).out)

    def _follow(self, line: str) -> None:
        # Ports are what a busy test machine cannot promise.
        said = line.replace("9100", self._port).replace("hub serve", "hub serve --port 0")
        if line == INSTALL:
            self._place.install(self._cwd, is_editable=True)
            self._hub = self._stack.enter_context(Resident(self._place))
        elif line.startswith("cd "):
            self._cwd /= line.removeprefix("cd ")
        elif line.endswith(" &"):
            self._start(said.removesuffix(" &"))
        elif self._hub and line.startswith("hub "):
            self.told[line] = self._hub.run(shlex.split(said)[1:], self._cwd)
        else:
            # Packages that the environment shares with the tests' own have no programs in its folder.
            said = {"pytest": "python -m pytest -q", "mypy": "python -m mypy"}.get(line, said)
            self.told[line] = call(["bash", "-c", said], self._place, cwd=self._cwd)

    def _start(self, said: str) -> None:
        """Runs it beside the others until the page ends; comes back when it says that it is ready."""
        log = self._place.folder / f"{len(self.told)}-{said.split()[1]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own program
                ["bash", "-c", f"exec {said}"],  # noqa: S607
                cwd=self._cwd,
                env=self._place.variables,
                stdout=file,
                stderr=file,
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

        def is_ready() -> bool:
            assert process.poll() is None, f"{said}: {log.read_text()}"
            return "ready" in log.read_text()

        wait_for(is_ready, lambda: f"{said}: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


# One test, since a runner of several processes would make the environment in each of them.
def test_the_page_leads_from_nothing_to_a_connector_that_works(tmp_path: Path) -> None:
    place = CleanEnvironment(tmp_path)
    place.install(build_wheel(tmp_path))
    with ExitStack() as stack:
        reader = Reader(place, stack)
        reader.read(PAGE.read_text(encoding="utf-8"))
        the_hub_is_the_wheels_and_nobody_changed_it(place)
        the_package_passes_its_own_tests_every_promise_among_them(reader)
        the_hub_finds_it_by_itself(reader)
        a_return_went_all_the_way_and_back_over_a_lost_answer(reader)
    public_types_take_the_right_use_and_refuse_the_wrong_one(place)


def the_hub_is_the_wheels_and_nobody_changed_it(place: CleanEnvironment) -> None:
    where = place.run("python", "-c", "import hub, cli; print(hub.__file__, cli.__file__)").out
    assert str(REPOSITORY) not in where
    assert where.count(str(place.folder)) == 2
    assert "hub_acme" not in (place.folder / "source" / "pyproject.toml").read_text(encoding="utf-8")


def the_package_passes_its_own_tests_every_promise_among_them(reader: Reader) -> None:
    found = re.search(r"^(\d+) passed", reader.told["pytest"].out, re.MULTILINE)
    assert found, reader.told["pytest"].out
    assert int(found[1]) > 40
    assert "no issues found" in reader.told["mypy"].out


def the_hub_finds_it_by_itself(reader: Reader) -> None:
    rows = reader.told["hub connectors list"].out.splitlines()
    assert "hub-acme 0.1.0" in next(row for row in rows if row.startswith("acme "))


def a_return_went_all_the_way_and_back_over_a_lost_answer(reader: Reader) -> None:
    rma = reader.shown("rmas", "show", "1001")
    assert rma["validation"] == "full"
    assert [each["validation"]["is_returned"] for each in rma["items"]] == [True]
    (delivery,) = rma["deliveries"]
    assert (delivery["status"], delivery["verdict"]) == ("done", "adopted")
    (row,) = [line for line in reader.told[DOCUMENTS].out.splitlines() if "RMA 1001" in line]
    assert row.split()[0] == delivery["document"]["id"]


def public_types_take_the_right_use_and_refuse_the_wrong_one(place: CleanEnvironment) -> None:
    """As an author's mypy sees them: with the hub's wheel, not its sources."""
    folder = place.folder / "hub-acme"
    shutil.copytree(REPOSITORY / "tests" / "contract" / "typing", folder / "typing")
    assert "no issues found" in call(["python", "-m", "mypy", "typing"], place, cwd=folder).out
    wrong = folder / "typing" / "wrong_use.py"
    text = wrong.read_text(encoding="utf-8")
    wrong.write_text(re.sub(r"  # type: ignore\[.*\]", "", text), encoding="utf-8")
    found = call(["python", "-m", "mypy", "typing"], place, cwd=folder, code=1).out
    assert len(set(re.findall(r"wrong_use\.py:(\d+): error", found))) == text.count("# type: ignore")
