"""A canary in every secret, and a search for it in everything the hub writes."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from hub.inbound.signature import parse_secret, sign
from tests.support.documents import rma, sample, write
from tests.support.echo import faults, running_echo
from tests.support.processes import Home, HubProcess, SandboxProcess, wait_for
from tests.support.spellings import HOSTILE, SPELLINGS
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.processes import Finished

PASSWORD = f"canary-password{HOSTILE}Pq8"
ERP_KEY = f"canary-erp{HOSTILE}key-Zx7"
PLATFORM_KEY = f"canary-platform{HOSTILE}key-Wy3"
EVENTS = "whsec_" + base64.b64encode(b"canary-event-secret-Rt5-Rt5").decode()
WEBHOOK = "whsec_" + base64.b64encode(b"canary-webhook-\xfb\xff\xbe-Uv2-U").decode()


def spellings(secret: str) -> set[bytes]:
    """A secret as it may have slipped out: in any way that a remote writes it, and within base64."""
    raw = secret.encode()
    found = {spell(secret).encode() for spell in SPELLINGS.values()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        found.add(text[(0, 2, 3)[shift] : -1])
    if secret.startswith("whsec_"):
        found |= {parse_secret(secret), secret.removeprefix("whsec_").rstrip("=").encode()}
    return found


class Watched:
    """A hub whose every word is kept."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.words: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self._asked = 0

    def run(self, *arguments: str, stdin: str = "", is_process: bool = False) -> Finished:
        done = (self.home.spawn if is_process else self.home.run)(*arguments, stdin=stdin)
        self.words[f"{len(self.words)}: hub {' '.join(arguments)}"] = (done.out + done.err).encode()
        return done

    def ok(self, *arguments: str, stdin: str = "") -> Any:
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.code == 0, done.err
        return done.json

    def shown_once(self, *arguments: str) -> Any:
        """A command that prints a secret by design; nothing else may print it."""
        return self.home.ok(*arguments)

    def ask(
        self,
        url: str,
        method: str = "GET",
        form: dict[str, str] | None = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        parts = urlsplit(url)
        sent = dict(headers or {})
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            body = urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(parts.netloc, timeout=LONGEST_S)
        connection.request(method, parts.path, body=body, headers=sent)
        answer = connection.getresponse()
        text = answer.read()
        told = [f"{name}: {value}" for name, value in answer.getheaders() if name != "Set-Cookie"]
        for name, value in answer.getheaders():
            if name == "Set-Cookie":
                key, _, secret = value.partition(";")[0].partition("=")
                self.cookies[key] = self.secrets[f"cookie {key}"] = secret
        self.words[f"{len(self.words)}: {method} {url}"] = text + "\n".join(told).encode()
        connection.close()
        return answer.status, text.decode()

    def form(self, url: str, **fields: str) -> int:
        """Loads a page and sends its form."""
        _, page = self.ask(url)
        found = re.search(r'name="form_token" value="(\w+)"', page)
        assert found, page
        return self.ask(url, "POST", {"form_token": found[1], **fields})[0]

    def found(self) -> list[tuple[str, str]]:
        """Where a secret stands that should not."""
        files = [path for path in self.home.folder.rglob("*") if path.is_file() and path.name != "secret.key"]
        everywhere = {**self.words, **{str(path): path.read_bytes() for path in files}}
        return [
            (what, where)
            for what, secret in self.secrets.items()
            for spelling in spellings(secret)
            for where, text in everywhere.items()
            if spelling in text
        ]


def test_no_secret_is_anywhere_but_where_it_belongs(tmp_path: Path) -> None:
    watched = Watched(Home(tmp_path / "hub", HUB_EGRESS_ALLOW="127.0.0.0/8"))
    watched.secrets |= {"password": PASSWORD, "erp": ERP_KEY, "platform": PLATFORM_KEY}
    watched.secrets |= {"events": EVENTS, "webhook": WEBHOOK}
    link = watched.home.make_ready()["sign_in_link"]["path"]
    with (
        SandboxProcess(Home(tmp_path / "sandbox")) as sandbox,
        running_echo(_echoes()) as echo,
        HubProcess(watched.home) as hub,
    ):
        _plant(watched, sandbox)
        _sign_in(watched, hub.url, link)
        _send_events(watched, hub.url)
        _work(watched, hub.url, tmp_path)
        _hear_echoes(watched, hub.url, echo)
        watched.words["hub serve"] = hub.errors.encode()
    key = (watched.home.folder / "secret.key").read_text().split()
    watched.secrets |= {f"key {number}": text for number, text in enumerate(key)}
    assert len(key) == 2
    assert watched.found() == []
    # A search that finds nothing proves something only when it can find.
    watched.words["a careless log"] = (
        f"Authorization: Basic {base64.b64encode(f'shop:{ERP_KEY}'.encode()).decode()}".encode()
    )
    assert watched.found() == [("erp", "a careless log")]


def _echoes() -> Callable[[bytes], bytes]:
    """What each remote that echoes answers: another fault each time."""
    keys = {b"/rmas": PLATFORM_KEY, b"/hooks": WEBHOOK.removeprefix("whsec_"), b"/": ERP_KEY}
    answers = {path: itertools.cycle(faults(key).values()) for path, key in keys.items()}
    return lambda request: next(answers[next(path for path in answers if path in request.split()[1])])


def _hear_echoes(watched: Watched, url: str, echo: str) -> None:
    """Connections whose remotes quote their keys, asked by commands, by pages and by the engine."""
    add = ("connections", "add", "cin7_omni", "--name=echo", "--set=username=shop", f"--set=base_url={echo}")
    watched.ok(*add, "--no-check", "--secret=api_key=-", stdin=ERP_KEY)
    watched.ok("methods", "set", "UPS label", "--connection", "echo")
    platform = ("--set=shop_name=echo", f"--set=base_url={echo}", "--secret=api_key=-")
    watched.ok("platforms", "add", "returngo", "--name=q", "--no-check", *platform, stdin=PLATFORM_KEY)
    watched.ok("webhooks", "add", f"--url={echo}/hooks", "--name=loud", "--secret=-", stdin=WEBHOOK)
    body = json.dumps(rma("901"), default=str)
    watched.ok("rmas", "submit", "-", stdin=body)
    for _ in range(6):
        watched.run("connections", "check", "echo")
        watched.run("connections", "resume", "echo")
        watched.run("platforms", "check", "q")
        watched.run("webhooks", "test", "loud", "--json")
    for command in ("poll", "doctor", "diagnostics", "reconcile echo", "rmas show 901", "webhooks log loud"):
        watched.run(*command.split())
        watched.run(*command.split(), "--json")
    watched.run("--debug", "connections", "check", "echo", is_process=True)
    watched.ask(f"{url}/integrations/echo")
    watched.ask(f"{url}/sources/q")
    watched.ask(f"{url}/returns/901")
    watched.ok("backup", str(watched.home.folder / "kept.db"))


def _plant(watched: Watched, sandbox: SandboxProcess) -> None:
    address = f"--set=base_url={sandbox.settings['base_url']}"
    add = (
        "connections",
        "add",
        "cin7_omni",
        "--name=main",
        "--set=username=shop",
        address,
        "--secret=api_key=-",
    )
    assert watched.run(*add, stdin=ERP_KEY).code == 4  # the sandbox does not know it, so it is not kept
    watched.ok(*add, "--no-check", stdin=ERP_KEY)
    watched.ok("methods", "add", "UPS label", "--type", "ship_with_prepaid_label")
    watched.ok("methods", "set", "UPS label", "--connection", "main")
    watched.ok("events", "secrets", "add", "platform", "--secret=-", stdin=EVENTS)
    subscribe = ("webhooks", "add", "--url=https://127.0.0.1:9/x", "--name=shop", "--secret=-")
    watched.ok(*subscribe, stdin=WEBHOOK)
    platform = ("--set=shop_name=s", f"--set=base_url={sandbox.settings['base_url']}", "--secret=api_key=-")
    watched.run("platforms", "add", "returngo", "--name=p", *platform, stdin=PLATFORM_KEY)
    watched.ok("platforms", "add", "returngo", "--name=p", "--no-check", *platform, stdin=PLATFORM_KEY)
    watched.secrets["token"] = watched.shown_once("tokens", "add", "t", "--scope=metrics", "--all-stores")[
        "token"
    ]


def _sign_in(watched: Watched, url: str, link: str) -> None:
    watched.secrets["link"] = link.removeprefix("/welcome/")
    assert watched.ask(f"{url}{link}", "POST", {"form_token": "wrong"})[0] == 403
    assert watched.form(f"{url}{link}", name="ada", password=PASSWORD, again=PASSWORD) == 303
    assert watched.form(f"{url}/login", name="ada", password=PASSWORD + "x") == 401
    assert watched.form(f"{url}/login", name=PASSWORD, password="x") == 401
    watched.words.popitem()  # what was typed into the field for the name comes back to whoever typed it
    assert watched.ask(f"{url}/account")[0] == 200
    token = f"Bearer {watched.secrets['token']}"
    assert watched.ask(f"{url}/metrics", headers={"Authorization": token})[0] == 200
    assert watched.ask(f"{url}/metrics", headers={"Authorization": token + "x"})[0] == 401


def _send_events(watched: Watched, url: str) -> None:
    body = json.dumps(rma("900"), default=str).encode()
    for name, secret, expected in (("good", EVENTS, {202}), ("bad", WEBHOOK, {401})):
        at = int(time.time())
        headers = {
            "webhook-id": f"msg_{name}",
            "webhook-timestamp": str(at),
            "webhook-signature": sign(parse_secret(secret), f"msg_{name}", at, body),
            "Content-Type": "application/json",
        }
        assert watched.ask(f"{url}/v1/events", "POST", body=body, headers=headers)[0] in expected


def _work(watched: Watched, url: str, folder: Path) -> None:
    """The engine tries the key, commands of every kind speak about it, and the sealing key is changed."""
    wait_for(
        lambda: bool(watched.home.ok("connections", "show", "main")["is_paused"]),
        lambda: "the connection was not paused for its wrong key",
    )
    file = write(folder, sample("one_item"))
    watched.run("--debug", "connections", "check", "main", is_process=True)
    watched.run("mapping", "preview", "main", f"--rma={file}")
    for command in ("show", "list", "check"):
        for noun, name in (("connections", "main"), ("platforms", "p"), ("webhooks", "shop")):
            watched.run(noun, command, *([] if command == "list" else [name]))
            watched.run(noun, command, *([] if command == "list" else [name]), "--json")
    assert watched.ok("keys", "rotate")["is_new_key"]
    assert watched.ok("keys", "verify")["is_whole"]
    watched.run("keys", "verify")
    for arguments in (["doctor"], ["audit"], ["users", "list"], ["tokens", "list"], ["diagnostics"]):
        watched.run(*arguments)
        watched.run(*arguments, "--json")
    watched.run("poll")
    watched.run("reconcile", "main")
    # The hub that runs takes the new key up: it opens what is sealed with it, and goes on verifying events.
    _send_events(watched, url)
