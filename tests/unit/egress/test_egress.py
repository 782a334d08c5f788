from __future__ import annotations

import ast
import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from hub import egress
from hub.dispatch.http import client_session
from hub.egress import LOOPBACK, guarded_sockets, is_allowed, is_loopback, is_public, loopback
from hub.errors import ConfigError
from hub.webhooks.subscription import checked_url
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.egress import Address, Network

HERE = (ipaddress.ip_network("127.0.0.0/8"),)

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
INSIDE = {
    "this network": ["0.0.0.0", "0.1.2.3"],  # noqa: S104 - where nothing listens
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "loopback": ["127.0.0.1", "127.1.2.3"],
    "link-local, metadata": ["169.254.0.1", "169.254.169.254"],
    "shared": ["100.64.0.1", "100.127.255.254"],
    "special": [
        "192.0.0.1",
        "192.0.0.192",
        "192.88.99.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "240.0.0.1",
    ],
    "multicast, broadcast": ["224.0.0.1", "239.255.255.255", "255.255.255.255"],
    "loopback and unspecified 6": ["::1", "::"],
    "unique local": ["fc00::1", "fd00:ec2::254"],
    "link-local 6": ["fe80::1", "fec0::1"],
    "multicast 6": ["ff02::1"],
    "documentation 6": ["2001:db8::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"],
    "compatible": ["::127.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
}


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_called(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("kind", INSIDE)
def test_addresses_inside_may_not(kind: str) -> None:
    addresses = [ipaddress.ip_address(text) for text in INSIDE[kind]]
    assert [str(each) for each in addresses if is_allowed(each, ())] == []


REGISTRY = {
    # https://www.iana.org/assignments/iana-ipv4-special-registry, last updated 2025-10-09
    4: """0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
        192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24
        192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24
        198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32""",
    # https://www.iana.org/assignments/iana-ipv6-special-registry, last updated 2025-10-09, but for the three
    # blocks that carry an IPv4 address: ::ffff:0:0/96, 64:ff9b::/96 and 2002::/16
    6: """::1/128 ::/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
        2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28
        2001:30::/28 2001:db8::/32 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10""",
}
"""The blocks of IANA's registries of special-purpose addresses, also those that are globally reachable."""
MULTICAST = ["224.0.0.0/4", "ff00::/8"]
BLOCKS = [ipaddress.ip_network(each) for each in [*REGISTRY[4].split(), *REGISTRY[6].split(), *MULTICAST]]


def edges(block: Network) -> list[Address]:
    return [block[0], block[block.num_addresses // 2], block[-1]]


def carriers(address: ipaddress.IPv4Address) -> list[ipaddress.IPv6Address]:
    """IPv6 addresses that carry an IPv4 one: mapped, NAT64, 6to4."""
    number = int(address)
    return [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_no_special_purpose_address_is_public(block: Network) -> None:
    addresses = edges(block)
    for each in edges(block):
        if isinstance(each, ipaddress.IPv4Address):
            addresses += carriers(each)
    assert [str(each) for each in addresses if is_public(each)] == []


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_lies_beside_a_special_purpose_block_is_not_taken_for_it(
    block: Network,
) -> None:
    kind, most = type(block[0]), 2**block.max_prefixlen - 1
    beside = [kind(each) for each in (int(block[0]) - 1, int(block[-1]) + 1) if 0 <= each <= most]
    special = [*BLOCKS, ipaddress.ip_network("2002::/16")]
    given_out = ipaddress.ip_network("2000::/3")
    public = [
        each
        for each in beside
        if not any(each in other for other in special) and (each.version == 4 or each in given_out)
    ]
    assert [str(each) for each in public if not is_public(each)] == []
    for each in public:
        if isinstance(each, ipaddress.IPv4Address):
            assert all(is_public(carrier) for carrier in carriers(each))


def test_what_is_public_does_not_hang_on_the_version_of_python() -> None:
    # Python 3.11 has 192.0.0.192 and 192.88.99.1 as global, later ones do not.
    read = ast.parse(Path(egress.__file__).read_text(encoding="utf-8"))
    asked = {each.attr for each in ast.walk(read) if isinstance(each, ast.Attribute)}
    assert {each for each in asked if each.startswith(("is_", "ipv4_", "sixto", "teredo"))} == set()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[(host, True) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")],
        *[(host, False) for host in ("localhost.example", "127.1", "8.8.8.8", "10.0.0.1", "::", "")],
    ],
)
def test_this_machine_is_known_by_its_addresses_and_one_name(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_what_is_allowed_is_so_in_every_spelling_and_nothing_else() -> None:
    for text in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert is_allowed(ipaddress.ip_address(text), HERE)
    for text in ("10.0.0.1", "::1", "169.254.169.254"):
        assert not is_allowed(ipaddress.ip_address(text), HERE)
    assert is_allowed(ipaddress.ip_address("::1"), LOOPBACK)


class Turncoat(AbstractResolver):
    """A name server that gives another address whenever it is asked."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses[min(self.asked, len(self._addresses) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_elsewhere_a_moment_later_does_not_get_past() -> None:
    resolver = Turncoat("127.0.0.1", "127.0.0.2")
    only_one = (ipaddress.ip_network("127.0.0.1/32"),)
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=False, force_close=True, socket_factory=guarded_sockets(only_one)
    )
    async with Receiver() as receiver, aiohttp.ClientSession(connector=connector) as http:
        url = receiver.url.replace("127.0.0.1", "rebinding.example")
        async with http.post(url, data=b"1") as first:
            assert first.status == 200
        with pytest.raises(aiohttp.ClientConnectorError, match=r"127\.0\.0\.2 is not a public address"):
            await http.post(url, data=b"2")
    assert resolver.asked == 2
    assert [each.body for each in receiver.got] == [b"1"]


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0x7f.1",
    "localhost",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",  # noqa: S104 - called, not listened on
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_this_machine_is_called_or_subscribed(host: str) -> None:
    async with Receiver() as receiver, client_session(5.0, is_loopback_allowed=False) as http:
        url = receiver.url.replace("127.0.0.1", host)
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            await http.post(url, data=b"1")
        with pytest.raises(ConfigError):
            await checked_url(url.replace("http://", "https://"), ())
    assert receiver.got == []


@pytest.fixture
async def erp_session() -> AsyncIterator[aiohttp.ClientSession]:
    async with client_session() as http:
        yield http


async def test_this_machine_is_closed_to_whoever_gave_no_address_on_it(
    erp_session: aiohttp.ClientSession,
) -> None:
    async with Receiver() as receiver:
        with loopback(is_open=False):
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
                with pytest.raises(aiohttp.ClientConnectorError, match="not a public address"):
                    await erp_session.get(receiver.url.replace("127.0.0.1", host))
        with loopback(is_open=True):
            async with erp_session.get(receiver.url) as reply:
                assert reply.status == 200
    assert len(receiver.got) == 1


async def test_an_erp_may_be_on_this_machine_and_nowhere_else_inside(
    erp_session: aiohttp.ClientSession,
) -> None:
    async with Receiver() as receiver:
        async with erp_session.get(receiver.url) as reply:
            assert reply.status == 200
        for inside in ("http://169.254.169.254/latest", "http://10.1.2.3/", "http://[fd00:ec2::254]/"):
            with pytest.raises(aiohttp.ClientConnectorError, match="not a public address"):
                await erp_session.get(inside)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://127.0.0.1/", "https"),
        ("127.0.0.1/hooks", "https"),
        ("https://", "https"),
        ("http://8.8.8.8/hooks", "plain sight"),
        ("https://user@8.8.8.8/", "user name"),
        ("https://user:secret@8.8.8.8/", "user name"),
        ("https://@8.8.8.8/", "user name"),
        ("https://:@8.8.8.8/", "user name"),
        ("https://8.8.8.8/#part", "fragment"),
        ("https://8.8.8.8/hooks#", "fragment"),
        ("https://8.8.8.8/#", "fragment"),
        ("https://8.8.8.8/a b", "blank"),
        ("https://8.8.8.8/a\tb", "blank"),
        ("https://8.8.8.8/a\x9bb", "blank"),
        ("https://8.8.8.8:99999/", "ort"),
        ("https://10.0.0.1/", "public"),
        ("http://127.0.0.1:5/hooks", None),
        ("https://8.8.8.8/hooks?shop=1", None),
        ("https://8.8.8.8/hooks/@shop", None),
    ],
)
async def test_addresses_that_may_be_subscribed(url: str, why: str | None) -> None:
    if why is None:
        assert await checked_url(f" {url} ", HERE) == url
        return
    with pytest.raises(ConfigError) as refused:
        await checked_url(url, HERE)
    assert why in f"{refused.value}"
    assert "secret" not in f"{refused.value}{refused.value.fix}"
