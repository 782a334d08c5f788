"""`hub serve`, and commands beside it on one file."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.engine import embedded
from hub.engine.embedded import running_engine
from hub.outcomes import Status
from hub.store.models import Delivery
from tests.support.documents import rma, sample, write
from tests.support.processes import Home, HubProcess, SandboxProcess, wait_for
from tests.support.stage import open_stage
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.environment import Environment


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, HubProcess, SandboxProcess]]:
    """One running hub and its sandbox for all tests here; each test uses RMAs of its own."""
    folder = tmp_path_factory.mktemp("serving")
    home = Home(folder / "hub")
    with SandboxProcess(Home(folder / "sandbox")) as sandbox:
        home.make_ready()
        with HubProcess(home) as hub:
            home.connect(sandbox, poll_interval_s="1")
            yield home, hub, sandbox


Place = tuple[Home, HubProcess, SandboxProcess]


def answer(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=LONGEST_S) as reply:  # noqa: S310 - our own hub
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, None


def is_listening(hub: HubProcess) -> bool:
    try:
        answer(f"{hub.url}/healthz")
    except OSError:
        return False
    return True


def settled(home: Home, rma_id: str) -> dict[str, Any]:
    """The RMA's delivery, once it waits for nothing any more."""
    found: dict[str, Any] = {}

    def is_settled() -> bool:
        found.update(home.shown(rma_id)["deliveries"][0])
        return found["status"] not in {"pending", "sending", "in_doubt"}

    wait_for(is_settled, lambda: f"it still is {found}")
    return found


def test_hub_that_is_ready_says_so(place: Place) -> None:
    home, hub, _ = place
    assert answer(f"{hub.url}/healthz")[0] == 200
    assert answer(f"{hub.url}/readyz") == (200, {"status": "ready"})
    assert hub.ready["database"] == str(home.folder / "hub.db")


def test_submitted_rma_is_credited_once(place: Place, tmp_path: Path) -> None:
    home, _, sandbox = place
    file = write(tmp_path, sample("one_item"))
    submitted = home.ok("rmas", "submit", str(file), "--wait", "120")
    assert submitted["delivery"]["status"] == "done"
    assert home.ok("rmas", "submit", str(file))["duplicate"]
    notes = [note for note in sandbox.documents() if "41501000" in note["reference"]]
    assert [note["id"] for note in notes] == [submitted["delivery"]["document"]["id"]]


