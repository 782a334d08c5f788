"""An ERP whose answers unpack to far more than they weigh, and a proxy that the environment names."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

import pytest
from aiohttp import web

from cli import demo
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.dispatch import http
from hub.dispatch.http import client_session
from hub.outcomes import Status
from hub.store.models import Exchange
from hub.testing.serving import SandboxServer
from tests.integration.attacks.test_attack_connections import between
from tests.support.documents import rma

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.stage import Stage

PIECE = bytes(1 << 20)
WINDOWS = {"gzip": 31, "deflate": 15, "deflate, raw": -15}


def packed(megabytes: int, encoding: str = "gzip") -> bytes:
    """So many megabytes of nothing, in a thousandth of that."""
    packer = zlib.compressobj(9, zlib.DEFLATED, WINDOWS[encoding])
    return b"".join(packer.compress(PIECE) for _ in range(megabytes)) + packer.flush()


def answers(content: bytes, encoding: str) -> Callable[..., Awaitable[web.Response]]:
    """Passes each call on, and answers the first write with that content."""
    answered: list[str] = []

    async def answer(request: web.Request, forward: Callable[[], Awaitable[web.Response]]) -> web.Response:
        reply = await forward()
        if request.method == "POST" and not answered:
            answered.append("once")
            return web.Response(body=content, headers={"Content-Encoding": encoding.partition(",")[0]})
        return reply

    return answer


@pytest.mark.parametrize("encoding", [*WINDOWS, "br", "zstd"])
async def test_an_answer_that_unpacks_to_too_much_is_lost_and_its_note_is_found(
    stage: Stage, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_REPLY", 1 << 20)
    # Of the last two nothing unpacks here: they are an answer that nobody can read.
    content = packed(3, encoding) if encoding in WINDOWS else PIECE[:1000]
    async with between(stage, answers(content, encoding)):
        await stage.submit(rma("901"))
        await stage.settle()
    assert (await stage.delivery("901")).status is Status.DONE
    assert len(stage.notes) == 1
    told = "larger than the hub reads" if encoding in WINDOWS else "the answer was lost"
    assert [each for each in await Exchange.all() if told in (each.error or "")]


async def test_no_more_of_an_answer_is_unpacked_than_is_read(stage: Stage) -> None:
    content = packed((http.LARGEST_REPLY >> 20) + 8)
    async with between(stage, answers(content, "gzip")):
        await stage.submit(rma("901"))
        tracemalloc.start()
        try:
            await stage.work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(stage.notes) == 1
    assert peak < 1.4 * http.LARGEST_REPLY


async def test_a_proxy_that_the_environment_names_sees_no_call(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor does a file with passwords for hosts change what is sent."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.setenv(each, "http://127.0.0.1:9")
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    assert proxy_bypass("127.0.0.1") is False
    async with client_session() as session:
        monkeypatch.setattr(stage, "http", session)
        await stage.submit(rma("901"))
        await stage.settle()
        assert (await stage.delivery("901")).status is Status.DONE
        # The demo asks its sandboxes by itself.
        async with SandboxServer(Cin7Sandbox()) as server:
            assert await asyncio.to_thread(demo._ask, server.url, "documents") == []  # noqa: SLF001
