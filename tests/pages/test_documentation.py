"""Real documents: what an independent parser finds in them is what we find, and nothing else is rewritten."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import cast
from urllib.parse import urldefrag, urljoin

import pytest
from lxml import html as lxml_html

from crawler.pages.extraction import Field, extract
from crawler.pages.html_links import html_links
from crawler.pages.link import LinkKind
from crawler.pages.rewriting import rewrite_html

FOLDERS = [Path("/usr/share/doc/python3.11/html"), Path("/usr/share/doc/postgresql-doc-15/html")]
SAMPLE = 25  # documents of each; enough for every kind of page these have


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.parts[-2])
def documents(request: pytest.FixtureRequest) -> list[tuple[str, bytes]]:
    """Some documents of the folder and their URLs, the same each time."""
    folder: Path = request.param
    files = sorted(path for path in folder.rglob("*.html") if path.stat().st_size < 300_000)
    if not files:
        pytest.skip(f"{folder} is not installed")
    chosen = random.Random(0).sample(files, min(SAMPLE, len(files)))
    return [(f"http://docs/{path.relative_to(folder)}", path.read_bytes()) for path in chosen]


def texts(body: bytes, path: str) -> list[str]:
    """What lxml finds for an XPath of attributes or strings, elements as their text."""
    tree = lxml_html.document_fromstring(body, parser=lxml_html.HTMLParser(encoding="utf-8"))
    found = cast("list[str | lxml_html.HtmlElement]", tree.xpath(path))
    return [one if isinstance(one, str) else one.text_content() for one in found]


def urls(page: str, references: Iterable[str]) -> set[str]:
    """The http URLs among the references to other documents."""
    joined = {urldefrag(urljoin(page, text)).url for text in references if text and text[0] != "#"}
    return {url for url in joined if url.startswith("http")}


def test_lxml_finds_the_same_links(documents: list[tuple[str, bytes]]) -> None:
    for url, body in documents:
        expected = urls(
            url, texts(body, "//a/@href | //link/@href | //img/@src | //script/@src | //area/@href")
        )
        assert {link.url for link in html_links(body, url).links} == expected, url


def test_the_requisites_are_what_lxml_sees_as_images_scripts_and_sheets(
    documents: list[tuple[str, bytes]],
) -> None:
    for url, body in documents:
        sheets = "//link[contains(@rel, 'stylesheet') or contains(@rel, 'icon')]/@href"
        expected = urls(url, texts(body, f"//img/@src | //script/@src | {sheets}"))
        needed = {link.url for link in html_links(body, url).links if LinkKind.REQUISITE in link.kind}
        assert needed == expected, url


def test_the_titles_and_code_blocks_are_those_of_lxml(documents: list[tuple[str, bytes]]) -> None:
    fields = [
        Field(name="title", css="title"),
        Field(name="h1", css="h1", many=True),
        Field(name="code", css="pre", many=True),
    ]
    for url, body in documents:
        found = extract(body, "text/html; charset=utf-8", url, fields).values
        assert [found["title"]] == [" ".join(text.split()) for text in texts(body, "//title")]
        assert found["h1"] == [" ".join(text.split()) for text in texts(body, "//h1")]
        # HTML drops a line end right after <pre>; libxml2 does not.
        assert found["code"] == [re.sub("^\n", "", text) for text in texts(body, "//pre")]


def test_a_rewritten_document_differs_in_its_links_only(documents: list[tuple[str, bytes]]) -> None:
    links = re.compile(rb'(?:href|src|action)="[^"]*"')
    for url, body in documents:
        assert rewrite_html(body, url, "text/html; charset=utf-8", lambda _: None) == body
        new = rewrite_html(body, url, "text/html; charset=utf-8", lambda link: f"m/{len(link)}.html")
        after = html_links(new, url)
        led = {link.url.rpartition("/")[0] for link in after.links if link.url != after.canonical}
        assert led == {urljoin(url, "m")}
        assert links.sub(b"", new) == links.sub(b"", body)
