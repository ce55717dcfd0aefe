"""What kind of document an answer is, and whether the crawl wants it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import CrawlRules

TOO_LARGE = "limit_reached: max_file_bytes"

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_CSS = frozenset({"text/css"})
_BY_NAME = {".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml", ".css": "text/css"}


@dataclass(frozen=True, slots=True)
class Media:
    """``type`` is the media type without parameters, ``header`` the whole Content-Type."""

    type: str
    header: str | None

    @classmethod
    def of(cls, header: str | None, url: str) -> Media:
        """From the answer's head; without a type its URL's ending tells, as it does a browser on disk."""
        if header is not None:
            return cls(header.partition(";")[0].strip().lower(), header)
        path = urlsplit(url).path.lower()
        ending = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else ""
        return cls(_BY_NAME.get(ending, ""), None)

    @property
    def html(self) -> bool:
        """Whether it is a page with links."""
        return self.type in _HTML

    @property
    def css(self) -> bool:
        """Whether it is a style sheet."""
        return self.type in _CSS

    @property
    def json(self) -> bool:
        """Whether JMESPath applies to it (RFC 6839 §3.1)."""
        return self.type == "application/json" or self.type.endswith("+json")

    def parsed(self, rules: CrawlRules) -> bool:
        """Whether its bytes are looked into."""
        return self.html or self.css or (self.json and rules.extract is not None)


def refusal(rules: CrawlRules, media: Media, length: int | None) -> str | None:
    """Why the crawl leaves an answer out by its head, or ``None``."""
    if rules.content_types and not any(fnmatchcase(media.type, each.lower()) for each in rules.content_types):
        return "scope: content_types"
    if rules.max_file_bytes is not None and length is not None and length > rules.max_file_bytes:
        return TOO_LARGE
    return None
