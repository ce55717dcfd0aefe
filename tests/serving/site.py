"""A small site that a test puts together: pages with links, validators, redirects, robots.txt and traps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from html import escape
from itertools import islice

from tests.serving.arrivals import Arrival, Reply

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Document:
    """What stands at one path; without ``tagged`` the server gives it no validator."""

    body: bytes = b""
    type: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    tagged: bool = True

    @property
    def etag(self) -> str:
        """Strong, of the body."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


Trap = Callable[[str], Document | None]
"""Makes up the document of a path and query that nobody wrote down."""


@dataclass
class Site:
    """A script for ``Arrivals``; what it has may be changed at any time."""

    documents: dict[str, Document] = field(default_factory=dict)  # by path and query
    traps: list[Trap] = field(default_factory=list)
    hold: float = 0.0  # seconds before each answer

    def page(self, path: str, *links: str, head: str = "", text: str = "", headers: Headers = ()) -> Document:
        """Put an HTML page there, with a link to each of ``links``."""
        body = document(path, links, head=head, text=text)
        made = self.documents[path] = Document(body.encode(), headers=tuple(headers))
        return made

    def put(self, path: str, body: bytes | str, type: str, **more: int | bool | Headers) -> Document:
        """Put any document there."""
        body = body.encode() if isinstance(body, str) else body
        made = self.documents[path] = replace(Document(body, type), **more)  # type: ignore[arg-type]
        return made

    def robots(self, text: str, status: int = 200) -> None:
        """What robots.txt says."""
        self.put("/robots.txt", text, "text/plain", status=status)

    def move(self, path: str, to: str, status: int = 301) -> None:
        """Redirect a path."""
        self.documents[path] = Document(status=status, headers=(("Location", to),), tagged=False)

    def __call__(self, arrival: Arrival) -> Reply:
        found = self.documents.get(arrival.path)
        for trap in self.traps:
            found = found or trap(arrival.path)
        if found is None:
            return Reply(404, b"no such page\n", (("Content-Type", "text/plain"),), hold=self.hold)
        headers = [("Content-Type", found.type), *found.headers]
        if found.tagged and found.status == 200:
            headers.append(("ETag", found.etag))
            if arrival.headers.get("if-none-match") == found.etag:
                return Reply(304, b"", (("ETag", found.etag),), hold=self.hold)
        return Reply(found.status, found.body, tuple(headers), hold=self.hold)


Headers = Iterable[tuple[str, str]]


def document(title: str, links: Iterable[str], *, head: str = "", text: str = "") -> str:
    """An HTML page."""
    anchors = "".join(f'<p><a href="{escape(link)}">to {escape(link)}</a></p>\n' for link in links)
    return (
        f"<!DOCTYPE html><html><head><title>{escape(title)}</title>{head}</head>\n"
        f"<body><h1>{escape(title)}</h1>\n{text}\n{anchors}</body></html>\n"
    )


def pages(site: Site, count: int, *, links: int = 5) -> list[str]:
    """So many pages, each linked from an earlier one; their paths, ``/`` first."""
    paths = ["/", *(f"/part{number % 7}/page{number}.html" for number in range(1, count))]
    for number, path in enumerate(paths):
        children = islice(paths, number * links + 1, number * links + links + 1)
        site.page(path, *children, paths[number // 2], "/", text=f"<p>page {number}</p>" * (1 + number % 9))
    return paths


def calendar(path: str) -> Document | None:
    """A month after each month, for ever."""
    if not path.startswith("/calendar?month="):
        return None
    month = int(path.partition("=")[2])
    return Document(document(path, [f"/calendar?month={month + 1}"]).encode(), tagged=False)


def echoing(path: str) -> Document | None:
    """Relative links that lack their leading slash: ``/a/b/a/b/…``."""
    if not path.startswith("/a/"):
        return None
    return Document(document(path, [f"{path.rstrip('/')}/a/b/"]).encode(), tagged=False)


def sessions(path: str) -> Document | None:
    """Each answer links to itself under another session id."""
    page, _, session = path.partition("?PHPSESSID=")
    if page != "/shop":
        return None
    number = int(session, 16) + 1 if session else 0
    return Document(document("/shop", [f"/shop?PHPSESSID={number:032x}"]).encode(), tagged=False)


def chain(path: str) -> Document | None:
    """A redirect to the next number, for ever."""
    if not path.startswith("/chain/"):
        return None
    number = int(path.rpartition("/")[2]) + 1
    return Document(status=302, headers=(("Location", f"/chain/{number}"),), tagged=False)


def crowd(count: int) -> Document:
    """One page with so many distinct links, as short as they can be."""
    return Document(b"".join([b"<a href=%x>" % number for number in range(count)]), "text/html", tagged=False)
