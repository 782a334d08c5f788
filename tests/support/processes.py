"""The hub's commands and its sandboxes as real processes."""

from __future__ import annotations

import json
import os
import pty
import resource
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog
from typer.testing import CliRunner

from cli.main import app
from hub.environment import Environment
from tests.support.documents import METHODS
from tests.support.forked import start_process
from tests.support.migrated import put_database
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.context import ForkServerProcess
    from types import TracebackType

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Home:
    """A hub's data folder, and the commands run in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self._variables = {"HUB_HOME": str(folder), **variables}

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes see; nothing of a hub that the developer runs."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {**own, **self._variables}

    def run(self, *arguments: str, stdin: str = "") -> Finished:
        """Runs one command to its end, whatever its exit code.

        In this process, which saves the half second of starting one; `hub serve` beside it is another one.
        """
        hidden = dict.fromkeys(name for name in os.environ if name.startswith("HUB_"))
        try:
            done = CliRunner().invoke(app, list(arguments), input=stdin, env={**hidden, **self._variables})
        finally:
            structlog.reset_defaults()  # its log went to a stream that is closed now
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Finished(code=done.exit_code, out=done.stdout, err=done.stderr)

    def spawn(self, *arguments: str, stdin: str = "") -> Finished:
        """Runs one command to its end in a process of its own."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "cli", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
        return Finished(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def type(self, *arguments: str, answer: str) -> tuple[int, str]:
        """Runs one command at a terminal and answers its question; gives its exit code and output."""
        terminal, end = pty.openpty()
        try:
            os.write(terminal, f"{answer}\n".encode())
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-m", "cli", *arguments],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=end,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LONGEST_S,
                check=False,
            )
        finally:
            os.close(terminal)
            os.close(end)
        return done.returncode, done.stdout.decode()

    def ok(self, *arguments: str, stdin: str = "") -> Any:
        """What a command that must succeed prints with ``--json``."""
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.code == 0, f"hub {' '.join(arguments)} ended with {done.code}: {done.err}"
        return done.json

    def make_ready(self) -> Any:
        """`hub init` where nothing is yet, without the seconds that the migrations take."""
        self.folder.mkdir(exist_ok=True)
        put_database(Environment(home=self.folder))
        return self.ok("init")

    def connect(self, sandbox: SandboxProcess, **settings: str) -> None:
        """Adds ``main`` and points every return method but *Keep it* at it; needs an open database."""
        self.add_connection(sandbox, **settings)
        self.add_methods()

    def add_connection(self, sandbox: SandboxProcess, **settings: str) -> None:
        """Adds ``main``."""
        values = {**sandbox.settings, "doubt_looks": "0,1", **settings}
        given = [f"--set={name}={value}" for name, value in values.items()]
        self.ok(
            *("connections", "add", "cin7_omni", "--name=main", "--no-check", *given),
            *(f"--set=username={sandbox.credentials['username']}", "--secret=api_key=-"),
            stdin=sandbox.credentials["api_key"],
        )

    def add_methods(self) -> None:
        """Points every return method but *Keep it* at ``main``."""
        for name, (_, kind) in METHODS.items():
            self.ok("methods", "add", name, "--type", kind)
            if name != "Keep it":
                self.ok("methods", "set", name, "--connection", "main")

    def count(self, table: str, where: str = "1 = 1") -> int:
        """How many rows a table of its database has, read from the file itself."""
        with closing(sqlite3.connect(self.folder / "hub.db")) as database:
            rows = database.execute(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608
            return int(rows.fetchone()[0])

    def shown(self, rma_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.ok("rmas", "show", rma_id)
        return shown


class Background:
    """A command that runs beside the test, a context manager.

    Attributes:
        ready: the JSON it printed when it was ready.
        descriptors: how many files and sockets it may have open.
    """

    def __init__(self, home: Home, *arguments: str, descriptors: int | None = None) -> None:
        self._home = home
        self._arguments = arguments
        self.descriptors = descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        beside = f"{home.folder}.{arguments[0]}"
        self._out, self._err = Path(f"{beside}.out"), Path(f"{beside}.err")
        self._process: ForkServerProcess | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it, also again after its end; comes back when it is ready."""
        self._out.unlink(missing_ok=True)
        self._process = start_process(
            self._arguments,
            self._home.environment,
            out=self._out,
            err=self._err,
            descriptors=self.descriptors,
        )
        wait_for(self._read_ready, self._why_not_ready)

    def _read_ready(self) -> bool:
        if self._process is not None and not self._process.is_alive():
            raise AssertionError(self._why_not_ready())
        try:
            self.ready = json.loads(self._out.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return True

    def _why_not_ready(self) -> str:
        return f"hub {' '.join(self._arguments)} is not ready: {self.errors}"

    @property
    def errors(self) -> str:
        """All it wrote to stderr, also before it was started again."""
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    @property
    def url(self) -> str:
        url: str = self.ready["url"]
        return url

    def kill(self) -> None:
        """``kill -9``, at once; nothing when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def terminate(self) -> None:
        """SIGTERM, and does not wait for the end."""
        assert self._process is not None
        self._process.terminate()

    def stop(self) -> int:
        """SIGTERM; gives its exit code."""
        self.terminate()
        return self.ended()

    def ended(self) -> int:
        """Waits for its end; gives its exit code."""
        assert self._process is not None
        self._process.join(LONGEST_S)
        code = self._process.exitcode
        assert code is not None, f"it still runs after {LONGEST_S:g} s: {self.errors}"
        self._process = None
        return code


class HubProcess(Background):
    """`hub serve` on a free port.

    Args:
        home: its data folder.
        descriptors: how many files and sockets it may have open; None for as many as this process.
    """

    def __init__(self, home: Home, *, descriptors: int | None = None) -> None:
        super().__init__(home, "serve", "--port=0", "--json", descriptors=descriptors)

    def open_descriptors(self) -> int:
        """How many files and sockets it has open now."""
        assert self._process is not None
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    def log_size(self) -> int:
        """Bytes of all it wrote to stderr."""
        return self._err.stat().st_size


class SandboxProcess(Background):
    """`hub sandbox cin7_omni` on a free port, with Cin7's own quota."""

    def __init__(self, home: Home, *, seed: int = 0) -> None:
        super().__init__(home, "sandbox", "cin7_omni", "--port=0", f"--seed={seed}", "--json")

    @property
    def settings(self) -> dict[str, str]:
        settings: dict[str, str] = self.ready["settings"]
        return settings

    @property
    def credentials(self) -> dict[str, str]:
        credentials: dict[str, str] = self.ready["credentials"]
        return credentials

    def documents(self) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = self._ask("documents")
        return documents

    def calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self._ask("calls")
        return calls

    def fault(self, **fault: Any) -> None:
        self._ask("faults", fault)

    def clear_faults(self) -> None:
        self._ask("faults", method="DELETE")

    def receive(self, document: str) -> None:
        self._ask("receive", {"document": document})

    def _ask(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own sandbox
            f"{self.url}/_sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:  # noqa: S310
            return json.load(answer)


def wait_for(is_so: Callable[[], bool], told: Callable[[], str]) -> None:
    """Waits until something is so; fails with what is told when it never is."""
    end = time.monotonic() + LONGEST_S
    while not is_so():
        assert time.monotonic() < end, told()
        time.sleep(0.05)
