"""A redirect reaches no private address, however it is spelt; the manifest's own URLs may."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import quote

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from crawler.errors import BlockedAddress, ConnectFailed, RedirectRefused
from crawler.net.guard import Reach, is_private, permits, reach_of, refused_by_spelling
from tests.net.client import Client
from tests.server import Server

PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "127.8.9.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.0.170",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a00:1::",
    "2001:db8::1",
    "5f00::1",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_no_place_on_the_internet_is_private(address: str) -> None:
    assert is_private(address)
    assert not permits(Reach.PUBLIC, address)
    assert permits(Reach.ANYWHERE, address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert not is_private(address)
    assert permits(Reach.PUBLIC, address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_lead_to_itself_but_not_into_its_network(address: str) -> None:
    assert permits(Reach.LOOPBACK, address)
    assert not permits(Reach.LOOPBACK, "10.0.0.1")


@pytest.mark.parametrize(
    ("allow", "asked", "target", "redirected", "reach"),
    [
        (None, "a.example", "a.example", False, Reach.ANYWHERE),
        (None, "a.example", "a.example", True, Reach.ANYWHERE),
        (None, "a.example", "named.example", True, Reach.ANYWHERE),
        (None, "a.example", "b.example", True, Reach.PUBLIC),
        (None, "127.0.0.1", "b.example", True, Reach.LOOPBACK),
        (None, "localhost", "b.example", True, Reach.LOOPBACK),
        (None, "::1", "b.example", True, Reach.LOOPBACK),
        (True, "a.example", "b.example", True, Reach.ANYWHERE),
        (False, "a.example", "a.example", False, Reach.PUBLIC),
        (False, "127.0.0.1", "named.example", True, Reach.PUBLIC),
    ],
)
def test_how_far_a_request_may_go(
    allow: bool | None, asked: str, target: str, redirected: bool, reach: Reach
) -> None:
    trusted = frozenset({"named.example"})
    assert (
        reach_of(allow_private=allow, asked=asked, target=target, redirected=redirected, trusted=trusted)
        is reach
    )


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://10.0.0.1/", True),
        ("http://[::ffff:10.0.0.1]/", True),
        ("http://localhost/", True),
        ("http://1.1.1.1/", False),
        ("http://a.example/", False),
    ],
)
def test_behind_a_proxy_the_spelling_decides(url: str, refused: bool) -> None:
    assert refused_by_spelling(Reach.PUBLIC, url) is refused
    assert not refused_by_spelling(Reach.ANYWHERE, url)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Sockets that were made for anything but loopback."""
    made: list[object] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if not str(address[0]).startswith(("127.", "::1")):
            made.append(address)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
        "http://[fd00::1]/",
        "http://[::ffff:10.1.2.3]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://0.0.0.0/",
    ],
)
async def test_a_redirect_to_a_private_address_is_blocked_before_anything_is_sent(
    client: Client, server: Server, no_network: list[object], target: str
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(BlockedAddress, match="private address"):
            await client.fetch(server.url(f"/redirect-to?url={quote(target, safe='')}"))
    assert no_network == []
    assert client.transport.requests == 1


@pytest.mark.parametrize("target", ["http://127.1/", "http://2130706433/", "http://0x7f.1/"])
async def test_numbers_that_only_old_libraries_take_for_addresses_are_refused(
    client: Client, server: Server, target: str
) -> None:
    with pytest.raises(RedirectRefused, match="dotted IPv4"):
        await client.fetch(server.url(f"/redirect-to?url={quote(target, safe='')}"))


async def test_a_public_host_may_not_lead_to_this_machine(server: Server) -> None:
    async with named(Client(), {"public.test": ["127.0.0.1"], "evil.test": ["127.0.0.1"]}) as client:
        there = quote(f"http://evil.test:{server.port}/echo", safe="")
        with pytest.raises(BlockedAddress, match=r"evil\.test:\d+ is at the private address 127\.0\.0\.1"):
            await client.fetch(f"http://public.test:{server.port}/redirect-to?url={there}")
    assert [request.path for request in server.log] == ["/redirect-to"]


async def test_a_host_that_the_manifest_names_may_be_redirected_to(server: Server) -> None:
    names = {"public.test": ["127.0.0.1"], "inner.test": ["127.0.0.1"]}
    async with named(Client(trusted_hosts=frozenset({"inner.test"})), names) as client:
        there = quote(f"http://inner.test:{server.port}/echo", safe="")
        fetched = await client.fetch(f"http://public.test:{server.port}/redirect-to?url={there}")
    assert fetched.status == 200


async def test_a_pooled_connection_is_held_against_the_rule_too(server: Server) -> None:
    async with named(Client(), {"public.test": ["127.0.0.1"], "inner.test": ["127.0.0.1"]}) as client:
        await client.fetch(f"http://inner.test:{server.port}/file/1")  # the manifest's own: allowed
        there = quote(f"http://inner.test:{server.port}/echo", safe="")
        with pytest.raises(BlockedAddress):
            await client.fetch(f"http://public.test:{server.port}/redirect-to?url={there}")
    assert not server.requests("/echo")


async def test_one_refused_address_among_good_ones_does_not_fail_the_request(server: Server) -> None:
    names = {"mixed.test": ["10.9.9.9", "127.0.0.1"], "localhost": ["127.0.0.1"]}
    async with named(Client(), names) as client:
        there = quote(f"http://mixed.test:{server.port}/echo", safe="")
        fetched = await client.fetch(f"http://localhost:{server.port}/redirect-to?url={there}")
    assert fetched.status == 200


async def test_refused_and_unreachable_addresses_make_a_connect_failure(server: Server) -> None:
    names = {"mixed.test": ["10.9.9.9", "127.0.0.1"], "localhost": ["127.0.0.1"]}
    async with named(Client(), names) as client:
        there = quote("http://mixed.test:1/", safe="")
        with pytest.raises(ConnectFailed):
            await client.fetch(f"http://localhost:{server.port}/redirect-to?url={there}")


async def test_private_addresses_can_be_forbidden_altogether(server: Server) -> None:
    async with Client(allow_private=False) as client:
        with pytest.raises(BlockedAddress) as caught:
            await client.fetch(server.url("/echo"))
    assert server.connections == 0
    assert not caught.value.sent


async def test_private_addresses_can_be_allowed_altogether(server: Server) -> None:
    async with named(Client(allow_private=True), {"public.test": ["127.0.0.1"]}) as client:
        there = quote(server.url("/echo"), safe="")
        fetched = await client.fetch(f"http://public.test:{server.port}/redirect-to?url={there}")
    assert fetched.status == 200


class Names(AbstractResolver):
    """A name server of our own."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._names[host]
        ]

    async def close(self) -> None:
        pass


class named:  # noqa: N801  # reads as a phrase in ``async with``
    """A client that resolves these names."""

    def __init__(self, client: Client, names: dict[str, list[str]]) -> None:
        self._client = client
        self._names = Names(names)

    async def __aenter__(self) -> Client:
        await self._client.__aenter__()
        self._client.transport._connector._resolver = self._names
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.transport.close()
