"""Holding back whoever tries passwords: per name and per address, counted in the database."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.errors import AccessError
from hub.store.database import in_transaction
from hub.store.people import SignInTry

if TYPE_CHECKING:
    from datetime import datetime

FREE_FOR_NAME = 5
"""Failed tries before the first wait."""
FREE_FOR_ADDRESS = 20
"""The same for an address, behind which a whole office may be."""
LONGEST_WAIT = timedelta(minutes=15)
"""So that nobody can lock a colleague out for long."""
FORGOTTEN_AFTER = timedelta(days=1)


def wait_after(failures: int, free: int) -> timedelta:
    """How long the next try must wait: nothing at first, then twice as long after each."""
    if failures < free:
        return timedelta(0)
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(failures - free, 20)))


def network_of(address: str) -> str:
    """What counts as one address: for IPv6 the network of 64 bits that one subscriber is given."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def _keys(name: str, address: str) -> dict[str, int]:
    texts = {
        f"name/{name.strip().casefold()}": FREE_FOR_NAME,
        f"from/{network_of(address)}": FREE_FOR_ADDRESS,
    }
    return {hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(): n for text, n in texts.items()}


async def count_try(name: str, address: str, now: datetime) -> None:
    """Counts a try before its password is looked at, so that many at once are no way around.

    Raises:
        AccessError: too many came before; nothing was counted.
    """
    keys = _keys(name, address)
    async with in_transaction():
        await SignInTry.filter(last_at__lt=now - FORGOTTEN_AFTER).delete()
        new = [SignInTry(key=key, count=0, last_at=now) for key in sorted(keys)]
        await SignInTry.bulk_create(new, ignore_conflicts=True)
        rows = await SignInTry.filter(key__in=list(keys)).select_for_update().order_by("key")
        until = max((row.blocked_until for row in rows if row.blocked_until), default=now)
        # A longer wait was written by a clock that has been set back since.
        if now < until <= now + LONGEST_WAIT:
            raise AccessError(
                "sign in: too many tries came to nothing",
                why="whoever tries passwords is held back",
                fix=f"wait {-(-(until - now) // timedelta(seconds=1))} s and try again",
                status=429,
                retry_after=until - now,
            )
        for row in rows:
            row.count += 1
            row.last_at = now
            wait = wait_after(row.count, keys[row.key])
            row.blocked_until = now + wait if wait else None
            await row.save(update_fields=["count", "last_at", "blocked_until"])


async def forgive(name: str, address: str) -> None:
    """Takes back what :func:`count_try` counted: the password was right."""
    keys = _keys(name, address)
    of_name, _ = keys
    async with in_transaction():
        # In the order in which a try locks them.
        for row in await SignInTry.filter(key__in=list(keys)).select_for_update().order_by("key"):
            if row.key == of_name:
                await row.delete()
                continue
            row.count, row.blocked_until = max(0, row.count - 1), None
            await row.save(update_fields=["count", "blocked_until"])
