"""A sample web site on loopback: everything a job type can talk to, one file of it busy at first."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import mimetypes
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import BodyPartReader, WSMsgType, web

from crawler.demo import content

BIG_RATE = 40 * 1024 * 1024  # bytes/s: the large file takes about two and a half seconds
TICK_EVERY = 0.05  # seconds
UPLOAD_LIMIT = 256 * 1024 * 1024  # bytes


class Site:
    """The site's answers, and what it has to remember: who was turned away, what was handed in."""

    def __init__(self) -> None:
        self.turned_away = False
        self.uploads: dict[str, str] = {}  # file name → sha256
        self.tokens: set[str] = set()  # of those who have logged in

    def application(self) -> web.Application:
        """The site as an aiohttp application."""
        app = web.Application(client_max_size=UPLOAD_LIMIT)
        app.add_routes(
            [
                web.get("/", self.index),
                web.get("/files/big.bin", self.big),
                web.get("/files/busy.txt", self.busy),
                web.get("/files/{name}", self.small),
                web.get("/images/{name}", self.image),
                web.get("/robots.txt", self.robots),
                web.get("/handbook/lantern.html", self.lantern),
                web.get("/handbook/{path:.*}", self.handbook),
                web.route("*", "/api/echo", self.echo),
                web.get("/api/logbook", self.logbook),
                web.post("/ingest", self.ingest),
                web.put("/store/{name}", self.store),
                web.post("/hooks/done", self.hook),
                web.post("/login", self.login),
                web.get("/members/{name}", self.member),
                web.get("/ticks", self.ticks),
            ]
        )
        return app

    async def index(self, request: web.Request) -> web.Response:
        """What there is."""
        paths = [route.resource.canonical for route in request.app.router.routes() if route.resource]
        return web.Response(text="\n".join(dict.fromkeys(paths)) + "\n")

    async def small(self, request: web.Request) -> web.Response:
        """One of the small files."""
        return _whole(request, content.SMALL_FILES.get(request.match_info["name"]), "text/plain")

    async def image(self, request: web.Request) -> web.Response:
        """One of the pictures."""
        return _whole(request, content.images().get(request.match_info["name"]), "image/svg+xml")

    async def robots(self, request: web.Request) -> web.Response:
        """What crawls are asked to leave alone."""
        return _whole(request, content.ROBOTS, "text/plain")

    async def lantern(self, request: web.Request) -> web.Response:
        """A page that has moved."""
        raise web.HTTPMovedPermanently("lamp.html")

    async def handbook(self, request: web.Request) -> web.Response:
        """One of the linked pages, or what belongs to them."""
        path = request.match_info["path"]
        if not path or path.endswith("/"):
            path += "index.html"
        return _whole(request, content.handbook().get(path), mimetypes.guess_type(path)[0] or "text/plain")

    async def busy(self, request: web.Request) -> web.Response:
        """503 with ``Retry-After: 1`` for the first request, the file from then on."""
        if not self.turned_away:
            self.turned_away = True
            return web.Response(status=503, headers={"Retry-After": "1"}, text="busy, ask again\n")
        return _whole(request, content.BUSY_TEXT, "text/plain")

    async def big(self, request: web.Request) -> web.StreamResponse:
        """The large file at ``BIG_RATE``; one range is honoured, so that a stopped demo continues."""
        tag = f'"big-{content.BIG_SIZE}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        start, stop = 0, content.BIG_SIZE
        response = web.StreamResponse(headers={"ETag": tag, "Accept-Ranges": "bytes"})
        if "Range" in request.headers and request.headers.get("If-Range", tag) == tag:
            wanted = request.http_range
            start, stop, _ = slice(wanted.start, wanted.stop).indices(content.BIG_SIZE)
            if start >= stop:
                size = {"Content-Range": f"bytes */{content.BIG_SIZE}"}
                return web.Response(status=416, headers=size)
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.BIG_SIZE}"
        response.content_type = "application/octet-stream"
        response.content_length = stop - start
        await response.prepare(request)
        if request.method != "HEAD":
            await _send_at(BIG_RATE, response, start, stop)
        return response

    async def echo(self, request: web.Request) -> web.Response:
        """What was asked, as JSON."""
        told = {
            "method": request.method,
            "args": dict(request.query),
            "text": await request.text(),
            "agent": request.headers.get("User-Agent", ""),
        }
        return web.json_response(told, dumps=partial(json.dumps, ensure_ascii=False))

    async def logbook(self, request: web.Request) -> web.Response:
        """Some nights behind ``after``: a page of a list, with a Link header and a cursor to the next one."""
        after, limit = (
            int(request.query.get(name, default)) for name, default in (("after", 0), ("limit", 10))
        )
        nights = content.LOGBOOK[after : after + limit]
        last = after + len(nights)
        goes_on = last < len(content.LOGBOOK)
        following = f"/api/logbook?after={last}&limit={limit}"
        return web.json_response(
            {"nights": nights, "next": str(last) if goes_on else None},
            headers={"Link": f'<{following}>; rel="next"'} if goes_on else {},
        )

    async def ingest(self, request: web.Request) -> web.Response:
        """Take a multipart upload; 422 where a file of ours has come back with other bytes."""
        taken = {}
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename is not None:
                taken[part.filename] = await _sum(part.read_chunk)
        return self._keep(taken)

    async def store(self, request: web.Request) -> web.Response:
        """Take one file as the whole body; 422 where it is one of ours with other bytes."""
        return self._keep({request.match_info["name"]: await _sum(request.content.readany)})

    def _keep(self, taken: dict[str, str]) -> web.Response:
        for name, sha256 in taken.items():
            original = content.SMALL_FILES.get(name)
            if original is not None and sha256 != hashlib.sha256(original).hexdigest():
                return web.json_response({"error": f"{name} came back damaged"}, status=422)
        self.uploads.update(taken)
        return web.json_response({"taken": taken}, status=201 if taken else 400)

    async def hook(self, request: web.Request) -> web.Response:
        """Take a JSON notice and say what has been handed in so far."""
        notice = await request.json()
        return web.json_response({"noted": notice, "uploads": sorted(self.uploads)})

    async def login(self, request: web.Request) -> web.Response:
        """Let in whoever has a name: the answer holds a token, another one each time."""
        told = await request.json()
        if not told.get("user"):
            return web.json_response({"error": "who is there?"}, status=403)
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return web.json_response({"token": token, "member": {"name": told["user"], "since": 2019}})

    async def member(self, request: web.Request) -> web.Response:
        """One of the small files, for those who have logged in."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"}, text="log in first\n")
        return await self.small(request)

    async def ticks(self, request: web.Request) -> web.WebSocketResponse:
        """Once subscribed by any JSON message, a tick every 50 ms until the client has enough."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        message = await socket.receive()
        if message.type is not WSMsgType.TEXT:
            return socket
        ticking = asyncio.create_task(_tick(socket, message.json()))
        async for _ in socket:
            pass  # what the client says is of no interest; that it leaves is
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        return socket


async def _tick(socket: web.WebSocketResponse, subject: object) -> None:
    for number in itertools.count():
        await socket.send_json({"tick": number, "of": subject})
        await asyncio.sleep(TICK_EVERY)


async def _sum(read: Callable[[], Awaitable[bytes]]) -> str:
    digest = hashlib.sha256()
    while piece := await read():
        digest.update(piece)
    return digest.hexdigest()


def _whole(request: web.Request, body: bytes | None, kind: str) -> web.Response:
    if body is None:
        raise web.HTTPNotFound(text="no such file\n")
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=body, content_type=kind, headers={"ETag": tag})


async def _send_at(rate: float, response: web.StreamResponse, start: int, stop: int) -> None:
    loop = asyncio.get_running_loop()
    begun, sent = loop.time(), 0
    for block in content.big(start, stop):
        await response.write(block)
        sent += len(block)
        ahead = sent / rate - (loop.time() - begun)
        if ahead > 0.02:  # shorter naps cost more than they smooth
            await asyncio.sleep(ahead)


@asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the site on a free port of loopback; gives its base URL, without a slash at the end."""
    runner = web.AppRunner(Site().application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, host, port)
        await listener.start()
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()
