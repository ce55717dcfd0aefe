"""Headless Chromium over its DevTools protocol: what a page that is opened from disk cannot load."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp

PATIENCE = 30.0  # seconds for one page
_LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
# What Chromium shows of a page: its links, and the images and style sheets that are not there.
_SEEN = """JSON.stringify({
  links: [...document.links].map(each => each.href),
  images: [...document.images].filter(each => !each.complete || !each.naturalWidth).map(each => each.src),
  sheets: [...document.querySelectorAll('link[rel~=stylesheet]')].filter(each => !each.sheet)
    .map(each => each.href)
})"""


@dataclass(slots=True)
class Opened:
    """One page: files that its links lead to and that are not there, and what did not load."""

    page: Path
    links: int = 0
    broken: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def program() -> str | None:
    """Where Chromium is, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@asynccontextmanager
async def chromium(command: str) -> AsyncIterator[Browser]:
    """A running browser with a profile of its own. Raises RuntimeError if it does not start."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            command,
            *_FLAGS,
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
                address = await _address(process)
                socket = await session.ws_connect(address, max_msg_size=0)
                try:
                    yield await Browser.on(socket)
                finally:
                    await socket.close()
        finally:
            process.terminate()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _LISTENING.search(line):
            return found[1].decode()
    raise RuntimeError(f"Chromium ended with {await process.wait()} before it could be asked anything")


class Browser:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []

    @classmethod
    async def on(cls, socket: aiohttp.ClientWebSocketResponse) -> Browser:
        """Attach to a new tab."""
        browser = cls(socket)
        target = await browser._call("Target.createTarget", url="about:blank")
        attached = await browser._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        browser._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            await browser._call(f"{domain}.enable")
        return browser

    async def open(self, page: Path) -> Opened:
        """Open a file and look at what became of it, once everything in it has loaded or failed."""
        self._events.clear()
        await self._call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(await self._socket.receive_json())
        answer = await self._call("Runtime.evaluate", expression=_SEEN)
        seen = json.loads(answer["result"]["value"])
        opened = Opened(page, len(seen["links"]), failed=seen["images"] + seen["sheets"])
        opened.broken = [link for link in seen["links"] if _is_missing(link)]
        opened.failed += self._not_loaded()
        return opened

    def _not_loaded(self) -> list[str]:
        asked = {
            event["params"]["requestId"]: event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        }
        failed = [event for event in self._events if event["method"] == "Network.loadingFailed"]
        return [asked.get(event["params"]["requestId"], "?") for event in failed]

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        while (answer := await self._socket.receive_json()).get("id") != number:
            self._events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"Chromium refused {method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result


def _is_missing(link: str) -> bool:
    parts = urlsplit(link)
    return parts.scheme == "file" and not Path(unquote(parts.path)).is_file()
