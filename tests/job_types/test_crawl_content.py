"""A crawled body is hashed once, wherever it is held and whoever reads it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.job_types.crawling import content
from crawler.job_types.crawling.content import Content


class Answer:
    """A body in pieces."""

    encoded = False
    length = None

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def small_body(self) -> bytes | None:
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Gauge:
    """Shows nothing."""

    def start(self, total: int | None) -> None: ...

    def add(self, size: int) -> None: ...


async def received(pieces: list[bytes], parsed: bool, archived: bool) -> Content:
    body = Content(None, parsed=parsed, archived=archived)
    answer: Any = Answer(pieces)
    gauge: Any = Gauge()
    await body.receive(answer, gauge, None)
    return body


@pytest.mark.parametrize("most_parsed", [0, 10, 1000])
def test_the_digest_is_that_of_all_bytes(most_parsed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MOST_PARSED", most_parsed)
    monkeypatch.setattr(content, "MOST_HELD", 5)

    @given(st.lists(st.binary(max_size=9), max_size=6), st.booleans(), st.booleans())
    def all_of_them(pieces: list[bytes], parsed: bool, archived: bool) -> None:
        body = asyncio.run(received(pieces, parsed, archived))
        whole = b"".join(pieces)
        assert body.digest() == hashlib.sha256(whole).hexdigest()
        assert body.whole == (whole if parsed and len(whole) <= most_parsed else None)
        if archived:
            kept = body.for_archive
            if not isinstance(kept, bytes):
                kept.seek(0)
                kept = kept.read()
            assert kept == whole
        body.close()

    all_of_them()


async def test_what_was_hashed_elsewhere_is_not_hashed_again() -> None:
    body = await received([b"a page"], parsed=True, archived=False)
    body.know_digest("5eed")
    assert body.digest() == "5eed"
