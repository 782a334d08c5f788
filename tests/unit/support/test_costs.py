"""The budget of the tests can fail a run, and what a run leaves out is counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs import pages
from tests.support.budget import Budget, Exemption
from tests.support.costs import BUDGET
from tests.support.processor import Calibration, Meter, processor_s_of, run_loop

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
import pytest

from tests.support.run_folder import make_run_folder, remove_run_folder

pytest_plugins = ("tests.support.costs", "tests.support.slower")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        make_run_folder()


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        remove_run_folder()


@pytest.fixture(scope="session")
def shared():
    work(60)


def work(loops):
    from tests.support.processor import run_loop

    for _ in range(loops):
        run_loop()
"""
TESTS = """
import subprocess
import sys

import pytest

from conftest import work


def test_cheap():
    work(1)


def test_dear():
    work(40)


def test_with_what_is_made_for_all(shared):
    work(1)


def test_in_a_process_of_its_own():
    subprocess.run([sys.executable, "-c", "from conftest import work; work(40)"], check=True)


@pytest.mark.chaos
@pytest.mark.parametrize("number", range(3))
def test_slow(number):
    raise AssertionError


@pytest.mark.prove
def test_slower():
    raise AssertionError


@pytest.mark.prove(has_short_form=True)
def test_long_and_short():
    pass
"""


SHARE = "share = 15"
EXEMPT = """
share = 15

[[exemption]]
test = "test_some.py::test_dear"
share = 400
reason = "it shows that it may"

[[exemption]]
test = "test_some.py::test_in"
share = 400
reason = "as above"
"""


def run(folder: Path, budget: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in a process of its own, over tests of its own."""
    for name, text in (("conftest.py", CONFTEST), ("test_some.py", TESTS), ("budget.toml", budget)):
        (folder / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in {"CHAOS", "PROVE"}}
    environment["PYTHONPATH"] = f"{pages.REPOSITORY}{os.pathsep}{folder}"
    return subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-m", "pytest", "-q", "--costs", "--budget=budget.toml", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_that_costs_more_than_its_share_fails_the_run_also_on_several_processes(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, SHARE, "-n2")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    exceeded = re.findall(r"^(\S+) costs \d+ loops, and its share is 15$", done.stdout, re.MULTILINE)
    assert set(exceeded) == {"test_some.py::test_dear", "test_some.py::test_in_a_process_of_its_own"}
    assert "5 passed" in done.stdout
    assert "4 slower checks: make prove, make chaos\n" in done.stdout


def test_one_that_is_named_with_a_reason_may(tmp_path: Path) -> None:
    done = run(tmp_path, EXEMPT)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert re.search(r"^wall \d+ s, processor \d+ s$", done.stdout, re.MULTILINE)
    loops = {name: int(told) for told, name in re.findall(r"^ *(\d+)  (\S.*)$", done.stdout, re.MULTILINE)}
    assert loops["test_some.py::test_dear"] > 4 * loops["test_some.py::test_cheap"]
    assert loops["fixture shared"] > 4 * loops["test_some.py::test_with_what_is_made_for_all"]


@pytest.mark.parametrize("wrong", ['reason = " "\nshare = 300', 'reason = "why not"\nshare = 100'])
def test_an_exemption_needs_a_reason_and_to_be_one(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(f'share = 100\n[[exemption]]\ntest = "tests/a.py"\n{wrong}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"tests/a\.py"):
        Budget.read(file)


def test_the_longest_name_that_fits_counts() -> None:
    exemptions = [("tests/a.py", 200), ("tests/a.py::test_b", 300), ("tests/a.py::test_b[1]", 400)]
    budget = Budget(
        share=100,
        exemptions=tuple(Exemption(test=test, share=share, reason="so") for test, share in exemptions),
    )
    asked = ("tests/a.py::test_b[1]", "tests/a.py::test_b[2]", "tests/a.py::test_c", "tests/z.py::test_b")
    assert [budget.share_of(test) for test in asked] == [400, 300, 200, 100]


def test_each_exemption_names_tests_that_are_there() -> None:
    """Or a test that was renamed would have none, and the file would be full of dead names."""
    missing = []
    for each in Budget.read(BUDGET).exemptions:
        path, _, name = each.test.partition("::")
        file = pages.REPOSITORY / path
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if not file.exists() or f"def {name.partition('[')[0]}(" not in f"{text}def (":
            missing.append(each.test)
    assert missing == []


def test_the_time_of_a_process_that_still_runs_is_counted_and_stays_counted() -> None:
    meter = Meter()
    before = meter.read()
    loops = "from tests.support.processor import run_loop\nfor _ in range(9): run_loop()"
    code = f"{loops}\nprint(flush=True)\ninput()"
    with subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", code], cwd=pages.REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        used = processor_s_of(process.pid)
        assert used > 0
        assert meter.read() - before >= used
        process.communicate()
    assert meter.read() - before >= used


def test_what_is_shared_is_nobodys_cost() -> None:
    meter, calibration = Meter(), Calibration()
    before = meter.read()
    with meter.share("outer"):
        run_loop()
        with meter.share("inner"):
            for _ in range(5):
                run_loop()
    assert meter.shared["inner"] > 2 * meter.shared["outer"] > 0
    assert meter.read() - before < calibration.loop_s()
