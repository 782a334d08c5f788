"""Where the hub may connect to: an address that a user sets must not lead inside.

The check is made on the numeric address that a socket is about to connect to, each time one is opened. So
neither a name that resolves otherwise a moment later, nor an odd spelling of an address (``0x7f.1``), nor
one inside another (``::ffff:10.0.0.1``) gets past it: by then they are all plain addresses.

Own code and not a library: those found wrap requests or httpx, and aiohttp has the one place that is needed.
The ranges are a table of our own: what ``ipaddress`` takes for global changes with the version of Python.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aiohappyeyeballs import AddrInfoType

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SPECIAL = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared: carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the clouds' metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; a cloud has its metadata service at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments, Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
"""Every block of IANA's registries of special-purpose addresses, as they stood on 2025-10-09, also those that
are reachable from everywhere, since no ERP stands there; and multicast.

https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""
_UNICAST = ipaddress.ip_network("2000::/3")
"""The only IPv6 addresses that IANA gives out (https://www.iana.org/assignments/ipv6-address-space): whatever
lies outside is not public, so the blocks of the registry that do are not repeated above."""
LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Where a network that speaks IPv6 only keeps the IPv4 addresses (RFC 6052)."""
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
"""How a socket for both versions writes IPv4 addresses (RFC 4291, 2.5.5.2)."""
_6TO4 = ipaddress.ip_network("2002::/16")
"""Networks behind an IPv4 address, which stands in the 32 bits after these (RFC 3056)."""

ALLOW = (
    "whoever runs the hub may allow the network with HUB_EGRESS_ALLOW=10.1.0.0/16, say, in the environment of"
    " `hub serve` and of the command"
)
"""What to do about an address that leads inside."""


class BlockedAddressError(OSError):
    """The address leads inside. An OSError, so that aiohttp tells it as a connection that was not made."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet; one that carries an IPv4 address, if that one does."""
    address = _inner(address)
    if any(address in network for network in _SPECIAL):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _UNICAST


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries; any other as it is."""
    if address in _NAT64 or address in _MAPPED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _6TO4:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def is_loopback(host: str) -> bool:
    """Whether a host, as an address names it, is this machine. No name is looked up: it may change."""
    if host == "localhost":
        return True
    try:
        address = _inner(ipaddress.ip_address(host))
    except ValueError:
        return False
    return any(address in network for network in LOOPBACK)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the hub may connect there: it is public, or inside a network that somebody allowed."""
    return is_public(address) or any(_inner(address) in network for network in allowed)


_is_loopback_closed: ContextVar[bool] = ContextVar("is_loopback_closed", default=False)


@contextmanager
def loopback(*, is_open: bool) -> Iterator[None]:
    """Within the block, and in tasks started there, closes this machine to sockets that may lead there else.

    It is open to a connection that an administrator gave an address on this machine, such as a sandbox's.
    Otherwise whoever may set an address would read what services answer that listen here for nobody else.
    """
    token = _is_loopback_closed.set(not is_open)
    try:
        yield
    finally:
        _is_loopback_closed.reset(token)


def guarded_sockets(
    allowed: Sequence[Network], *, is_loopback_allowed: bool = False
) -> Callable[[AddrInfoType], socket.socket]:
    """The ``socket_factory`` of an aiohttp connector that connects to allowed addresses only.

    Args:
        allowed: networks that are not public and allowed all the same.
        is_loopback_allowed: True allows this machine too, except where :func:`loopback` closes it.
    """

    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        is_open = is_loopback_allowed and not _is_loopback_closed.get()
        if not is_allowed(address, (*allowed, *LOOPBACK) if is_open else allowed):
            raise BlockedAddressError(
                errno.EACCES, f"{address} is not a public address, and HUB_EGRESS_ALLOW does not hold it"
            )
        return socket.socket(family, kind, protocol)

    return open_socket
