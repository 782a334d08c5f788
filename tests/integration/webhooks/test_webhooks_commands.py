"""The commands against a real `hub serve` and a subscriber over loopback."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from hub.inbound.signature import new_secret
from tests.support.documents import rma, write
from tests.support.migrated import put_database
from tests.support.processes import Home, HubProcess, SandboxProcess
from tests.support.receiver import Receiver, status
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

CREATED = "rma.credit_note.created"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "hub", HUB_EGRESS_ALLOW="127.0.0.0/8")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    return home


async def test_from_the_subscription_to_its_end(home: Home, tmp_path: Path) -> None:
    file = str(write(tmp_path, rma("901", order_name="#901")))
    async with Receiver() as receiver:
        with SandboxProcess(Home(tmp_path / "sandbox")) as sandbox, HubProcess(home):
            await asyncio.to_thread(home.connect, sandbox)
            add = ("webhooks", "add", "--url", receiver.url, "--name", "shop", "--event", CREATED)
            added = await asyncio.to_thread(home.ok, *add)
            tried = await asyncio.to_thread(home.ok, "webhooks", "test", "shop")
            assert (tried["status"], tried["is_taken"]) == (200, True)
            await asyncio.to_thread(home.ok, "rmas", "submit", file)
            await until(lambda: receiver.kinds() == ["hub.test", CREATED])
            for got in receiver.got:
                assert got.verified(added["secret"])
            sent = receiver.got[1].id
            await asyncio.to_thread(home.ok, "webhooks", "replay", "shop", "--id", sent)
            await until(lambda: receiver.taken[sent] == 2)
            [message] = await asyncio.to_thread(home.ok, "webhooks", "log", "shop")
            assert (message["id"], message["rma_id"]) == (sent, "901")
            assert [call["status"] for call in message["calls"]] == [200, 200]
        await asyncio.to_thread(home.ok, "webhooks", "remove", "shop")
        assert await asyncio.to_thread(home.ok, "webhooks", "list") == []


async def test_commands_that_need_no_engine(home: Home, tmp_path: Path) -> None:
    own = new_secret()
    file = tmp_path / "secret"
    file.write_text(f"{own}\n")
    async with Receiver(answer=lambda _: status(503)) as receiver:
        add = ("webhooks", "add", "--url", receiver.url)
        run = asyncio.to_thread
        added = await run(home.ok, *add, "--body", "thin", "--secret", f"@{file}")
        assert (added["name"], added["secret"], added["body"]) == ("127.0.0.1", None, "thin")
        assert (await run(home.run, *add)).code == 6
        refused = await run(home.run, "webhooks", "test", "127.0.0.1", "--json")
        assert (refused.code, refused.json["status"]) == (7, 503)
        assert receiver.got[0].verified(own)
        rotated = await run(home.ok, "webhooks", "rotate", "127.0.0.1")
        await run(home.run, "webhooks", "test", "127.0.0.1")
        for secret in (own, rotated["secret"]):
            assert receiver.got[1].verified(secret)
        shown = await run(home.run, "webhooks", "show", "127.0.0.1", "--json")
        assert [each["expires_at"] is None for each in shown.json["secrets"]] == [True, False]
        assert own not in json.dumps(shown.json)
        await run(home.ok, "webhooks", "pause", "127.0.0.1")
        doctor = await run(home.run, "doctor", "--json")
        assert any("127.0.0.1: it is paused" in each for each in doctor.json["problems"])
        assert (await run(home.ok, "webhooks", "resume", "127.0.0.1"))["waiting"] == 0
        for wrong, code in (
            (("add", "--url", receiver.url, "--name", "x", "--event", "rma.sold"), 2),
            (("add", "--url", receiver.url, "--name", "x", "--body", "fat"), 2),
            (("add", "--url", receiver.url, "--name", "x", "--secret", own), 2),
            (("add", "--url", "https://10.0.0.1/hooks"), 3),
            (("add", "--url", "http://8.8.8.8/hooks"), 3),
            (("replay", "127.0.0.1"), 2),
            (("replay", "127.0.0.1", "--since", "yesterday"), 2),
            (("show", "nobody"), 5),
        ):
            done = await run(home.run, "webhooks", *wrong)
            assert (done.code, "fix:" in done.err) == (code, True), (wrong, done.err)
            assert own not in done.err
