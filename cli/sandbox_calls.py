"""Control calls to a running sandbox."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

Url = Annotated[str, typer.Option("--url", help="Where the sandbox runs.")]


def call(method: str, url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Makes one control call to a running sandbox.

    Raises:
        RetriableError: none answers there. NotFoundError, UsageError: what the sandbox says.
    """
    return asyncio.run(_ask(method, f"{url.rstrip('/')}/_sandbox/{path}", body))


async def _ask(method: str, url: str, body: dict[str, Any] | None) -> Any:
    import aiohttp

    from hub.errors import NotFoundError, RetriableError, UsageError

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.request(method, url, json=body) as response,
        ):
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise RetriableError(
            f"call the sandbox at {url}",
            why=str(error) or type(error).__name__,
            fix="start it: `hub sandbox CONNECTOR`",
        ) from error
    if response.status == 404:  # noqa: PLR2004
        raise NotFoundError(answer.get("error", "not found"), fix=answer.get("fix", ""))
    if response.status >= 400:  # noqa: PLR2004
        raise UsageError(answer.get("error", "refused"), fix=answer.get("fix", ""))
    return answer
