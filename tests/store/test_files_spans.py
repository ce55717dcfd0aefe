"""A part file written in several places at once."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.store.span import BLOCK
from tests.store.outputs import output_root, tree

KIB = 1024
DATA = hashlib.shake_256(b"spans").digest(3 * BLOCK + 77)


async def test_spans_written_in_any_order_make_the_file_once_joined(tmp_path: Path) -> None:
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k", algorithms=frozenset({"md5"}))
        edges = [0, 100, BLOCK + 5, 2 * BLOCK, len(DATA)]
        spans = [(part.span(start), DATA[start:end]) for start, end in itertools.pairwise(edges)]

        async def fill(number: int) -> None:
            span, data = spans[number]
            for at in range(0, len(data), 10_000):
                await span.write(data[at : at + 10_000])

        await asyncio.gather(*map(fill, (3, 1, 0, 2)))
        await part.join(len(DATA))
        assert part.offset == len(DATA)
        assert await part.digest("md5") == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
        saved = await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == DATA
    assert (saved.size, saved.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert tree(tmp_path) == {"f"}


async def test_what_a_checkpoint_saw_is_in_the_file_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k")
        first, second = part.span(0), part.span(BLOCK)
        await first.write(DATA[:10])
        await second.write(DATA[BLOCK : BLOCK + 20])
        await part.checkpoint()
        stored = (tmp_path / "f.part").read_bytes()
        assert (stored[:10], stored[BLOCK:]) == (DATA[:10], DATA[BLOCK : BLOCK + 20])
        await first.write(DATA[10:20])
        await part.keep()
        again = await files.open("f", job="j", key="k", resume_at=BLOCK + 20, gaps=True)
        assert again.offset == BLOCK + 20
        gap, end = again.span(10), again.span(BLOCK + 20)
        await gap.write(DATA[10:BLOCK])
        await end.write(DATA[BLOCK + 20 :])
        await again.join(len(DATA))
        await again.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == DATA


async def test_bytes_beyond_the_file_are_cut_off_when_it_is_joined(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"x" * 500)
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k", resume_at=100, gaps=True)
        await part.span(0).write(b"y" * 99)
        await part.join(100)
        await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == b"y" * 99 + b"x"


async def test_a_part_file_that_is_too_short_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"x" * 99)
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k", resume_at=100, gaps=True)
        assert part.offset == 0
        await part.discard()


async def test_a_restart_forgets_every_span(tmp_path: Path) -> None:
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k")
        await part.span(BLOCK).write(DATA[: 2 * BLOCK])
        await part.span(0).write(b"pending")
        await part.restart()
        await part.write(b"whole")
        saved = await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert saved.sha256 == hashlib.sha256(b"whole").hexdigest()


async def test_a_cancelled_writer_loses_nothing_that_it_handed_over(tmp_path: Path) -> None:
    async with output_root(tmp_path) as files:
        part = await files.open("f", job="j", key="k")
        span = part.span(0)

        async def fill() -> None:
            for at in range(0, len(DATA), BLOCK // 2):
                await span.write(DATA[at : at + BLOCK // 2])
            await asyncio.sleep(60)

        writer = asyncio.create_task(fill())
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await part.checkpoint()
        stored = (tmp_path / "f.part").read_bytes()
        assert stored
        assert DATA.startswith(stored)
        await part.discard()
    assert tree(tmp_path) == set()


@given(
    inside=st.sets(st.integers(1, 4095), max_size=9),
    order=st.randoms(use_true_random=False),
    step=st.integers(1, 500),
)
async def test_any_cut_of_a_file_gives_it_back(
    tmp_path_factory: pytest.TempPathFactory, inside: set[int], order: Random, step: int
) -> None:
    root = tmp_path_factory.mktemp("spans")
    pairs = list(itertools.pairwise(sorted({0, 4096, *inside})))
    order.shuffle(pairs)
    async with output_root(root, "none", chunk_size=300) as files:
        part = await files.open("f", job="j", key="k")
        for start, end in pairs:
            span = part.span(start)
            for at in range(start, end, step):
                await span.write(DATA[at : min(end, at + step)])
        await part.join(4096)
        await part.finish(replace=False)
    assert (root / "f").read_bytes() == DATA[:4096]
