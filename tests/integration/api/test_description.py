"""The API is what /openapi.json says: Schemathesis asks what comes to its mind, and checks each answer.

``make fuzz`` asks far more than ``make test``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.web.api import ROUTES
from hub.web.guard import NEEDS
from hub.web.server import make_app
from tests.integration.api.test_api import needing_person
from tests.support.documents import rma

if TYPE_CHECKING:
    import pytest

    from tests.integration.api.program import Program

EXAMPLES = int(os.environ.get("FUZZ", "3"))
"""Requests that are made up for each method and path, beside those at the edges of its description."""
LONGEST_S = 300 + 10 * EXAMPLES
NOT_ASKED = "positive_data_acceptance"
"""The check that whatever fits the description is taken: no schema says which settings, notes and RMAs
there are, so that most of what is made up is refused for a reason that it cannot know."""

INTERFACE = {
    "POST /v1/events",
    "GET /v1/rmas",
    "GET /v1/rmas/{rma_id}",
    *(f"{method} /v1/connections" for method in ("GET", "POST")),
    *(f"{method} /v1/connections/{{name}}" for method in ("GET", "PATCH", "DELETE")),
    *(f"POST /v1/connections/{{name}}/{verb}" for verb in ("check", "pause", "resume", "poll")),
    *(f"{method} /v1/connections/{{name}}/mapping" for method in ("GET", "PUT")),
    *(f"POST /v1/connections/{{name}}/mapping/{verb}" for verb in ("validate", "preview")),
    "GET /v1/return-methods",
    *(f"{method} /v1/return-methods/{{name}}" for method in ("GET", "PUT", "DELETE")),
    *(f"{method} /v1/webhooks" for method in ("GET", "POST")),
    *(f"{method} /v1/webhooks/{{name}}" for method in ("GET", "DELETE")),
    *(f"POST /v1/webhooks/{{name}}/{verb}" for verb in ("pause", "resume")),
    *(f"GET /v1/platforms{of}" for of in ("", "/{name}")),
    *(f"POST /v1/platforms/{{name}}/{verb}" for verb in ("pause", "resume")),
    "GET /v1/deliveries",
    "GET /v1/deliveries/{delivery_id}",
    *(f"POST /v1/deliveries/{{delivery_id}}/{verb}" for verb in ("retry", "edit", "resolve")),
    "GET /v1/connectors",
    "GET /v1/connectors/{name}/schema",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}


async def test_what_is_described_is_what_there_is_and_all_that_was_promised(api: Program) -> None:
    document = await api.get("/openapi.json", Authorization="")
    described = {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    assert described == INTERFACE
    app = make_app(api.stage.hub, is_local=True)
    there = {
        f"{method} {path}" for method, path in app[NEEDS] if path.startswith("/v1/") and method != "HEAD"
    }
    assert there - described == {"POST /v1/hooks/returngo/{token}"}  # ReturnGO's, and nobody else's
    assert document["openapi"] == "3.1.0"
    names = [route.act.__name__ for route in ROUTES]
    assert len(set(names)) == len(names)


async def test_schemathesis_finds_no_answer_that_was_not_described(
    api: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await api.stage.submit(rma("900"))
    await api.stage.settle()
    delivery = (await needing_person(api, "901")).rpartition("/")[2]
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.delivery_id" = "{delivery}"\n', encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={config}",
        "run",
        f"{api.base}openapi.json",
        f"--header=Authorization: {api.headers['Authorization']}",
        "--phases=coverage,fuzzing",
        f"--max-examples={EXAMPLES}",
        f"--exclude-checks={NOT_ASKED}",
        "--exclude-path=/metrics",
        *(() if "FUZZ" in os.environ else ("--seed=1",)),
        "--no-color",
        "--warnings=off",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), LONGEST_S)
    finally:
        if process.returncode is None:
            process.kill()
    text = told.decode()
    if "FUZZ" in os.environ:
        with capsys.disabled():
            print(text.partition("SUMMARY")[2])  # noqa: T201 - what was asked for
    assert process.returncode == 0, text
    assert "Failures" not in text
