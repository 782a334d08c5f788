"""`hub demo`: the main job against sandboxes, played by the real commands."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cli.running import out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY_WITHIN_S = 60.0


def play(*, keep: bool) -> None:
    """Plays the whole story once, in a data folder of its own.

    Args:
        keep: True leaves the folder and says how to look around in it.
    """
    home = Path(tempfile.mkdtemp(prefix="hub-demo-"))
    before = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        os.environ.update({"HUB_HOME": str(home), "HUB_SECRET_KEY_FILE": str(home / "secret.key")})
        for name in ("HUB_DATABASE_URL", "HUB_SECRET_KEY"):
            os.environ.pop(name, None)
        with contextlib.chdir(home):
            for name in ("two_shirts.json", "one_kept.json"):
                Path(name).write_bytes(resources.files("cli").joinpath("demo_data", name).read_bytes())
            _story()
        if keep:
            out()
            out(f"Everything is still in {home}. Look around: HUB_HOME={home} hub rmas list")
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if not keep:
            shutil.rmtree(home)


_VARIABLES = ("HUB_HOME", "HUB_DATABASE_URL", "HUB_SECRET_KEY", "HUB_SECRET_KEY_FILE")


def _story() -> None:
    _tell(
        "Stand-ins of Cin7 Omni and of ReturnGO, and the hub. Each line after a $ is a command you can run",
        "yourself.",
    )
    # Each is waited for only where it is needed: it starts while the commands before that run.
    with _beside() as start:
        stand_ins = [start(f"sandbox {name} --port 0 --json") for name in ("cin7_omni", "returngo")]
        _run("init")
        serving = start("serve --port 0 --json")
        cin7, shop = (each.ready() for each in stand_ins)
        _connect(cin7, shop)
        serving.ready()
        _approve(cin7["url"], shop["url"])
        _lose_an_answer(cin7["url"], shop["url"])
        _receive(cin7["url"], shop["url"])


def _connect(cin7: dict[str, Any], shop: dict[str, Any]) -> None:
    _tell("1. Connect both, and say which returns go to Cin7.")
    for name, stand_in in (("cin7", cin7), ("shop", shop)):
        Path(f"{name}-key.txt").write_text(stand_in["credentials"]["api_key"], encoding="utf-8")
    _run(
        f"connections add cin7_omni --name main {_given(cin7['settings'])} --set doubt_looks=0,1,2 "
        f"--set username={cin7['credentials']['username']} --secret api_key=@cin7-key.txt"
    )
    _run(f"platforms add returngo --name shop {_given(shop['settings'])} --secret api_key=@shop-key.txt")
    _run("methods add 'UPS label' --type ship_with_prepaid_label")
    _run("methods set 'UPS label' --connection main")
    _run("methods add 'Send it yourself' --type ship_with_any_carrier")
    _run("methods set 'Send it yourself' --connection main")


def _given(settings: dict[str, str]) -> str:
    return " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in settings.items())


def _approve(cin7: str, shop: str) -> None:
    _tell(
        "2. The shop has sold an order, and its return is approved on ReturnGO. The hub finds that when it",
        "   asks there, makes one credit note in Cin7, and tells ReturnGO. Asked again, it makes none.",
    )
    _run(f"sandbox sell two_shirts.json --url {cin7}")
    _run(f"sandbox add two_shirts.json --pending --url {shop}")
    _run(f"sandbox approve 41501000 --url {shop}")
    _run("poll shop")
    _wait(lambda: bool(_rma(shop, "41501000")["comments"]))
    _run("poll shop")
    _run(f"sandbox documents --url {cin7}")
    _run(f"sandbox rma 41501000 --url {shop}")


def _lose_an_answer(cin7: str, shop: str) -> None:
    _tell(
        "3. The line breaks just after Cin7 stored a note: its answer never comes. The hub does not",
        "   send again blindly. It looks, finds its own note and takes it.",
    )
    _run(f"sandbox sell one_kept.json --url {cin7}")
    _run(f"sandbox add one_kept.json --pending --url {shop}")
    _run(f"sandbox fault drop_after_write:times=1,on=POST --url {cin7}")
    _run(f"sandbox approve 41501001 --url {shop}")
    _run("poll shop")
    _wait(lambda: bool(_rma(shop, "41501001")["comments"]))
    _run("rmas show 41501001")
    _run(f"sandbox documents --url {cin7}")


def _receive(cin7: str, shop: str) -> None:
    _tell(
        "4. The warehouse receives the goods in Cin7. Polling brings it back onto the return's items, and",
        "   onto ReturnGO: its shipment is validated, and a comment tells what came.",
    )
    document = _ask(cin7, "documents")[0]
    _run(f"sandbox receive {document['id']} --url {cin7}")
    _run("poll main")
    _wait(lambda: _rma(shop, "41501000")["rmaSummary"]["status"] == "Validated")
    _run("poll shop")
    _run(f"sandbox rma 41501000 --url {shop}")
    _run("rmas show 41501000")
    notes = _ask(cin7, "documents")
    out()
    out(f"Two returns approved, one answer lost: {len(notes)} credit notes in Cin7, none of them twice.")


def _rma(shop: str, rma_id: str) -> dict[str, Any]:
    rma: dict[str, Any] = _ask(shop, "rma", {"rma": rma_id})
    return rma


def _ask(url: str, path: str, body: dict[str, str] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    # Straight there: a proxy that the environment names cannot reach this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url}/_sandbox/{path}", data) as answer:
        return json.load(answer)


def _wait(is_so: Callable[[], bool]) -> None:
    """Waits for what the hub does by itself; a demo in which it does not come about stops there."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("what the hub should have done by itself did not come about")
        time.sleep(0.05)


