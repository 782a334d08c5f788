"""Secrets at rest: AES-256-GCM, with the key's id and the row they belong to bound in."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_VERSION = "v1"
_NONCE_BYTES = 12


class Sealer:
    """Seals with one key, and opens with that and older ones.

    Args:
        keys: 32 bytes each, first the one that seals.
        reread: gives the keys as they are now: another process may have put a new one first. None for keys
            that stay.
    """

    def __init__(self, *keys: bytes, reread: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._reread = reread
        self._take(keys)

    def _take(self, keys: Sequence[bytes]) -> None:
        self._aeads = {key_id(key): AESGCM(key) for key in keys}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Names of the keys, first the one that seals. A name does not tell its key."""
        return tuple(self._aeads)

    @property
    def key_id(self) -> str:
        """Name of the key that seals; stored with everything it seals."""
        return self.key_ids[0]

    def seal(self, secret: str, *, row: str) -> str:
        """Seals a secret for one row.

        Args:
            secret: any text.
            row: what it belongs to (``connection/0123…``); opening needs the same, so that a sealed text
                copied to another row does not open.

        Returns:
            ``v1.<key id>.<base64>``.

        Raises:
            ConfigError: the keys cannot be read any more.
        """
        if self._reread is not None:
            self._take(self._reread())
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aeads[self.key_id].encrypt(nonce, secret.encode(), _bound(self.key_id, row))
        return f"{_VERSION}.{self.key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, row: str) -> str:
        """Opens what :meth:`seal` gave.

        Raises:
            ConfigError: it was sealed with another key, for another row, or was altered.
        """
        version, _, rest = sealed.partition(".")
        name, _, payload = rest.partition(".")
        if name not in self._aeads and self._reread is not None:
            self._take(self._reread())
        if version != _VERSION or name not in self._aeads:
            raise ConfigError(
                "open stored credentials",
                why=f"they were sealed with key {name or '?'}, and this hub holds {', '.join(self.key_ids)}",
                fix="start the hub with the key that sealed them (HUB_SECRET_KEY or HUB_SECRET_KEY_FILE)",
            )
        try:
            raw = base64.b64decode(payload, validate=True)
            opened = self._aeads[name].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(name, row))
            return opened.decode()
        except (InvalidTag, ValueError):  # a cut text is no base64, or has no whole nonce
            raise ConfigError(
                "open stored credentials",
                why="they were altered, or belong to another row",
                fix="enter the credentials again with `hub connections edit`",
            ) from None


def key_id(key: bytes) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(b"returns-hub key id" + key).hexdigest()[:8]


def key_of(sealed: str) -> str:
    """Name of the key that sealed a text; empty when it is no sealed text."""
    version, _, rest = sealed.partition(".")
    return rest.partition(".")[0] if version == _VERSION else ""


def _bound(name: str, row: str) -> bytes:
    return f"{_VERSION}/{name}/{row}".encode()
