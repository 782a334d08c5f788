"""Passwords: argon2id with the parameters of RFC 9106's second recommendation (64 MiB, 3 passes)."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import UsageError

SHORTEST = 12
LONGEST = 256

_HASHER = PasswordHasher()
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$U8TDTYUTfYbP1e9M8fURNQ$wIh20hWS9nqBQoSrybO5RCPIt9Ar1BTGWekP/LEXGSA"
"""The hash of a random text that was thrown away, of the cost of a real one: to refuse a name that is not
there takes as long as to refuse a wrong password."""


def check_choice(password: str, user_name: str) -> None:
    """Says whether a password may be chosen. Length is what counts (NIST SP 800-63B, 3.1.1.2).

    Raises:
        UsageError: it is too short, too long, or the user's own name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            "choose a password",
            why=f"it has {len(password)} characters, and {SHORTEST} to {LONGEST} are asked for",
            fix="take a longer one: four words that do not belong together are easy to keep",
        )
    if user_name.casefold() in password.casefold() and len(password) < len(user_name) + SHORTEST:
        raise UsageError(
            "choose a password", why="it is little more than your name", fix="take one that is not"
        )


class Passwords:
    """Hashes and checks, one at a time: each takes 64 MiB and all of a processor for a moment.

    Args:
        hasher: makes the hashes. What one costs to check stands in itself.
    """

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        self._turn = asyncio.Semaphore(1)
        self._hasher = hasher

    async def hashed(self, password: str) -> str:
        """The hash to store, with a salt of its own."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def fits(self, password: str, stored: str | None) -> bool:
        """Tells whether it is the password; None, for nobody, takes as long and is never right."""
        async with self._turn:
            is_right = await asyncio.to_thread(_verify, password[: LONGEST + 1], stored or _NOBODYS)
        return is_right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tells whether a hash was made with other parameters than would be used now."""
        return self._hasher.check_needs_rehash(stored)


def _verify(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    # Two keyboards may write one accented letter in two ways.
    return unicodedata.normalize("NFKC", password)
