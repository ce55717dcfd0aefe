"""A WebSocket server written from RFC 6455, so that no client library is tested against itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
from dataclasses import dataclass

from tests.serving.shelf import file_bytes
from tests.serving.state import State
from tests.serving.wire import Exchange, Hangup

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
KINDS = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}


def frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    """One unmasked frame, as a server sends it."""
    size = len(payload)
    first = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        return first + bytes([size]) + payload
    if size < 1 << 16:
        return first + b"\x7e" + struct.pack("!H", size) + payload
    return first + b"\x7f" + struct.pack("!Q", size) + payload


@dataclass(slots=True)
class Socket:
    """An accepted WebSocket; every frame received goes to ``state.messages``."""

    exchange: Exchange
    state: State

    async def accept(self, wrong: bool = False) -> None:
        """Answer the handshake (RFC 6455 §4.2.2), with the first subprotocol offered, or ``?protocol=``."""
        key = self.exchange.request.header("Sec-WebSocket-Key") or ""
        proof = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        headers.append(("Sec-WebSocket-Accept", proof[::-1] if wrong else proof))
        offered = self.exchange.request.header("Sec-WebSocket-Protocol") or ""
        if chosen := self.exchange.request.arguments.get("protocol", offered.split(",")[0].strip()):
            headers.append(("Sec-WebSocket-Protocol", chosen))
        await self.exchange.start(101, headers)

    async def send(self, opcode: int, payload: bytes) -> None:
        await self.exchange.raw(frame(opcode, payload))

    async def receive(self) -> tuple[int, bytes]:
        """The next frame; continuation frames are joined, and no ping is answered."""
        opcode, payload, fin = await self._frame()
        while not fin:
            _, more, fin = await self._frame()
            payload += more
        self.state.messages.append((KINDS.get(opcode, "unknown"), payload))
        return opcode, payload

    async def _frame(self) -> tuple[int, bytes, bool]:
        read = self.exchange.reader.readexactly
        first, second = await read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await read(8))
        mask = await read(4) if second & 0x80 else bytes(4)
        masked = await read(size)
        stream = mask * (size // 4 + 1)
        payload = (int.from_bytes(masked, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")
        return first & 0x0F, payload, bool(first & 0x80)

    async def close(self, code: int = 1000, reason: bytes = b"bye") -> None:
        """Send a close frame and wait for the peer's."""
        await self.send(CLOSE, struct.pack("!H", code) + reason)
        while (await self.receive())[0] != CLOSE:
            pass
        raise Hangup


async def _echo(socket: Socket, args: list[str]) -> None:
    while True:
        opcode, payload = await socket.receive()
        if opcode == CLOSE:
            await socket.send(CLOSE, payload[:2])
            return
        if opcode == PING:
            await socket.send(PONG, payload)
        elif opcode in (TEXT, BINARY):
            await socket.send(opcode, payload)


async def _ticks(socket: Socket, args: list[str]) -> None:
    """``/ws/ticks/<n>``: n JSON texts ``{"tick": i}``, ``?interval=`` seconds apart, then close 1000."""
    pause = float(socket.exchange.request.arguments.get("interval", 0))
    for tick in range(int(args[0])):
        await socket.send(TEXT, json.dumps({"tick": tick}).encode())
        await asyncio.sleep(pause)
    await socket.close()


async def _drop(socket: Socket, args: list[str]) -> None:
    """``/ws/drop/<after>``: so many ticks, then the TCP connection is reset."""
    for tick in range(int(args[0])):
        await socket.send(TEXT, json.dumps({"tick": tick}).encode())
    await socket.exchange.reset()


async def _close(socket: Socket, args: list[str]) -> None:
    """``/ws/close/<code>``: a close frame with the code, at once."""
    await socket.close(int(args[0]), b"as asked")


async def _big(socket: Socket, args: list[str]) -> None:
    """``/ws/big/<bytes>``: one binary message of that size, then close 1000."""
    await socket.send(BINARY, file_bytes(int(args[0]), "big"))
    await socket.close()


async def _binary(socket: Socket, args: list[str]) -> None:
    """``/ws/binary/<n>``: n binary messages of 16 bytes, then close 1000."""
    for index in range(int(args[0])):
        await socket.send(BINARY, index.to_bytes(16, "big"))
    await socket.close()


async def _ping(socket: Socket, args: list[str]) -> None:
    """``/ws/ping``: a ping with the payload ``are you there``; closes 1000 once the pong came."""
    await socket.send(PING, b"are you there")
    while (await socket.receive())[0] != PONG:
        pass
    await socket.close()


async def _silent(socket: Socket, args: list[str]) -> None:
    """``/ws/silent``: reads everything, answers nothing, not even pings."""
    while True:
        await socket.receive()


async def _bad_frame(socket: Socket, args: list[str]) -> None:
    """``/ws/bad-frame``: a frame with a reserved opcode (RFC 6455 §5.2)."""
    await socket.send(0x3, b"reserved")
    await socket.exchange.until_peer_leaves()


async def _bad_text(socket: Socket, args: list[str]) -> None:
    """``/ws/bad-text``: a text message that is no UTF-8 (RFC 6455 §8.1)."""
    await socket.send(TEXT, b"\xff\xfe")
    await socket.exchange.until_peer_leaves()


SCENES = {
    "echo": _echo,
    "ticks": _ticks,
    "drop": _drop,
    "close": _close,
    "big": _big,
    "binary": _binary,
    "ping": _ping,
    "silent": _silent,
    "bad-frame": _bad_frame,
    "bad-text": _bad_text,
}


async def websocket(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/ws/<scene>/…``; ``/ws/refuse`` answers 403, ``/ws/wrong-accept`` with a false proof."""
    if args[0] == "refuse":
        return await exchange.answer(403, b"no sockets for you\n", type="text/plain")
    if (exchange.request.header("Upgrade") or "").lower() != "websocket":
        return await exchange.answer(426, b"this is a WebSocket\n", [("Upgrade", "websocket")])
    socket = Socket(exchange, state)
    await socket.accept(wrong=args[0] == "wrong-accept")
    if args[0] != "wrong-accept":
        await SCENES[args[0]](socket, args[1:])
    raise Hangup
