"""One large file in segments by the command itself: killed at half, and gone on with."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.job_types import ranges
from crawler.job_types.reading import CHECKPOINT_BYTES
from crawler.model import Checkpoint
from crawler.store.ledger import Ledger
from crawler.store.reader import Reader
from tests.cli.running import finals, manifest, started, wait_until
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

MIB = 1024 * 1024
SIZE = 40 * MIB + 17


def durable(state: Path) -> int:
    """Bytes of the file under way that the ledger promises."""
    reader = Reader.open(state, "test") if (state / "test.sqlite").exists() else None
    if reader is None:
        return 0
    try:
        return sum(each.offset or 0 for each in reader.undone())
    finally:
        reader.close()


def committed(state: Path) -> Checkpoint:
    async def read() -> Checkpoint:
        ledger = Ledger.open(state, "test", durability="none")
        try:
            known = ledger.find("big", "big.bin")
            assert known is not None
            assert known.checkpoint is not None
            return known.checkpoint
        finally:
            await ledger.close()

    return asyncio.run(read())


def test_a_killed_download_in_segments_asks_only_for_what_no_checkpoint_holds(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    data = file_bytes(SIZE, "big")
    offer = threaded_server.set_file("big", data, throttle=8_000_000)
    url = threaded_server.url("/versions/big")
    path = manifest(tmp_path, f'  - {{name: big, type: download, urls: ["{url}"], to: big.bin, segments: 4}}')
    state = tmp_path / "out/.crawler"
    with started("run", path, "-o", "out", cwd=tmp_path) as run:
        wait_until(lambda: durable(state) >= CHECKPOINT_BYTES)
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert finals(tmp_path / "out") == {}
    left = committed(state)
    assert len(left.gaps) > 1
    wait_until(lambda: threaded_server.in_flight == 0)
    assert threaded_server.most_in_flight <= 4
    threaded_server.log.clear()
    offer.throttle = None
    done = run_crawler("run", path, "-o", "out", "--report", "r.json")
    assert done.returncode == 0, done.stderr
    assert finals(tmp_path / "out") == {"big.bin": data}
    assert sorted(request.header("Range") or "" for request in threaded_server.log) == sorted(
        f"bytes={start}-{end - 1}" for start, end in ranges.missing(left)
    )
    assert json.loads((tmp_path / "r.json").read_text())["totals"]["bytes"] == SIZE - left.offset
