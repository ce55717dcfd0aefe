"""Routes that answer correctly: files, echoes, redirects, waiting, credentials."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
from email.utils import formatdate
from urllib.parse import unquote

from tests.serving.shelf import Generated, Offer, file_bytes, serve
from tests.serving.state import Route, State
from tests.serving.wire import Exchange, Hangup

USER, SECRET = "user", "secret"  # what /wants-auth asks for; SECRET is the bearer token too
NONCE = "6e6f6e6365"


async def file(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/file/<size>[/<seed>]``: ``?delay=`` (s a read), ``?throttle=`` (bytes/s), ``?cut_after=``."""
    size, seed = int(args[0]), "/".join(args[1:])
    options = exchange.request.arguments
    offer = Offer(
        Generated(size, seed),
        etag=f'"{size}-{seed}"',
        delay=float(options.get("delay", 0)),
        throttle=float(options["throttle"]) if "throttle" in options else None,
        cut_after=int(options["cut_after"]) if "cut_after" in options else None,
        content_type=options.get("type", "application/octet-stream"),
    )
    await serve(exchange, offer)


async def versions(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/versions/<name>``: what ``set_file`` put there."""
    offer = state.offers.get("/".join(args))
    if offer is None:
        await exchange.answer(404, b"no such file\n", type="text/plain")
    else:
        await serve(exchange, offer)


async def echo(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/echo``: what was received, as JSON; the body in base64."""
    request = exchange.request
    seen = {
        "method": request.method,
        "target": request.target,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": base64.b64encode(request.body).decode(),
        "text": request.body.decode("utf-8", "replace"),
        "size": request.size,
        "sha256": request.sha256,
    }
    await exchange.json(seen)


async def status(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/status/<code>``."""
    await exchange.answer(int(args[0]), f"status {args[0]}\n".encode(), type="text/plain")


async def redirect(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/redirect/<n>``: n hops, then 200."""
    left = int(args[0])
    if left == 0:
        await exchange.answer(200, b"arrived\n", type="text/plain")
    else:
        await exchange.answer(302, b"", [("Location", f"/redirect/{left - 1}")])


async def redirect_loop(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/redirect-loop``: to itself, for ever."""
    await exchange.answer(302, b"", [("Location", "/redirect-loop")])


async def redirect_to(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/redirect-to?url=…[&status=302]``; without ``url`` a redirect that names no place."""
    options = exchange.request.arguments
    location = [("Location", options["url"])] if "url" in options else []
    await exchange.answer(int(options.get("status", 302)), b"", location)


async def retry_after(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/retry-after/<seconds>/<status>/<times>[/<key>]``; ``date+N`` as seconds sends an HTTP date."""
    delay, code, times = args[0], int(args[1]), int(args[2])
    if delay.startswith("date+"):
        delay = formatdate(time.time() + float(delay[5:]), usegmt=True)
    state.seen[exchange.request.path] += 1
    if state.seen[exchange.request.path] <= times:
        await exchange.answer(code, b"later\n", [("Retry-After", delay)], "text/plain")
    else:
        await exchange.answer(200, b"now\n", type="text/plain")


async def flaky(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/flaky/<key>/<times>[/<status>]``: 503 (or status) n times, then 200."""
    state.seen[exchange.request.path] += 1
    if state.seen[exchange.request.path] <= int(args[1]):
        await exchange.answer(int(args[2]) if len(args) > 2 else 503, b"busy\n", type="text/plain")
    else:
        await exchange.answer(200, f"{args[0]} at last\n".encode(), type="text/plain")


async def slow(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/slow/<seconds>``: waits before it answers."""
    await asyncio.sleep(float(args[0]))
    await exchange.answer(200, b"slept well\n", type="text/plain")


async def counter(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/counter/<name>``: any method but GET and HEAD counts; ``?answer=no`` closes without an answer."""
    if exchange.request.method not in ("GET", "HEAD"):
        state.counters[args[0]] += 1
    if exchange.request.arguments.get("answer") == "no":
        raise Hangup
    await exchange.json({"count": state.counters[args[0]]})


async def cookies(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/cookies`` echoes; ``/cookies/set?name=value…`` sets, ``&domain=`` and ``&path=`` are attributes."""
    if args[:1] != ["set"]:
        await exchange.json({"cookie": exchange.request.all("Cookie")})
        return
    options = exchange.request.arguments
    attributes = f"; Path={options.pop('path', '/')}"
    if "domain" in options:
        attributes += f"; Domain={options.pop('domain')}"
    lines = [("Set-Cookie", f"{name}={value}{attributes}") for name, value in options.items()]
    await exchange.answer(200, b"set\n", lines, "text/plain")


async def digest_sum(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/digest/<repr|content|old|md5>/<right|wrong>[/<size>]``: a digest header of that kind."""
    kind, right = args[0], args[1] == "right"
    body = file_bytes(int(args[2]) if len(args) > 2 else 1000, "digest")
    summed = body if right else body + b"!"
    sha256 = base64.b64encode(hashlib.sha256(summed).digest()).decode()
    header = {
        "repr": ("Repr-Digest", f"sha-256=:{sha256}:"),
        "content": ("Content-Digest", f"sha-256=:{sha256}:"),
        "old": ("Digest", f"SHA-256={sha256}"),
        "md5": ("Content-MD5", base64.b64encode(hashlib.md5(summed).digest()).decode()),
    }[kind]
    await exchange.answer(200, body, [header], "application/octet-stream")


async def login_page(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/login-page``: 200 and HTML, whatever was asked for."""
    page = b"<!doctype html><title>Sign in</title><form method=post><input name=user></form>\n"
    await exchange.answer(200, page, type="text/html; charset=utf-8")


async def wants_auth(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/wants-auth/<basic|bearer|digest>``: 200 for user ``user`` and secret ``secret``, else 401."""
    given = exchange.request.header("Authorization") or ""
    basic = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    challenge, good = {
        "basic": ('Basic realm="here"', given == f"Basic {basic}"),
        "bearer": ('Bearer realm="here"', given == f"Bearer {SECRET}"),
        "digest": (
            f'Digest realm="here", nonce="{NONCE}", qop="auth", algorithm=SHA-256',
            _digest_is_right(given, exchange.request.method),
        ),
    }[args[0]]
    if good:
        await exchange.answer(200, b"welcome\n", type="text/plain")
    else:
        await exchange.answer(401, b"who are you?\n", [("WWW-Authenticate", challenge)], "text/plain")


def _digest_is_right(given: str, method: str) -> bool:
    """RFC 7616 §3.4.1 with qop=auth and SHA-256."""
    if not given.startswith("Digest "):
        return False
    pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)
    field = {name: quoted or token for name, quoted, token in pairs}

    def hashed(*pieces: str) -> str:
        return hashlib.sha256(":".join(pieces).encode()).hexdigest()

    expected = hashed(
        hashed(USER, "here", SECRET),
        NONCE,
        field.get("nc", ""),
        field.get("cnonce", ""),
        "auth",
        hashed(method, field.get("uri", "")),
    )
    return field.get("nonce") == NONCE and field.get("response") == expected


async def connect(exchange: Exchange, state: State, args: list[str]) -> None:
    """``CONNECT host:port``: a tunnel, as a forward proxy gives for https and wss."""
    host, _, port = unquote(exchange.request.target).rpartition(":")
    there_reader, there_writer = await asyncio.open_connection(host.strip("[]"), int(port))
    await exchange.raw(b"HTTP/1.1 200 Connected\r\n\r\n")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    try:
        await asyncio.gather(
            pump(exchange.reader, there_writer), pump(there_reader, exchange.writer), return_exceptions=True
        )
    finally:
        there_writer.close()
    raise Hangup


BEHAVED: dict[str, Route] = {
    "file": file,
    "versions": versions,
    "echo": echo,
    "status": status,
    "redirect": redirect,
    "redirect-loop": redirect_loop,
    "redirect-to": redirect_to,
    "retry-after": retry_after,
    "flaky": flaky,
    "slow": slow,
    "counter": counter,
    "cookies": cookies,
    "digest": digest_sum,
    "login-page": login_page,
    "wants-auth": wants_auth,
}