_HUB = (sys.executable, "-m", "cli")


def _tell(*lines: str) -> None:
    out()
    for line in lines:
        out(f"# {line}")


def _run(arguments: str) -> None:
    """Runs one `hub` command and lets it print; a demo whose command fails stops there.

    In this process: a new one for each would spend most of the demo on importing.
    """
    from cli.main import app

    out(f"$ hub {arguments}")
    if code := app(shlex.split(arguments), standalone_mode=False):
        raise RuntimeError(f"`hub {arguments}` ended with exit code {code}")


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A `hub` command that runs beside the others.

    Attributes:
        printed: the file that its stdout goes to.
        log: where its stderr goes.
    """

    process: subprocess.Popen[bytes]
    printed: IO[bytes]
    log: Path

    def ready(self) -> dict[str, Any]:
        """Waits for the JSON that it prints when it is ready."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self.process.poll() is None:
            self.printed.seek(0)
            with contextlib.suppress(ValueError):
                ready: dict[str, Any] = json.loads(self.printed.read())
                return ready
            time.sleep(0.02)
        told = self.log.read_text(encoding="utf-8").strip()
        raise RuntimeError(f"{self.log.stem} did not become ready: {told}")


@contextmanager
def _beside() -> Iterator[Callable[[str], _Started]]:
    """Gives what starts a `hub` command beside the others; it ends with the block."""
    started: list[_Started] = []
    with contextlib.ExitStack() as stack:

        def start(arguments: str) -> _Started:
            started.append(stack.enter_context(_started(arguments)))
            return started[-1]

        try:
            yield start
        finally:
            # All at once: each takes a moment to end well.
            for each in started:
                each.process.send_signal(signal.SIGTERM)


@contextmanager
def _started(arguments: str) -> Iterator[_Started]:
    out(f"$ hub {arguments} &")
    log = Path("-".join(arguments.partition(" --")[0].split()) + ".log")
    with (
        tempfile.TemporaryFile() as printed,
        log.open("wb") as told,
        subprocess.Popen(  # noqa: S603 - our own command
            [*_HUB, *shlex.split(arguments)], stdout=printed, stderr=told, start_new_session=True
        ) as process,
    ):
        try:
            yield _Started(process=process, printed=printed, log=log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(READY_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
