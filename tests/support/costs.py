"""A plugin of pytest: with ``--costs`` it tells what a run cost, and fails one in which a test cost too much.

Costs are processor time, of the tests' own process and of those they started, in loops of a calibration that
is timed beside them: where a machine is slow, or others share its caches, both take longer.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.budget import Budget
from tests.support.postgres import shared_postgres_process
from tests.support.processor import METER, Calibration, processor_s_of
from tests.support.run_folder import run_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

BUDGET = Path(__file__).parents[1] / "budget.toml"
DEAREST = 20
PROPERTY = "loops"
"""What a test's report carries its cost under."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("costs")
    group.addoption("--costs", action="store_true", help="tell what the run cost; a test's share is limited")
    group.addoption("--budget", type=Path, default=BUDGET, help="the file of the shares")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.costs:
        config.pluginmanager.register(Costs(config), "costs")


class Costs:
    """What tests cost: measured where they run, gathered where their reports arrive."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._budget = Budget.read(config.option.budget)
        self._began = time.monotonic()
        self._calibration = Calibration()
        self._started_at = 0.0
        self._loops: dict[str, float] = {}
        self._processes: list[Mapping[str, Any]] = []

    # Where tests run.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._calibration.loop_s()
        self._started_at = METER.read()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        is_shared = fixturedef.scope != "function"
        with METER.share(f"fixture {fixturedef.argname}") if is_shared else nullcontext():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":
            used = METER.read() - self._started_at
            report.user_properties.append((PROPERTY, used / self._calibration.loop_s()))
        return report

    def _own(self) -> Mapping[str, Any]:
        """What this process used, as plain values: a worker sends it to the process that prints."""
        return {
            "own_s": METER.read(),
            "shared_s": dict(METER.shared),
            "loop_s": self._calibration.loop_s(),
        }

    # Where reports arrive.

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._loops[report.nodeid] = cast("float", value)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if told := getattr(node, "workeroutput", {}).get("costs"):
            self._processes.append(told)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["costs"] = self._own()
            return
        # The workers' time came to this process as well, when they ended.
        own = {"own_s": time.process_time(), "shared_s": {}} if self._processes else self._own()
        server_s = {"PostgreSQL": processor_s_of(shared_postgres_process(run_folder()))}
        self._processes += [own, {"own_s": 0.0, "shared_s": server_s}]
        if self._exceeded() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, object, object]:
        result = yield
        terminalreporter.section("costs")
        for line in self._told():
            terminalreporter.write_line(line)
        return result

    def _told(self) -> Iterator[str]:
        loop_s = statistics.median(each["loop_s"] for each in self._processes if "loop_s" in each)
        shared_s = sum((Counter(each["shared_s"]) for each in self._processes), Counter[str]())
        costs = self._loops | {name: seconds / loop_s for name, seconds in shared_s.items()}
        yield f"the {DEAREST} dearest, in loops of {loop_s * 1000:.0f} ms of processor time:"
        for name, loops in sorted(costs.items(), key=lambda each: -each[1])[:DEAREST]:
            yield f"{loops:6.0f}  {name}"
        for test, share in self._exceeded().items():
            yield f"{test} costs {self._loops[test]:.0f} loops, and its share is {share:g}"
        if self._exceeded():
            yield f"make it cheaper, or name it with a reason in {self._config.option.budget.name}"
        used = sum(each["own_s"] for each in self._processes) + shared_s.total()
        yield f"wall {time.monotonic() - self._began:.0f} s, processor {used:.0f} s"

    def _exceeded(self) -> Mapping[str, float]:
        return self._budget.exceeded(self._loops)
