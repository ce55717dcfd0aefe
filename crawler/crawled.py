"""What flows about a crawled site: frozen, slotted, picklable data without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from msgspec import Struct

MOST_PAGES = "limit_reached: max_pages"
"""Why a link was left out, as the job's end tells it."""


NEVER_CONVERTED = 0
SOMEHOW = 1
"""Converted, and it is not known where its links led then."""
OUTDATED = -1
"""Converted, and some of its links lead elsewhere since: it is to be fetched anew."""


class Use(IntEnum):
    """What a found URL is wanted for; stored as its number."""

    PAGE = 0  # within the scope: fetched, and its links are followed
    REQUISITE = 1  # fetched because a page needs it; its own requisites are, other links are not
    SITEMAP = 2  # lists URLs; fetched and not kept


class Found(Struct, frozen=True):
    """One URL of a crawl. ``url`` is canonical and ``fingerprint`` is of it."""

    url: str
    fingerprint: int  # signed 64 bits
    use: Use
    depth: int  # links followed since a start URL, which has 0
    hops: int = 0  # redirects in a row that led here


@dataclass(frozen=True, slots=True)
class Queued:
    """A found URL and its place in the round, from 1, in the order in which they were found."""

    place: int
    found: Found
    secret: str | None = field(default=None, repr=False)  # its URL, where ``found`` hides a secret in it


class Page(Struct, frozen=True, kw_only=True):
    """What is remembered of one crawled URL, beside what every task leaves in the ledger."""

    fingerprint: int
    key: str  # the task's
    url: str
    digest: str | None = None  # sha256 hex of the body as it came, if that was kept
    media: str | None = None  # the Content-Type header
    target: str | None = None  # where its file is, below the output root
    moved_to: str | None = None  # canonical URL, where the answer was a redirect
    links: bytes = b""  # a mark of the rules it was read by, and fingerprints of what it led to: 8 bytes each
    extracted: bytes | None = None  # one JSON object
    converted: int = NEVER_CONVERTED  # else a mark of where the rewritten links of the file lead
    archived: str | None = None  # id and date of the WARC record that holds the body
    limits: tuple[tuple[str, int], ...] = ()  # what some of its links were left out for, and how many
    current: bool = False  # whether it was recorded in the round under way


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is known of a host across runs; times are seconds since the epoch."""

    key: str
    noted: float
    paused_until: float = 0.0
    level: int = 0  # how often in a row it had to be paused
    given_up: bool = False
    window: float | None = None  # learned concurrency


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsFile:
    """What an origin's robots.txt came to, and when (seconds since the epoch)."""

    origin: str
    fetched: float
    status: str  # "rules", "allow" or "unreachable"
    body: bytes = b""
