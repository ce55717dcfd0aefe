"""Sitemaps as rows; what an index lists are rows of other sitemaps, ``nested`` ones."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

from crawler.manifest.rows.pieces import pieces
from crawler.manifest.rows.text import BadRow
from crawler.model import Row
from crawler.pages.sitemap import SitemapProblem, sitemap

NESTED = "sitemap"  # the column that holds the URL of another sitemap


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """A row a page, with ``url`` and, where given, ``lastmod``, ``changefreq`` and ``priority``.

    A row of an index has nothing but ``sitemap``.
    """
    for found in sitemap(pieces(stream)):
        if isinstance(found, SitemapProblem):
            yield BadRow(source, found.line, found.message)
        elif found.nested:
            yield Row({NESTED: found.url}, source, found.line)
        else:
            fields: dict[str, object] = {"url": found.url}
            for name in ("lastmod", "changefreq", "priority"):
                if (value := getattr(found, name)) is not None:
                    fields[name] = value
            yield Row(fields, source, found.line)
