"""A WebSocket's messages, and every way it can end."""

from __future__ import annotations

import asyncio

import pytest

from crawler.errors import BadStatus, BlockedAddress, ConnectFailed, ProtocolBroken, TimedOut
from crawler.request import Auth, Timeouts
from tests.net.client import Client
from tests.server import Server


async def received(server: Server) -> tuple[str, bytes]:
    """The first frame that reached the server."""
    async with asyncio.timeout(5):
        while not server.messages:
            await asyncio.sleep(0.01)
    return server.messages[0]


async def test_text_and_binary_come_back(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/echo")) as socket:
        await socket.send_text("grüße")
        await socket.send_bytes(b"\x00\xff")
        first, second = await socket.receive(), await socket.receive()
    assert (first.kind, first.data) == ("text", "grüße")
    assert (second.kind, second.data) == ("binary", b"\x00\xff")
    assert client.transport.requests == 1


async def test_the_subprotocol_that_the_server_chose_is_known(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/echo"), protocols=("v2.x", "v1.x")) as socket:
        assert socket.protocol == "v2.x"
    async with client.websocket(server.ws("/ws/echo")) as socket:
        assert socket.protocol is None


@pytest.mark.parametrize("offered", [(), ("p1",), ("p1", "p2")])
@pytest.mark.parametrize("chosen", ["zzz", "P1", "p1,%20p2"])
async def test_a_subprotocol_that_was_not_offered_fails_the_connection(
    client: Client, server: Server, offered: tuple[str, ...], chosen: str
) -> None:
    with pytest.raises(ProtocolBroken, match="not offered") as caught:
        async with client.websocket(server.ws(f"/ws/echo?protocol={chosen}"), protocols=offered):
            raise AssertionError("there is no such WebSocket")
    assert (caught.value.answered, caught.value.retryable) == (True, False)
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)


async def test_a_server_need_not_choose_a_subprotocol(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/echo?protocol="), protocols=("p1",)) as socket:
        assert socket.protocol is None
    async with client.websocket(server.ws("/ws/echo?protocol=p2"), protocols=("p1", "p2")) as socket:
        assert socket.protocol == "p2"


async def test_the_handshake_carries_what_the_request_says(client: Client, server: Server) -> None:
    async with client.websocket(
        server.ws("/ws/echo/%27?x=1"),
        headers=(("X-Api-Key", "k"), ("Origin", "https://a.example")),
        cookies=(("c", "1"),),
        params=(("y", "2"),),
        auth=Auth("bearer", "", "t"),
    ):
        pass
    arrived = server.log[-1]
    assert arrived.target == "/ws/echo/%27?x=1&y=2"
    assert arrived.header("X-Api-Key") == "k"
    assert arrived.header("Origin") == "https://a.example"
    assert arrived.header("Cookie") == "c=1"
    assert arrived.header("Authorization") == "Bearer t"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_the_servers_close_code_arrives_and_stays(client: Client, server: Server, code: int) -> None:
    async with client.websocket(server.ws(f"/ws/close/{code}")) as socket:
        message = await socket.receive()
        assert (message.kind, message.code, message.data) == ("close", code, "as asked")
        assert await socket.receive() == message
    assert (await received(server))[0] == "close"


async def test_a_drop_without_a_close_frame_is_1006(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/drop/2")) as socket:
        kinds = [(message := await socket.receive()).kind for _ in range(3)]
        assert kinds == ["text", "text", "close"]
        assert message.code == 1006
        with pytest.raises(ConnectFailed):
            await socket.send_text("anyone?")


async def test_our_close_code_reaches_the_server(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/echo")) as socket:
        await socket.close(4000)
        assert (await socket.receive()).code == 4000
    assert await received(server) == ("close", (4000).to_bytes(2, "big"))


async def test_a_server_that_goes_on_talking_does_not_keep_the_socket_from_closing(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.net.websocket.CLOSE_SECONDS", 0.3)
    async with client.websocket(server.ws("/ws/ticks/2000?interval=0.01")) as socket:
        assert (await socket.receive()).kind == "text"
        await asyncio.wait_for(socket.close(), 10)
        assert (await socket.receive()).kind == "close"


async def test_a_message_over_the_limit_is_refused_with_1009(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/big/5000"), max_message=1000) as socket:
        with pytest.raises(ProtocolBroken, match=r"1009.*longer than the 1000 bytes"):
            await socket.receive()
    assert await received(server) == ("close", (1009).to_bytes(2, "big"))


async def test_a_message_at_the_limit_is_taken(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/big/1000"), max_message=1000) as socket:
        assert len((await socket.receive()).data) == 1000


@pytest.mark.parametrize(("scene", "code"), [("bad-frame", 1002), ("bad-text", 1007)])
async def test_a_broken_frame_is_a_protocol_failure(
    client: Client, server: Server, scene: str, code: int
) -> None:
    async with client.websocket(server.ws(f"/ws/{scene}")) as socket:
        with pytest.raises(ProtocolBroken, match=str(code)):
            await socket.receive()


async def test_pings_are_answered_unseen(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/ping")) as socket:
        assert (await socket.receive()).kind == "close"
    assert await received(server) == ("pong", b"are you there")


async def test_an_unanswered_heartbeat_ends_the_wait(client: Client, server: Server) -> None:
    async with client.websocket(server.ws("/ws/silent"), heartbeat=0.1) as socket:
        with pytest.raises(TimedOut, match="heartbeat"):
            await socket.receive()
    assert (await received(server))[0] == "ping"


async def test_a_refused_handshake_is_a_status(client: Client, server: Server) -> None:
    with pytest.raises(BadStatus, match="403 Forbidden to a WebSocket handshake") as caught:
        async with client.websocket(server.ws("/ws/refuse")):
            pass
    assert caught.value.status == 403


async def test_retry_after_of_a_refused_handshake_is_heard(client: Client, server: Server) -> None:
    server.set_answer("/busy", b"", status=503, headers=[("Retry-After", "7")])
    with pytest.raises(BadStatus) as caught:
        async with client.websocket(server.ws("/busy")):
            pass
    assert caught.value.retry_after == 7


async def test_a_handshake_is_never_redirected(client: Client, server: Server, other: Server) -> None:
    with pytest.raises(BadStatus) as caught:
        async with client.websocket(
            server.ws("/redirect-to?url=") + other.url("/ws/echo"), headers=(("X-Api-Key", "hush"),)
        ):
            pass
    assert caught.value.status == 302
    assert other.connections == 0


async def test_a_false_proof_is_no_websocket(client: Client, server: Server) -> None:
    with pytest.raises(ProtocolBroken, match="does not speak WebSocket"):
        async with client.websocket(server.ws("/ws/wrong-accept")):
            pass


async def test_digest_works_for_the_handshake(client: Client, server: Server) -> None:
    with pytest.raises(BadStatus) as caught:  # authorized, but no WebSocket lives there
        async with client.websocket(server.ws("/wants-auth/digest"), auth=Auth("digest", "user", "secret")):
            pass
    assert caught.value.status == 200
    assert len(server.log) == 2


async def test_a_handshake_that_takes_too_long_is_given_up(client: Client, server: Server) -> None:
    with pytest.raises(TimedOut, match=r"within 0\.1 s") as caught:
        async with client.websocket(server.ws("/stall-before"), timeouts=Timeouts(total=0.1)):
            pass
    assert caught.value.sent


async def test_quiet_sockets_outlive_sock_read(client: Client, server: Server) -> None:
    limits = Timeouts(connect=5, sock_read=0.1)
    async with client.websocket(server.ws("/ws/ticks/2?interval=0.2"), timeouts=limits) as socket:
        assert [(await socket.receive()).kind for _ in range(3)] == ["text", "text", "close"]


async def test_private_addresses_can_be_forbidden(server: Server) -> None:
    async with Client(allow_private=False) as client:
        with pytest.raises(BlockedAddress):
            async with client.websocket(server.ws("/ws/echo")):
                pass
    assert server.connections == 0


async def test_a_dead_port_is_a_connect_failure(client: Client) -> None:
    with pytest.raises(ConnectFailed) as caught:
        async with client.websocket("ws://127.0.0.1:1/"):
            pass
    assert not caught.value.sent
