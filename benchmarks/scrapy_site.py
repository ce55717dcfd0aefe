"""The same crawl as a Scrapy spider: every link below the start URLs followed, every answer saved.

    python benchmarks/scrapy_site.py FOLDER CONNECTIONS URL…

Run by a Python that has Scrapy; the benchmark `crawl.py` does that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import Spider


class Mirror(Spider):  # type: ignore[misc]  # Scrapy is not installed where we check types
    """Saves each page and follows its links and requisites."""

    name = "mirror"

    def __init__(self, folder: Path, urls: list[str]) -> None:
        super().__init__()
        self.start_urls = urls
        self._folder = folder
        self._links = LinkExtractor(
            allow=[re.escape(url) for url in urls],
            deny_extensions=[],
            tags=("a", "area", "link", "img", "script", "object"),
            attrs=("href", "src", "data"),
        )

    def parse(self, response: Any, **_: Any) -> Iterator[Any]:
        """Save, and follow."""
        parts = urlsplit(response.url)
        path = parts.path + ("index.html" if parts.path.endswith("/") else "")
        file = self._folder / (path[1:] + (f"@{parts.query}" if parts.query else ""))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(response.body)
        if isinstance(response, HtmlResponse):
            for link in self._links.extract_links(response):
                yield response.follow(link, self.parse)


def main() -> None:
    folder, connections, urls = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": connections,
            "CONCURRENT_REQUESTS_PER_DOMAIN": connections,
            "DOWNLOAD_DELAY": 0,
            "ROBOTSTXT_OBEY": True,
            "LOG_LEVEL": "ERROR",
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    process.crawl(Mirror, folder=folder, urls=urls)
    process.start()


if __name__ == "__main__":
    main()
