"""A hub at work: returns in every state that one can be in, and one at least of everything that is set up."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.documents import SAMPLES, many_lines, rma, unit, write
from tests.support.processes import Background, Home, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.place import Place

NO_BRANCH = "999999"
CREDITED, IN_DOUBT, REFUSED, KEPT = "41501000", "41501004", "902", "41501006"
FIRST = (CREDITED, IN_DOUBT, REFUSED, KEPT)


@contextmanager
def fill(place: Place, folder: Path) -> Iterator[None]:
    """Fills a hub; the shop that its returns come from runs until the end."""
    fill_erp(place, folder)
    place.ok("stores", "add", "outlet")
    place.ok("users", "add", "ada", "--store", "outlet")
    place.ok("tokens", "add", "warehouse", "--scope", "read")
    place.ok("events", "secrets", "add", "platform")
    place.ok("webhooks", "add", "--url", f"{place.sandbox.url}/hooks", HUB_EGRESS_ALLOW="127.0.0.0/8")
    with Background(Home(folder / "shop"), "sandbox", "returngo", "--port=0", "--json") as shop:
        given = {**shop.ready["settings"], **shop.ready["credentials"]}
        key = given.pop("api_key")
        settings = [f"--set={name}={value}" for name, value in given.items()]
        place.ok(
            *("platforms", "add", "returngo", "--name=shop", "--no-check", *settings),
            "--secret=api_key=-",
            stdin=key,
        )
        yield


def fill_erp(place: Place, folder: Path) -> None:
    """A connection with two versions of a mapping, paused in the end with returns that wait for it."""
    place.connect(doubt_looks="0,600")
    for text in ("Return {rma_id}", "Return {rma_id} for {order_name}"):
        mapping = {"internalComments": {"template": text}}
        place.ok("mapping", "set", "main", "-", stdin=json.dumps(mapping, indent=2))
    place.ok("sandbox", "sell", str(SAMPLES / "one_item.json"), "--url", place.sandbox.url)
    place.ok("rmas", "submit", str(SAMPLES / "one_item.json"), "--wait", "120")
    place.sandbox.receive("RMA 41501000/ORDER:EU/1000-B")
    place.ok("poll", "main")
    place.sandbox.fault(name="drop_before_write", on="POST")
    place.ok("rmas", "submit", str(SAMPLES / "long_order_name.json"))
    wait_for(lambda: place.home.count("delivery", "status = 'in_doubt'") == 1, lambda: "none is in doubt")
    place.ok("methods", "set", "Store return", "--connection", "main", "--location", NO_BRANCH)
    for number in (901, 902):
        refused = rma(str(number), unit(number * 100, method="Store return"), order_name=f"#{number}")
        place.ok("rmas", "submit", str(write(folder, refused)), "--wait", "120")
    place.ok("rmas", "submit", str(SAMPLES / "all_kept.json"))
    place.ok("rmas", "submit", str(SAMPLES / "still_pending.json"))
    place.ok("connections", "pause", "main")
    lines = folder / "many.jsonl"
    lines.write_text("\n".join(many_lines(10, 12)), encoding="utf-8")
    place.ok("rmas", "import", str(lines))