async def test_engine_notices_what_a_command_writes_before_it_looks_by_itself(
    ready: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(embedded, "LOOK_S", 1000.0)
    assert ready.secret_key is not None
    home = Home(ready.home, HUB_SECRET_KEY=ready.secret_key.get_secret_value())
    async with open_stage(ready) as stage, running_engine(stage.hub):
        stage.time.set_forward(timedelta(hours=1))  # what a command writes by its own clock is due here
        for rma_id in ("901", "902"):
            # The first look at the rows may see what came first.
            file = write(tmp_path, rma(rma_id, order_name=f"#{rma_id}"))
            await asyncio.to_thread(home.ok, "rmas", "submit", str(file))
            await until(Delivery.filter(rma__rma_id=rma_id, status=Status.DONE).exists)


def test_serve_polls_by_itself_and_validates(place: Place, tmp_path: Path) -> None:
    home, _, sandbox = place
    file = write(tmp_path, rma("700", order_name="#700"))
    document = home.ok("rmas", "submit", str(file), "--wait", "120")["delivery"]["document"]
    sandbox.receive(document["id"])
    wait_for(lambda: home.shown("700")["validation"] == "full", lambda: str(home.shown("700")))


def test_commands_work_beside_the_running_hub(place: Place, tmp_path: Path) -> None:
    home, _, _ = place
    home.ok("stores", "add", "outlet")
    home.ok("methods", "add", "Locker", "--type", "return_to_drop_off_location")
    home.ok("methods", "set", "Locker", "--connection", "main", "--location", "3")
    home.ok("connections", "pause", "main")
    file = write(tmp_path, rma("701", order_name="#701"))
    assert home.ok("rmas", "submit", str(file))["is_engine_running"] is True
    time.sleep(1.5)
    assert home.shown("701")["deliveries"][0]["status"] == "pending"
    assert home.ok("connections", "resume", "main")["waiting"] == 1
    assert settled(home, "701")["status"] == "done"
    assert home.ok("poll", "main")[0]["error"] is None


def test_wrong_key_pauses_the_connection_and_a_person_puts_it_right(place: Place, tmp_path: Path) -> None:
    home, _, sandbox = place
    home.ok("connections", "edit", "main", "--secret=api_key=-", stdin="a wrong key")
    home.ok("rmas", "submit", str(write(tmp_path, rma("702", order_name="#702"))))

    def is_paused() -> bool:
        return home.ok("connections", "show", "main")["is_paused"] is True

    wait_for(is_paused, lambda: "it is not paused")
    assert home.run("connections", "check", "main").code == 4
    home.ok("connections", "edit", "main", "--secret=api_key=-", stdin=sandbox.credentials["api_key"])
    home.ok("connections", "resume", "main")
    assert settled(home, "702")["status"] == "done"


def test_connection_with_a_wrong_key_is_not_kept_and_its_name_stays_free(
    home: Home, sandbox: SandboxProcess
) -> None:
    adding = ["connections", "add", "cin7_omni", "--name=main", "--secret=api_key=-"]
    adding += [f"--set=base_url={sandbox.settings['base_url']}"]
    adding += [f"--set=username={sandbox.credentials['username']}"]
    refused = home.run(*adding, stdin="a wrong key")
    assert refused.code == 4
    assert "a wrong key" not in refused.err
    assert home.ok("connections", "list") == []

    added = home.ok(*adding, stdin=sandbox.credentials["api_key"])
    assert added["check"]["missing"] == []
    assert added["check"]["locations"]
    assert sandbox.credentials["api_key"] not in str(added)


def test_second_hub_on_the_file_is_refused(place: Place) -> None:
    home, hub, _ = place
    second = home.run("serve", "--port=0")
    assert second.code == 6
    assert "another one runs on this database" in second.err
    assert answer(f"{hub.url}/healthz")[0] == 200


def test_port_in_use_is_refused(place: Place, tmp_path: Path) -> None:
    _, hub, _ = place
    other = Home(tmp_path)
    other.make_ready()
    refused = other.run("serve", f"--port={hub.url.rpartition(':')[2]}")
    assert refused.code == 6
    assert "--port" in refused.err


def test_sigterm_finishes_what_is_under_way(home: Home, sandbox: SandboxProcess, tmp_path: Path) -> None:
    with HubProcess(home) as hub:
        home.connect(sandbox)
        sandbox.fault(name="slow", seconds=1000, on="POST")
        home.ok("rmas", "submit", str(write(tmp_path, sample("one_item"))))
        wait_for(lambda: bool(sandbox.documents()), lambda: "nothing was sent")
        hub.terminate()
        wait_for(lambda: not is_listening(hub), lambda: "it still takes calls")
        sandbox.clear_faults()
        assert hub.ended() == 0
        assert "Traceback" not in hub.errors
    (delivery,) = home.shown("41501000")["deliveries"]
    assert (delivery["status"], delivery["verdict"]) == ("done", "created")


def test_resubmitting_after_a_restart_makes_no_second_note(
    home: Home, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    sandbox.fault(name="allow_duplicate_references", times=None)
    file = str(write(tmp_path, sample("one_item")))
    with HubProcess(home) as hub:
        home.connect(sandbox)
        home.ok("rmas", "submit", file, "--wait", "120")
        hub.kill()
        hub.start()
        assert home.ok("rmas", "submit", file, "--wait", "120")["duplicate"]
        time.sleep(1)
    assert len(sandbox.documents()) == 1


def test_without_a_key_the_hub_refuses_to_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refused = home.run("serve", "--port=0")
    assert refused.code == 3
    assert "no secret key" in refused.err
    assert "hub init" in refused.err
    assert not (tmp_path / "hub.db").exists()


def test_with_another_key_nothing_is_sent_and_the_connection_says_why(
    home: Home, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    home.connect(sandbox)
    home.ok("rmas", "submit", str(write(tmp_path, sample("one_item"))))
    key = home.folder / "secret.key"
    key.unlink()
    refused = home.run("init")
    assert (refused.code, key.exists()) == (3, False)
    assert "copy secret.key" in refused.err
    key.write_text(base64.b64encode(bytes(32)).decode())
    home.ok("init")
    assert "sealed with key" in home.run("doctor").err
    with HubProcess(home):

        def last_error() -> str:
            return str(home.ok("connections", "list")[0]["last_error"])

        wait_for(lambda: "sealed with key" in last_error(), last_error)
    assert sandbox.documents() == []
