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
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.running import out

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN_S = 20.0


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
            out(f"\nEverything is still in {home}. Look around: HUB_HOME={home} hub rmas list")
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
    _tell("A stand-in of Cin7 Omni, and the hub. Each line after a $ is a command you can run yourself.")
    with _background("sandbox cin7_omni --port 0 --json") as sandbox:
        url, credentials = sandbox["url"], sandbox["credentials"]
        Path("api-key.txt").write_text(credentials["api_key"], encoding="utf-8")
        _run("init")
        with _background("serve --port 0 --json"):
            _connect(sandbox["settings"], credentials)
            _approve(url)
            _lose_an_answer(url)
            _receive(url)


def _connect(settings: dict[str, str], credentials: dict[str, str]) -> None:
    _tell("1. Connect Cin7 Omni, and say which returns go there.")
    given = " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    _run(
        f"connections add cin7_omni --name main {given} --set doubt_looks=1,2,3 "
        f"--set username={credentials['username']} --secret api_key=@api-key.txt"
    )
    _run("methods add 'UPS label' --type ship_with_prepaid_label")
    _run("methods set 'UPS label' --connection main")
    _run("methods add 'Send it yourself' --type ship_with_any_carrier")
    _run("methods set 'Send it yourself' --connection main")


def _approve(url: str) -> None:
    _tell(
        "2. The shop has sold two orders. A return of the first is approved: it makes one credit note,",
        "   and the same return again makes none.",
    )
    _run(f"sandbox sell two_shirts.json --url {url}")
    _run(f"sandbox sell one_kept.json --url {url}")
    _run("rmas submit two_shirts.json --wait 20")
    _run("rmas submit two_shirts.json")
    _run(f"sandbox documents --url {url}")


def _lose_an_answer(url: str) -> None:
    _tell(
        "3. The line breaks just after Cin7 stored a note: its answer never comes. The hub does not",
        "   send again blindly. It looks, finds its own note and takes it.",
    )
    _run(f"sandbox fault drop_after_write:times=1,on=POST --url {url}")
    _run("rmas submit one_kept.json --wait 20")
    _run("rmas show 41501001")
    _run(f"sandbox documents --url {url}")


def _receive(url: str) -> None:
    _tell("4. The warehouse receives the goods in Cin7. Polling brings it back onto the return's items.")
    document = _documents(url)[0]
    _run(f"sandbox receive {document['id']} --url {url}")
    _run("poll main")
    _run("rmas show 41501000")
    notes = _documents(url)
    out(f"\nTwo returns approved, one answer lost: {len(notes)} credit notes in Cin7, none of them twice.")


def _documents(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_sandbox/documents") as answer:  # noqa: S310 - our own sandbox
        documents: list[dict[str, Any]] = json.load(answer)
    return documents


_HUB = (sys.executable, "-m", "cli")


def _tell(*lines: str) -> None:
    out("\n" + "\n".join(f"# {line}" for line in lines))


def _run(arguments: str) -> None:
    """Runs one `hub` command and lets it print; a demo whose command fails stops there.

    In this process: a new one for each would spend most of the demo on importing.
    """
    from cli.main import app

    out(f"$ hub {arguments}")
    if code := app(shlex.split(arguments), standalone_mode=False):
        raise RuntimeError(f"`hub {arguments}` ended with exit code {code}")


@contextmanager
def _background(arguments: str) -> Iterator[dict[str, Any]]:
    """Runs a `hub` command beside the others; gives the JSON it prints when it is ready."""
    out(f"$ hub {arguments} &")
    with (
        tempfile.TemporaryFile() as printed,
        subprocess.Popen(  # noqa: S603 - our own command
            [*_HUB, *shlex.split(arguments)], stdout=printed, start_new_session=True
        ) as process,
    ):
        try:
            yield _ready(process, printed)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(READY_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready(process: subprocess.Popen[bytes], printed: Any) -> dict[str, Any]:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        printed.seek(0)
        with contextlib.suppress(ValueError):
            ready: dict[str, Any] = json.loads(printed.read())
            return ready
        time.sleep(0.05)
    raise RuntimeError(f"{shlex.join(map(str, process.args))} did not become ready")  # type: ignore[arg-type]
