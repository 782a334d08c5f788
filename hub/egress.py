"""Where the hub may connect to: an address that a user sets must not lead inside.

The check is made on the numeric address that a socket is about to connect to, each time one is opened. So
neither a name that resolves otherwise a moment later, nor an odd spelling of an address (``0x7f.1``), nor
one inside another (``::ffff:10.0.0.1``) gets past it: by then they are all plain addresses.

Own code and not a library: those found wrap requests or httpx, and aiohttp has the one place that is needed.
``ipaddress`` knows the ranges, from the registries of special-purpose addresses of IANA.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohappyeyeballs import AddrInfoType

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Where a network that speaks IPv6 only keeps the IPv4 addresses (RFC 6052)."""


ALLOW = (
    "whoever runs the hub may allow the network with HUB_EGRESS_ALLOW=10.1.0.0/16, say, in the environment of"
    " `hub serve` and of the command"
)
"""What to do about an address that leads inside."""


class BlockedAddressError(OSError):
    """The address leads inside. An OSError, so that aiohttp tells it as a connection that was not made."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet.

    Not public are private, loopback, link-local (with the clouds' metadata service), shared (carrier-grade
    NAT), multicast, unspecified and reserved ones. One that carries an IPv4 address is as public as that.
    """
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    is_local = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    is_site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not is_local and not is_site_local


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the hub may connect there: it is public, or inside a network that somebody allowed."""
    inner = _inner(address) or address
    return is_public(address) or any(inner in network for network in allowed)


def guarded_sockets(allowed: Sequence[Network]) -> Callable[[AddrInfoType], socket.socket]:
    """The ``socket_factory`` of an aiohttp connector that connects to allowed addresses only.

    Args:
        allowed: networks that are not public and allowed all the same.
    """

    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        if not is_allowed(address, allowed):
            raise BlockedAddressError(
                errno.EACCES, f"{address} is not a public address, and HUB_EGRESS_ALLOW does not hold it"
            )
        return socket.socket(family, kind, protocol)

    return open_socket
