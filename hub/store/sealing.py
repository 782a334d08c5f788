"""Secrets at rest: AES-256-GCM, with the key's id and the row they belong to bound in."""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import ConfigError

_VERSION = "v1"
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens secrets with one key.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.key_id = hashlib.sha256(b"returns-hub key id" + key).hexdigest()[:8]
        """Names the key without telling it; stored with everything it seals."""

    def seal(self, secret: str, *, row: str) -> str:
        """Seals a secret for one row.

        Args:
            secret: any text.
            row: what it belongs to (``connection/0123…``); opening needs the same, so that a sealed text
                copied to another row does not open.

        Returns:
            ``v1.<key id>.<base64>``.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, secret.encode(), self._bound(row))
        return f"{_VERSION}.{self.key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, row: str) -> str:
        """Opens what :meth:`seal` gave.

        Raises:
            ConfigError: it was sealed with another key, for another row, or was altered.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, payload = rest.partition(".")
        if version != _VERSION or key_id != self.key_id:
            raise ConfigError(
                "open stored credentials",
                why=f"they were sealed with key {key_id or '?'}, and this hub holds key {self.key_id}",
                fix="start the hub with the key that sealed them (HUB_SECRET_KEY or HUB_SECRET_KEY_FILE)",
            )
        try:
            raw = base64.b64decode(payload, validate=True)
            return self._aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._bound(row)).decode()
        except (InvalidTag, ValueError):  # a cut text is no base64, or has no whole nonce
            raise ConfigError(
                "open stored credentials",
                why="they were altered, or belong to another row",
                fix="enter the credentials again with `hub connections edit`",
            ) from None

    def _bound(self, row: str) -> bytes:
        return f"{_VERSION}/{self.key_id}/{row}".encode()
