"""An index is sorted, and each of its lines leads to its record."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.store.warc.index import Index
from crawler.store.warc.surt import surt_key
from tests.store.archives import archive, exchange, index, names, only_file


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.org/", "org,example)/"),
        ("https://www.Example.org", "org,example)/"),
        ("http://www2.docs.example.org:80/A/B/", "org,example,docs)/a/b"),
        ("https://example.org:8080/", "org,example:8080)/"),
        ("https://example.org:80/", "org,example:80)/"),
        ("http://ann:pw@example.org./x", "org,example)/x"),
        ("http://127.0.0.1:8080/A/?b=2&A=1", "1,0,0,127:8080)/a?a=1&b=2"),
        ("http://[::1]:8080/a", "::1:8080)/a"),
        ("http://münchen.de/ü", "de,xn--mnchen-3ya)/%c3%bc"),
        ("http://e.com/a//b/../c/./d#top", "com,e)/a/c/d"),
        ("http://e.com/../..", "com,e)/"),
        ("http://e.com/%7Euser/%41%2541", "com,e)/~user/aa"),
        ("http://e.com/a%20b?x=%2F&y", "com,e)/a%20b?x=/&y"),
        ("http://e.com/a?", "com,e)/a"),
        ("http://e.com/?PHPSESSID=0123456789abcdef0123456789ABCDEF&q=1", "com,e)/?q=1"),
        ("http://e.com/a?sid=0123456789abcdef0123456789ABCDEF", "com,e)/a"),
        ("http://e.com/a?sid=1", "com,e)/a?sid=1"),
        ("urn:x:y z", "urn:x:y%20z"),
    ],
)
def test_a_key_is_the_one_that_replay_tools_look_up(url: str, key: str) -> None:
    """The expected keys are what ``surt`` 0.3.1 gives, but for the last line, where it gives none."""
    assert surt_key(url) == key


@given(st.text())
@example("http://" + "." * 5000)
@example("http://[x:/?%%2525")
def test_a_key_never_breaks_its_line(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.org/{text}"):
        key = surt_key(url)
        assert key.isascii()
        assert not any(char.isspace() for char in key)


async def test_every_capture_has_its_line_and_nothing_else_has(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        first = await site.append(exchange("/b", via="http://example.org/", started=1.7e9))
        await site.append(exchange("/a", b"", status_line=b"HTTP/1.1 301 Moved", response_headers=()))
        await site.append(exchange("/b", earlier=first, started=1.8e9))
        await site.append(exchange("/c", response_headers=((b"content-type", b"what ever"),)))
    lines = index(only_file(tmp_path))
    shown = [(key, stamp, told["mime"], told["status"]) for key, stamp, told in lines]
    assert shown == [
        ("org,example)/a", "20231114221320", "unk", "301"),
        ("org,example)/b", "20231114221320", "text/html", "200"),
        ("org,example)/b", "20270115080000", "warc/revisit", "200"),
        ("org,example)/c", "20231114221320", "unk", "200"),
    ]
    digest = first.payload_digest
    assert [told["digest"] == digest for _, _, told in lines] == [False, True, True, True]
    assert all(isinstance(value, str) for _, _, told in lines for value in told.values())


async def test_each_file_has_an_index_of_its_own(tmp_path: Path) -> None:
    async with archive(tmp_path, max_bytes=2000) as site:
        await asyncio.gather(*(site.append(exchange(f"/{n}", random.randbytes(400))) for n in range(20)))
    files = names(tmp_path, ".warc.gz")
    assert len(files) > 3
    found = [told["url"] for name in files for _, _, told in index(tmp_path / "warc" / name)]
    assert sorted(found) == sorted(f"http://example.org/{n}" for n in range(20))


def test_more_lines_than_memory_should_hold_are_sorted_all_the_same(tmp_path: Path) -> None:
    lines = [b"%030d\n" % random.Random(n).randrange(10**9) for n in range(12_345)]
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        gathered = Index(folder)
        for line in lines:
            gathered.add(line)
        assert list(tmp_path.iterdir()) == []  # what is put aside has no name to be left behind under
        gathered.write("a.cdxj", durable=True)
        gathered.close()
    finally:
        os.close(folder)
    assert (tmp_path / "a.cdxj").read_bytes() == b"".join(sorted(lines))
    assert [path.name for path in tmp_path.iterdir()] == ["a.cdxj"]
