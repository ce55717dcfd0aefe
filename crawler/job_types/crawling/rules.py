"""What all tasks of one crawl have in common: frozen, picklable data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from crawler.pages.extraction import Field
from crawler.policy.canonical import CanonicalRules
from crawler.policy.scope import ScopeRules


@dataclass(frozen=True, slots=True)
class WarcRules:
    """Where and how answers are archived; ``folder`` is below the output root."""

    folder: str
    name: str
    max_bytes: int
    operator: str | None
    robots: bool


@dataclass(frozen=True, slots=True)
class ExtractRules:
    """What is taken out of pages that fit one of the patterns, or of all, and into which file it goes."""

    to: str
    fields: tuple[Field, ...]
    pages: tuple[str, ...] = ()

    @property
    def recipe(self) -> bytes:
        """A mark of what is extracted: what was taken out by other rules is not what is asked for."""
        asked = repr((self.fields, self.pages)).encode()
        return hashlib.blake2b(asked, digest_size=8).hexdigest().encode() + b" "


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlRules:
    """The crawl's manifest keys with their defaults; ``None`` is no limit."""

    scope: ScopeRules
    canonical: CanonicalRules
    max_pages: int | None
    max_bytes: int | None
    max_file_bytes: int | None
    content_types: tuple[str, ...]
    forms: bool
    robots: bool
    agent: str  # our product token
    sitemaps: bool  # whether those that robots.txt names are read
    files: bool
    requisites: bool
    convert_links: bool
    conditional: bool
    overwrite: bool
    warc: WarcRules | None
    extract: ExtractRules | None
    reading: int = 0  # a mark of the rules and start URLs by which links are chosen
