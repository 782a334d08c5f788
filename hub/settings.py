"""Settings that every connection has, whatever its ERP, and the checks that most connectors need.

The hub itself acts on :class:`ConnectionSettings`; a connector extends it with settings of its own.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from hub.egress import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
"""Characters that copying from a web page brings along and ``str.strip`` leaves in place."""


def trim(text: str) -> str:
    """Removes blanks and invisible characters around a pasted value."""
    trimmed = text.strip()
    while trimmed != trimmed.strip(_INVISIBLE).strip():
        trimmed = trimmed.strip(_INVISIBLE).strip()
    return trimmed


def read_list(value: object) -> object:
    """Takes ``5,60,300`` as well as a list."""
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return value


def local_addresses(settings: Mapping[str, object]) -> set[str]:
    """The addresses among settings that name the hub's own machine, as a sandbox's does."""
    found = {each for each in settings.values() if isinstance(each, str)}
    return {each for each in found if is_address(each) and is_loopback(urlsplit(each).hostname or "")}


def is_address(text: str) -> bool:
    """Tells whether a setting's text is an address that calls may go to."""
    return text.startswith(("http://", "https://"))


def is_ambiguous(address: str) -> bool:
    """Tells whether an address holds what two of its readers may take differently, or what must not be there.

    That is a user name, a password, a fragment, also empty ones; a blank, a backslash, a control character.
    """
    authority = re.split("[/?#]", address.partition("//")[2])[0]
    return "@" in authority or any(each in address for each in "# \\") or not address.isprintable()


def _check_address(value: str) -> str:
    url = trim(value).rstrip("/")
    parts = urlsplit(url)  # raises ValueError for a broken address, which pydantic reports
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "must be an address like https://erp.example.com/api"
        raise ValueError(msg)
    # Behind a `?`, also one at the end, every path that a connector adds would be lost.
    if is_ambiguous(url) or "?" in url:
        msg = "must hold no user name, password, query, fragment or blank"
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        msg = "must start with https://, because the credentials travel with every call"
        raise ValueError(msg)
    # The host alone: two spellings of one account must not pass for two.
    return f"{parts.scheme}://{parts.netloc.lower()}{url.partition('//')[2][len(parts.netloc) :]}"


RemoteUrl = Annotated[str, AfterValidator(_check_address)]
"""Where a remote system is: https, or http on this machine, as a sandbox is. Ends without a slash."""


class Mode(StrEnum):
    """Whether the connection writes."""

    LIVE = "live"
    SHADOW = "shadow"


class ConnectionSettings(BaseModel):
    """What the hub itself acts on. Each setting has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    mode: Mode = Mode.LIVE
    """live writes to the ERP; shadow prepares and shows what would be written, and writes nothing."""
    poll_interval_s: int = Field(default=300, ge=1, le=86_400)
    """Seconds from one look for received goods to the next."""
    doubt_looks: Annotated[
        tuple[Annotated[int, Field(ge=0, le=86_400)], ...],
        BeforeValidator(read_list),
        Field(min_length=1, max_length=10),
    ] = (5, 60, 300)
    """Seconds after a lost answer at which the ERP is searched; only after the last is it sent again."""

    @field_validator("doubt_looks")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            msg = "must rise from one look to the next, like 5,60,300"
            raise ValueError(msg)
        return value
