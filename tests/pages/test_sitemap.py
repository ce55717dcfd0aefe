"""Sitemaps of every kind, read piece by piece, and what damaged and hostile ones come to."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.sitemap import LONGEST_URL, SitemapProblem, SitemapUrl, sitemap

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def read(*chunks: bytes) -> list[str]:
    """URLs, and problems with their lines."""
    return [
        found.url if isinstance(found, SitemapUrl) else f"{found.line}: {found.message}"
        for found in sitemap(chunks)
    ]


def urlset(inside: str) -> bytes:
    return f'<?xml version="1.0"?>\n<urlset xmlns="{NAMESPACE}">{inside}</urlset>'.encode()


def test_a_url_comes_with_its_date_frequency_and_priority() -> None:
    inside = "\n<url><loc> http://a/?x=1&amp;y </loc><lastmod>2026</lastmod><changefreq>daily</changefreq>"
    (found,) = sitemap([urlset(inside + "<priority>0.5</priority></url>")])
    assert found == SitemapUrl(
        url="http://a/?x=1&y", line=3, lastmod="2026", changefreq="daily", priority="0.5"
    )


def test_an_index_tells_sitemaps_and_not_pages() -> None:
    inside = f'<sitemapindex xmlns="{NAMESPACE}"><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>'
    assert list(sitemap([inside.encode()])) == [SitemapUrl(url="http://a/1.xml", line=1, nested=True)]


def test_images_and_other_extensions_are_no_pages() -> None:
    inside = '<url><i:image xmlns:i="x"><i:loc>http://a/i.png</i:loc></i:image><i:loc xmlns:i="x">http://no/</i:loc>'
    assert read(urlset(inside + "<loc>http://a/</loc></url>")) == ["http://a/"]


def test_any_namespace_or_none_will_do() -> None:
    assert read(b"<urlset><url><loc>http://a/</loc></url></urlset>") == ["http://a/"]
    assert read(b'<s:urlset xmlns:s="http://www.google.com/schemas/sitemap/0.84"><s:url><s:loc>http://a/</s:loc>'
                b"</s:url></s:urlset>") == ["http://a/"]  # fmt: skip


def test_feeds_are_sitemaps_too() -> None:
    rss = b"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>http://a/</link>
      <item><link>http://a/1</link><atom:link href="http://no/"/><pubDate>Thu</pubDate></item></channel></rss>"""
    assert list(sitemap([rss])) == [SitemapUrl(url="http://a/1", line=2, lastmod="Thu")]
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://a/"/><entry>
      <link rel="edit" href="http://no/"/><link href="http://a/1"/><updated>2026</updated></entry></feed>"""
    assert list(sitemap([atom])) == [SitemapUrl(url="http://a/1", line=1, lastmod="2026")]


def test_a_text_sitemap_is_one_url_a_line() -> None:
    assert read(b"\xef\xbb\xbfhttp://a/1\r\n\nhtt", b"p://a/2") == ["http://a/1", "http://a/2"]
    assert read(b"http://a/1\n\xff\nhttp://a/2\n") == [
        "http://a/1",
        "2: not UTF-8 (0xff), and not XML",
        "http://a/2",
    ]
    assert read(b"x" * (2 * LONGEST_URL), b"x\nhttp://a/\n") == [
        f"1: the line is longer than {LONGEST_URL} bytes",
        "http://a/",
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_are_believed(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?><urlset><url><loc>http://a/ä</loc></url></urlset>'
    assert read(text.encode(encoding)) == ["http://a/ä"]


def test_white_space_before_the_declaration_is_forgiven_and_counted() -> None:
    assert read(b"\n \n", urlset("\n<url></url>")) == ["5: <url> names no URL"]


def test_nothing_behind_a_fault_is_told_wherever_pieces_end() -> None:
    content = (
        b"<urlset><url><loc>&nbsp;</loc></url><urlset><url><loc>http://no/</loc></url></urlset></urlset>"
    )
    for size in (1, 2, 5, 100):
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        assert read(*pieces) == ["1: not XML: Entity 'nbsp' not defined"]


def test_pieces_may_end_anywhere() -> None:
    content = urlset("<url><loc>http://a/ä</loc></url>")
    assert read(*(content[at : at + 1] for at in range(len(content)))) == ["http://a/ä"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (
            b"<html><body/></html>",
            ["1: expected a sitemap (urlset, sitemapindex, rss or feed), found <html>"],
        ),
        (b"<urlset>\n<url><loc>http://a/</loc></url>\n<url>", ["http://a/", "3: not XML: Premature end"]),
        (b"<urlset><url><loc>http://a/</loc></url><", ["http://a/", "1: not XML: "]),
        (b"<urlset><url><loc>&nbsp;</loc></url></urlset>", ["1: not XML: Entity 'nbsp' not defined"]),
        (b"<a>" * 1000, ["1: not XML: Excessive depth"]),
        (b"<!DOCTYPE urlset><urlset/>", ["1: a document type declaration (DTD) is not accepted"]),
    ],
    ids=range(7),
)
def test_a_fault_is_located_and_what_was_whole_before_it_is_told(content: bytes, expected: list[str]) -> None:
    found = read(content)
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_entities_are_never_expanded_and_nothing_outside_is_read() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%b">' % (name, b"&%c;" % (name - 1) * 10) for name in range(ord("b"), ord("k"))
    )
    for head in (
        bomb + b"]>",
        b'<!DOCTYPE a SYSTEM "/etc/passwd">',
        b'<!DOCTYPE a [<!ENTITY j SYSTEM "/etc/passwd">]>',
    ):
        (found,) = read(head + b"<urlset x='&a;'><url><loc>http://&j;/</loc></url></urlset>")
        assert "root:" not in found
        assert ": " in found


def test_memory_does_not_grow_with_the_sitemap() -> None:
    def endless(count: int) -> Iterator[bytes]:
        yield f'<urlset xmlns="{NAMESPACE}">'.encode()
        for number in range(count):
            yield b"<url><loc>http://a/%d</loc><x/><x/></url><!-- %s --><?pi?>text\n" % (number, b"x" * 50)
        yield b"</urlset>"

    assert sum(1 for _ in sitemap(endless(10))) == 10
    tracemalloc.start()
    try:
        assert sum(1 for _ in sitemap(endless(20_000))) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_line_numbers_go_beyond_what_libxml2_keeps_in_a_node() -> None:
    found = list(sitemap([urlset("\n" * 100_000 + "<url></url>")]))
    assert found == [SitemapProblem(100_002, "<url> names no URL")]


TAGS = [b"<urlset>", b"</urlset>", b"<url>", b"</url>", b"<loc>", b"</loc>", b"<!--", b"-->", b"<![CDATA["]
SIGNS = [
    b"]]>",
    b"<!DOCTYPE a [",
    b"]>",
    b"<?xml version='1.0'?>",
    b"http://a/",
    b"<",
    b">",
    b"&",
    b"\xff",
    b"\n",
]
PIECES = st.sampled_from(TAGS) | st.sampled_from(SIGNS)


@given(st.lists(PIECES | st.binary(max_size=4)))
def test_any_bytes_give_urls_or_located_problems(pieces: list[bytes]) -> None:
    for found in sitemap(pieces):
        assert 1 <= found.line <= b"".join(pieces).count(b"\n") + 1
