"""The part file's bytes: written in blocks, and made durable between any two of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crawler.store.sink import Piece, Sink

BLOCKS = (b"a" * 700_000, b"b" * 700_000)  # large enough to be hashed on a thread of its own


def test_what_is_written_can_be_made_durable_while_more_comes_in(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    with ThreadPoolExecutor(1) as hashers, ThreadPoolExecutor(1) as another:
        sink = Sink(os.open(path, os.O_RDWR | os.O_CREAT), (), eager=True, hasher_pool=hashers)

        def blocks() -> Iterator[Sequence[Piece]]:
            yield [BLOCKS[0]]
            another.submit(sink.sync_data).result(timeout=20)  # would wait for the last block otherwise
            assert path.read_bytes() == BLOCKS[0]
            yield [memoryview(BLOCKS[1])[:300_000], memoryview(BLOCKS[1])[300_000:]]

        sink.writelines(blocks())
        assert sink.size == sum(map(len, BLOCKS))
        assert sink.digest("sha256") == hashlib.sha256(b"".join(BLOCKS)).hexdigest()
        sink.close()
    assert path.read_bytes() == b"".join(BLOCKS)
