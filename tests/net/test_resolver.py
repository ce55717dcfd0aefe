"""Names are resolved by aiodns or the system, remembered when found, and asked again when not."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crawler.errors import BlockedAddress, DnsFailed
from crawler.net.resolver import AresResolver, SystemResolver, resolver_for
from tests.net.client import Client
from tests.server import Server


class NameServer(asyncio.DatagramProtocol):
    """Knows 127.0.0.1 for the names in ``known``, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.asked: list[str] = []  # names, for IPv4 addresses
        self.silent = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        end = data.index(b"\0", 12)
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name, (kind,) = ".".join(labels), struct.unpack(">H", data[end + 1 : end + 3])
        if kind == 1:
            self.asked.append(name)
        if self.silent:
            return
        question, tail, counts, flags = data[12 : end + 5], b"", (1, 0, 0, 0), 0x8180
        if name not in self.known:  # no such name, for five minutes (RFC 2308)
            flags, counts = 0x8183, (1, 0, 1, 0)
            tail = (
                b"\0"
                + struct.pack(">HHIH", 6, 1, 300, 22)
                + b"\0\0"
                + struct.pack(">5I", 1, 300, 300, 300, 300)
            )
        elif kind == 1:
            counts = (1, 1, 0, 0)
            tail = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 300, 4) + bytes([127, 0, 0, 1])
        self.transport.sendto(data[:2] + struct.pack(">5H", flags, *counts) + question + tail, peer)


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, AresResolver]]:
    """A server of names, and a resolver that asks nobody else."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    resolver = AresResolver(nameservers=[f"127.0.0.1:{port}"], timeout=0.5, tries=1)
    try:
        yield server, resolver
    finally:
        await resolver.close()
        transport.close()


async def test_aiodns_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = resolver_for("auto", 1), resolver_for("system", 1)
    monkeypatch.setitem(sys.modules, "aiodns", None)  # as if it were not
    third = resolver_for("auto", 1)
    try:
        assert [type(each) for each in (first, second, third)] == [
            AresResolver,
            SystemResolver,
            SystemResolver,
        ]
    finally:
        for each in (first, second, third):
            await each.close()


async def test_a_failure_is_not_remembered() -> None:
    async with name_server() as (server, resolver):
        with pytest.raises(OSError, match="not found"):
            await resolver.resolve("a.example", 80, socket.AF_UNSPEC)
        server.known.add("a.example")
        found = await resolver.resolve("a.example", 80, socket.AF_UNSPEC)
        assert [(each["host"], each["port"]) for each in found] == [("127.0.0.1", 80)]
        assert server.asked == ["a.example", "a.example"]


async def test_a_renewed_channel_does_not_cut_off_lookups_under_way() -> None:
    async with name_server() as (server, resolver):
        server.silent = True
        under_way = asyncio.create_task(resolver.resolve("slow.example", 80, socket.AF_INET))
        while "slow.example" not in server.asked:
            await asyncio.sleep(0.005)
        server.silent = False
        for _ in range(3):
            with pytest.raises(OSError, match="not found"):
                await resolver.resolve("a.example", 80, socket.AF_INET)
        assert server.asked.count("a.example") == 3
        with pytest.raises(OSError, match="imeout"):  # its own end, no cancellation
            await under_way


async def test_the_system_resolves_on_many_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(16, timeout=5)
    real = socket.getaddrinfo

    def look_up(*args: Any, **more: Any) -> Any:
        together.wait()  # returns once sixteen are here
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    resolver = SystemResolver(16)
    found = await asyncio.gather(*(resolver.resolve("localhost", 1, socket.AF_INET) for _ in range(16)))
    await resolver.close()
    assert {each[0]["host"] for each in found} == {"127.0.0.1"}


@pytest.mark.parametrize("dns", ["auto", "system"])
async def test_names_of_the_hosts_file_work_and_are_remembered(server: Server, dns: str) -> None:
    async with Client(dns=dns) as client:
        for _ in range(2):
            url = f"http://localhost:{server.port}/then-close"
            assert (await client.fetch(url)).status == 200
        assert server.connections == 2


@pytest.mark.parametrize("dns", ["auto", "system"])
async def test_the_address_guard_holds_whoever_resolves(server: Server, dns: str) -> None:
    async with Client(dns=dns, allow_private=False) as client:
        with pytest.raises(BlockedAddress, match="localhost"):
            await client.fetch(f"http://localhost:{server.port}/file/1")
    assert server.connections == 0


@pytest.mark.parametrize("dns", ["auto", "system"])
async def test_a_name_that_no_host_can_have_is_a_dns_failure(dns: str) -> None:
    async with Client(dns=dns) as client:
        with pytest.raises(DnsFailed, match="does not resolve"):
            await client.fetch(f"http://{'a' * 64}.example/")
