"""Idle connections count, give way to new ones, and go when their time is over."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from crawler.errors import TimedOut
from crawler.request import Timeouts
from tests.net.client import Client, scripted
from tests.server import Server


@pytest.fixture
async def hosts() -> AsyncIterator[Server]:
    """One server behind every loopback address."""
    async with Server("0.0.0.0") as running:
        yield running


def at(hosts: Server, number: int, path: str = "/file/10") -> str:
    return f"http://127.0.0.{number}:{hosts.port}{path}"


async def until(condition: object, seconds: float = 2.0) -> None:
    """Raises TimeoutError unless the callable holds before long."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_idle_connections_count_against_the_limit(hosts: Server) -> None:
    async with Client(connections=3) as client:
        most = 0

        def count(_: object) -> None:
            nonlocal most
            most = max(most, client.transport.connections)

        hosts.on_request = count
        for number in range(1, 30):
            await client.fetch(at(hosts, number))
        assert most == 3
        await until(lambda: hosts.open_connections <= 3)
    await until(lambda: hosts.open_connections == 0)


async def test_the_least_recently_used_one_gives_way(hosts: Server) -> None:
    async with Client(connections=2) as client:
        for number in (1, 2, 1, 3, 1):
            await client.fetch(at(hosts, number))
        assert hosts.connections == 3
        await client.fetch(at(hosts, 2))
        assert hosts.connections == 4


async def test_without_an_idle_one_the_next_request_waits(hosts: Server) -> None:
    async with Client(connections=2) as client:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for number in range(1, 9):
                group.create_task(client.fetch(at(hosts, number, "/slow/0.02")))
        assert hosts.most_in_flight == 2
        assert hosts.connections == 8


async def test_the_wait_is_not_held_against_the_server(hosts: Server) -> None:
    async with Client(connections=1) as client:
        first = asyncio.create_task(client.fetch(at(hosts, 1, "/slow/0.2")))
        await until(lambda: hosts.in_flight == 1)
        second = await client.fetch(at(hosts, 2), timeouts=Timeouts(connect=0.05))
        assert second.status == (await first).status == 200


async def test_but_it_counts_for_the_total(hosts: Server) -> None:
    async with Client(connections=1) as client:
        first = asyncio.create_task(client.fetch(at(hosts, 1, "/slow/0.2")))
        await until(lambda: hosts.in_flight == 1)
        with pytest.raises(TimedOut, match="timeout total") as caught:
            await client.fetch(at(hosts, 2), timeouts=Timeouts(total=0.05))
        assert not caught.value.sent
        await first
        assert client.transport.connections == 1
        assert (await client.fetch(at(hosts, 3))).status == 200


async def test_a_connection_that_is_not_kept_makes_room_too(hosts: Server) -> None:
    async with Client(connections=1) as client:
        paths = ["/then-close", "/hangup", "/short", "/stall-before"] * 3
        limits = Timeouts(sock_read=0.05)
        fetches = [client.fetch(at(hosts, n, path), timeouts=limits) for n, path in enumerate(paths, 1)]
        async with asyncio.timeout(5):
            await asyncio.gather(*fetches, return_exceptions=True)
            assert (await client.fetch(at(hosts, 20))).status == 200
        assert client.transport.connections == 1


async def test_one_that_is_never_accepted_makes_room_when_its_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # fills the backlog: the next SYN is dropped
            async with Client(connections=1) as client:
                with pytest.raises(TimedOut, match="timeout connect"):
                    await client.fetch(f"http://127.0.0.1:{port}/", timeouts=Timeouts(connect=0.1))
                assert client.transport.connections == 0


async def test_idle_connections_go_when_their_time_is_over(hosts: Server) -> None:
    async with Client(keepalive=0.1) as client:
        for number in range(1, 6):
            await client.fetch(at(hosts, number))
        assert hosts.connections == 5
        await until(lambda: hosts.open_connections == 0)
        assert client.transport.connections == 0
        await client.fetch(at(hosts, 1))
        await until(lambda: hosts.open_connections == 0)


async def test_a_connection_in_use_is_not_closed_for_its_age(hosts: Server) -> None:
    async with Client(keepalive=0.05) as client:
        await client.fetch(at(hosts, 1))
        await client.fetch(at(hosts, 1, "/slow/0.15"))
        assert len(hosts.requests("/slow/0.15")) == 1  # a lost one would have been sent again


async def test_none_is_kept_without_keepalive(hosts: Server) -> None:
    async with Client(keepalive=0) as client:
        for _ in range(3):
            await client.fetch(at(hosts, 1))
        assert hosts.connections == 3
        await until(lambda: client.transport.connections == 0)


async def test_one_that_the_server_closes_is_forgotten(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await asyncio.sleep(0.05)

    async with scripted(talk) as base:
        await client.fetch(base + "/")
        assert client.transport.connections == 1
        await until(lambda: client.transport.connections == 0)
        assert (await client.fetch(base + "/")).body == b"ok"


async def test_idle_ones_are_closed_on_request_from_any_thread(hosts: Server, client: Client) -> None:
    for number in range(1, 6):
        await client.fetch(at(hosts, number))
    await asyncio.to_thread(client.transport.close_idle)
    await until(lambda: client.transport.connections == 0)
    assert (await client.fetch(at(hosts, 1))).status == 200


async def test_a_tls_peer_that_says_no_goodbye_keeps_no_place(hosts: Server, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_and_fall_silent() -> None:
            with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                over.wait(10)

        peer = asyncio.create_task(asyncio.to_thread(answer_and_fall_silent))
        async with Client(connections=1, tls_ca=str(tmp_path / "ca.pem")) as client:
            await client.fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/")
            async with asyncio.timeout(2):
                await client.fetch(at(hosts, 1))
        over.set()
        await peer
