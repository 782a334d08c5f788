"""Times and sentences as pages show them. Pure; ``hub.js`` has the same words for times."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from datetime import UTC
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markupsafe import Markup, escape

from hub.telling import UpdateKind
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

_JUST_NOW_S = 10
_STEPS = ((120, 1, "seconds"), (7_200, 60, "minutes"), (172_800, 3_600, "hours"), (2_592_000, 86_400, "days"))
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LONGEST_ADDRESS = 110
_CODE = re.compile(r"`([^`]+)`")
_QUOTED = "&#39;(?:(?!&#39;)[^<])*&#39;"
_NAME = rf"(?P<name>[\w.@:/=%+,-]+|{_QUOTED}(?:&#34;&#39;&#34;{_QUOTED})*)"
"""A name in a command that was escaped: plain, or as :func:`shlex.quote` has it."""


def ago(at: datetime, now: datetime) -> str:
    """A time seen from now: ``3 minutes ago``, ``in 2 hours``; the date when it is a month away."""
    seconds = round((now - at).total_seconds())
    size = abs(seconds)
    if size < _JUST_NOW_S:
        return "just now"
    for limit, unit, name in _STEPS:
        if size < limit:
            count = f"{size // unit} {name}"
            return f"{count} ago" if seconds > 0 else f"in {count}"
    return at.astimezone(UTC).date().isoformat()


def exact(at: datetime) -> str:
    """A time to the second, with its zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: datetime) -> str:
    """A time for a ``datetime`` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sentence(text: str) -> Markup:
    """A clause of ours as a sentence; what stands between backquotes is shown as code."""
    text = text.strip()
    if not text:
        return Markup()
    end = "" if text.endswith((".", "!", "?", "…")) else "."
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text[:1].upper() + text[1:] + end))))  # noqa: S704


def advice(text: str, link: Callable[[str], str]) -> Markup:
    """What to do, as a sentence: a command that a page can carry out is told as that page's own button."""
    shown = str(sentence(text))
    for commands, button in _AS_BUTTONS:
        shown = commands.sub(lambda match, button=button: button.told(match, link), shown)  # type: ignore[misc]
    return Markup(shown)  # noqa: S704 - escaped above


@dataclass(frozen=True, slots=True)
class _Button:
    """What stands in the place of a command; ``{name}`` is what the command names, a connection say."""

    verb: str
    text: str
    path: str = ""

    def told(self, match: re.Match[str], link: Callable[[str], str]) -> str:
        verb = self.verb.capitalize() if match[0].startswith("Run") else self.verb
        # As a shell would take it, and as the sentence was before it was escaped.
        (name,) = shlex.split(unescape(match.groupdict().get("name", ""))) or [""]
        text = self.text.format(name=escape(name))
        if not self.path:
            return f"{verb} {text}"
        return f'{verb} <a href="{escape(link(self.path.format(name=segment(name))))}">{text}</a>'


def _commands(pattern: str) -> re.Pattern[str]:
    one = rf"<code>hub {pattern}[^<]*</code>"
    return re.compile(rf"(?:[Rr]un )?{one}(?: and {one.replace('(?P<name>', '(?:')})*")


_AS_BUTTONS = (
    (_commands("deliveries retry"), _Button("press", "“Try again”")),
    (_commands("deliveries edit"), _Button("press", "“Edit and try again”")),
    (_commands("deliveries resolve"), _Button("choose", "“I have dealt with this myself”")),
    (_commands("deliveries (?:list|show)"), _Button("open", "Returns", "/returns")),
    (_commands("rmas (?:list|show)"), _Button("open", "Returns", "/returns")),
    (_commands("methods"), _Button("open", "Settings, Return methods", "/settings/methods")),
    (_commands("events secrets"), _Button("open", "Settings, Events and webhooks", "/settings/events")),
    (
        _commands(rf"webhooks resume {_NAME}"),
        _Button("press", "“Resume” at {name}", "/settings/webhooks/{name}"),
    ),
    (
        _commands(rf"webhooks replay {_NAME}"),
        _Button("press", "“Send what was given up again” at {name}", "/settings/webhooks/{name}"),
    ),
    (
        _commands(rf"connections resume {_NAME}"),
        _Button("press", "“Resume” at {name}", "/integrations/{name}"),
    ),
    (
        _commands(rf"platforms resume {_NAME}"),
        _Button("press", "“Resume” at {name}", "/sources/{name}"),
    ),
    (
        _commands(rf"platforms \w+ {_NAME}"),
        _Button("open", "Integrations, {name}", "/sources/{name}"),
    ),
    (_commands(r"platforms \w+"), _Button("open", "Integrations", "/integrations")),
    (
        _commands(rf"poll {_NAME}"),
        _Button("press", "“Ask for received goods now” at {name}", "/integrations/{name}"),
    ),
    (
        _commands(rf"(?:connections|mapping) \w+ {_NAME}"),
        _Button("open", "Integrations, {name}", "/integrations/{name}"),
    ),
)


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 return``, ``3 returns``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def span(per: timedelta) -> str:
    """How long a window of a quota is: ``a second``, ``in 60 seconds``, ``a day``."""
    seconds: float = per.total_seconds()
    known = {1.0: "a second", 60: "a minute", 3_600: "an hour", 86_400: "a day"}
    return known.get(seconds, f"in {seconds:g} seconds")


def pretty(text: str) -> str:
    """JSON in lines, its texts and numbers exactly as they stand; anything else as it is."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    out, depth = [], 0
    tokens = _TOKEN.findall(text)
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token in {"}", "]"}:
            depth -= 1
        if before in {"{", "["} and token in {"}", "]"}:
            pass  # an empty one stays on its line
        elif before in {"{", "[", ","} or (token in {"}", "]"}):
            out.append("\n" + "  " * depth)
        elif before == ":":
            out.append(" ")
        out.append(token)
        if token in {"{", "["}:
            depth += 1
    return "".join(out)


def address(url: str) -> str:
    """The part of an address that tells one call from another: without the host."""
    parts = urlsplit(url)
    text = unquote(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return text if len(text) <= _LONGEST_ADDRESS else f"{text[:_LONGEST_ADDRESS]}…"


def update_kind(kind: str) -> str:
    """What an update tells, in words; a kind that is not known stays as it is."""
    words: dict[str, str] = {
        UpdateKind.CREDIT_NOTE_CREATED: "The credit note exists",
        UpdateKind.CREDIT_NOTE_FAILED: "The credit note needs a person",
        UpdateKind.ITEM_VALIDATED: "Items have come back",
        UpdateKind.VALIDATION_COMPLETED: "Everything has come back",
        UpdateKind.VALIDATION_FLAGGED: "The goods need a person",
        UpdateKind.VALIDATION_CLEARED: "The goods need nobody any more",
    }
    return words.get(kind, kind)
