"""A remote that quotes secrets back in every spelling, over real HTTP, by every kind of faulty answer."""

from __future__ import annotations

import asyncio
import html
import json
import re
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from tests.support.spellings import SPELLINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

Answer = bytes


def _reply(status: int, body: str | bytes, *headers: str, kind: str = "text/plain") -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status} Echo", f"Content-Type: {kind}", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + raw


def _in_json(text: str) -> str:
    """A text within a JSON text: what is an escape there already stays one."""
    return text if _is_json(f'"{text}"') else json.dumps(text)[1:-1]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _words(texts: Sequence[str]) -> str:
    return "no: " + " | ".join(texts)


def _json_words(texts: Sequence[str]) -> str:
    return "no: " + " | ".join(map(_in_json, texts))


def _one_line(texts: Sequence[str]) -> str:
    """What fits into a header."""
    return " ".join(re.sub("[^ -~]", "", text) for text in texts)


def faults(secret: str) -> Mapping[str, Answer]:
    """Answers by their kind, each with a secret in every spelling."""
    texts = [spell(secret) for spell in SPELLINGS.values()]
    message = f'{{"message": "{_json_words(texts)}"}}'
    row = f'"id": 1, "name": "{_json_words(texts)}", "company": "{_json_words(texts)}", "isActive": true'
    result = f'"index": 0, "id": 7, "code": "{_json_words(texts)}", "errors": ["{_json_words(texts)}"]'
    page = f"<html><title>Error</title><p>{_words(texts)}</p></html>"
    soap = f"<e><ResponseId>-1</ResponseId><Detail>{html.escape(_words(texts))}</Detail></e>"
    cut = _reply(200, _words(texts)).replace(b"Content-Length: ", b"Content-Length: 9")
    line = f"HTTP/1.1 {_one_line([secret])}\r\n\r\n".encode()
    header = f"HTTP/1.1 200 OK\r\n{_one_line(texts)}\r\n\r\n".encode()
    return {
        **{
            f"{status}, words": _reply(status, _words(texts))
            for status in (200, 400, 401, 403, 404, 429, 503)
        },
        **{f"{status}, JSON": _reply(status, message, kind="application/json") for status in (200, 400, 500)},
        "500, a page": _reply(500, page, kind="text/html"),
        "a list": _reply(200, f"[{{{row}}}]", kind="application/json"),
        "a refusal": _reply(200, f'[{{"success": false, {result}}}]', kind="application/json"),
        "another's name": _reply(200, f'[{{"success": true, {result}}}]', kind="application/json"),
        "a fault in XML": _reply(200, soap, kind="text/xml"),
        "UTF-16": _reply(400, message.encode("utf-16"), kind="application/json"),
        "a redirect": _reply(302, "", f"Location: /?{_one_line(texts)}"),
        "headers": _reply(503, "", f"Retry-After: {_one_line(texts)}", f"X-Echo: {_one_line(texts)}"),
        "a broken line": line,
        "a broken header": header,
        "cut off": cut,
    }


class Echo:
    """Answers every request with the same, or as ``answer`` finds for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Answer | Callable[[bytes], Answer] = _reply(200, "")

    def give(self, request: bytes) -> Answer:
        return self.answer if isinstance(self.answer, bytes) else self.answer(request)


@asynccontextmanager
async def open_echo() -> AsyncIterator[Echo]:
    """An echo that listens on loopback for the block."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if length := re.search(rb"(?i)content-length: (\d+)", request):
            request += await reader.readexactly(int(length[1]))
        writer.write(echo.give(request))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    echo = Echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield echo


@contextmanager
def running_echo(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """An echo in a thread of its own, beside a test that waits for processes; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = open_echo()
    echo = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    echo.answer = answer
    try:
        yield echo.url
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
