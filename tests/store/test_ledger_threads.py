"""One writer, many who wait: group commit, cancellation and failure."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest

from crawler.errors import StorageFailed
from crawler.model import Checkpoint
from crawler.store import database
from crawler.store.files import Finalizing
from crawler.store.ledger import Ledger
from crawler.store.reader import Reader
from crawler.store.writer import Write, Writer
from tests.store.ledgers import CHECKPOINT, FILE, record, run, settled


def writer_at(state: Path) -> Writer:
    path = database.path_of(state, "nightly")
    database.create(path)
    return Writer(database.open_writer(path, durable=False), path)


def busy(writer: Writer) -> threading.Event:
    """Keep the writer in a transaction until the event is set, so that what follows shares a batch."""
    gate, entered = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        entered.set()
        gate.wait()

    writer.call(wait)
    entered.wait()
    return gate


async def test_settling_on_the_loop_and_finalizing_on_a_thread_lose_nothing(tmp_path: Path) -> None:
    seen = []

    def finalize(ledger: Ledger) -> None:
        with Reader.open(tmp_path, "nightly") or pytest.fail("no ledger") as reader:
            for n in range(40):
                ledger.finalizing([Finalizing("files", f"{n}-{m}", "x", "ab", 1) for m in range(5)])
                seen.append(sum(1 for _ in reader.undone()))

    async with run(tmp_path) as ledger:
        thread = asyncio.create_task(asyncio.to_thread(finalize, ledger))
        for n in range(0, 3000, 100):
            await asyncio.gather(
                settled(ledger, *(record(str(m), **FILE) for m in range(n, n + 100))),
                ledger.checkpoint("parts", "p", "", "p.bin", CHECKPOINT),
            )
        await thread
        assert all(ledger.find("images", str(n)) for n in range(3000))
    assert all(count >= 5 * (n + 1) for n, count in enumerate(seen))


async def test_done_is_called_on_the_loop_in_the_order_of_settling(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def done(n: int) -> None:
        calls.append((n, threading.get_ident()))

    async with run(tmp_path) as ledger:
        for n in range(50):
            ledger.settle(record(str(n)), partial(done, n))
        await settled(ledger, record("last"))
    assert calls == [(n, threading.get_ident()) for n in range(50)]


async def test_a_done_that_raises_does_not_take_the_others_along(tmp_path: Path) -> None:
    raised = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))

    def bad() -> None:
        raise ValueError("a listener's bug")

    async with run(tmp_path) as ledger:
        ledger.settle(record("a"), bad)
        await settled(ledger, record("b"))
    assert [str(error) for error in raised] == ["a listener's bug"]


def test_what_nobody_waits_for_any_more_is_not_written(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    gate = busy(writer)
    applied: list[str] = []
    cancelled = writer.call(lambda _: applied.append("cancelled"))
    kept = writer.call(lambda _: applied.append("kept"))
    cancelled.cancel()
    gate.set()
    assert kept.result() is None
    writer.stop()
    writer.ended.result()
    assert applied == ["kept"]
    with pytest.raises(CancelledError):
        cancelled.result()


def test_after_one_failure_nothing_of_its_batch_and_nothing_later_is_written(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    gate = busy(writer)
    insert = "INSERT INTO begun (job, key, run) VALUES ('j', ?, 1)"
    same_batch = writer.call(lambda connection: connection.execute(insert, ("a",)))
    writer.post(Write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)")))
    gate.set()
    with pytest.raises(StorageFailed, match="no such table: nowhere"):
        same_batch.result()
    with pytest.raises(StorageFailed, match="nowhere"):
        writer.call(lambda connection: connection.execute(insert, ("b",)))
    writer.stop()
    writer.ended.result()
    with sqlite3.connect(tmp_path / "nightly.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM begun").fetchone() == (0,)
    connection.close()


async def test_a_record_that_the_ledger_cannot_hold_is_refused_alone(tmp_path: Path) -> None:
    refused: list[Exception] = []
    async with run(tmp_path) as ledger:
        ledger.settle(record("a"), lambda: None)
        ledger.settle(record("b", mtime_ns=2**63), lambda: refused.append(AssertionError()), refused.append)
        await settled(ledger, record("c"))
        assert [ledger.find("images", key) is not None for key in "abc"] == [True, False, True]
        assert ledger.failed is None
    assert [type(error) for error in refused] == [OverflowError]


async def test_who_waits_for_what_the_ledger_cannot_hold_is_told_and_nobody_else(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        with pytest.raises(OverflowError):
            await ledger.checkpoint("j", "k", "http://h/", "k", Checkpoint(2**63, '"v"', None, "u", 1))
        await settled(ledger, record("c"))
        assert ledger.failed is None


def test_a_change_that_is_refused_half_way_takes_its_batch_along(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO begun (job, key, run) VALUES ('j', 'k', 1)")
        connection.execute("INSERT INTO begun (job, key, run) VALUES ('j', 'l', ?)", (2**63,))

    with pytest.raises(OverflowError):
        writer.call(half).result()
    assert isinstance(writer.failed, OverflowError)
    writer.stop()
    writer.ended.result()


def test_a_mistake_of_ours_is_not_called_a_storage_failure(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    with pytest.raises(ZeroDivisionError):
        writer.call(lambda _: 1 / 0).result()
    assert isinstance(writer.failed, ZeroDivisionError)
    writer.stop()
    writer.ended.result()
