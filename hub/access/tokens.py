"""What opens the hub: random texts, shown once and kept as digests."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "hub_"
"""Begins every API token, so that a scanner finds one that was committed or mailed."""
_RANDOM_BYTES = 32


def new_secret() -> str:
    """256 random bits as text that may stand in an address or a cookie."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def new_token() -> str:
    """A new API token."""
    return PREFIX + new_secret()


def digest(secret: str) -> str:
    """What is stored in the place of a random text: 64 hexadecimal digits.

    One round of SHA-256 is enough, since there is nothing to guess in 256 random bits. Looking a digest up
    in an index tells nothing useful about the text, however long it takes.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def form_token(secret: str) -> str:
    """The token for the forms of whoever holds this cookie; it does not tell the cookie."""
    return hashlib.sha256(b"returns-hub form/" + secret.encode(errors="surrogatepass")).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compares without telling by its time how much is right."""
    return secrets.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))
