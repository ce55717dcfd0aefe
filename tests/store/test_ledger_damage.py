"""A ledger that cannot be trusted is refused and left as it is."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.errors import StorageFailed
from crawler.store.ledger import Ledger
from crawler.store.reader import Reader
from tests.store.ledgers import FILE, record, run, settled


async def filled(state: Path) -> Path:
    async with run(state) as ledger:
        await settled(ledger, *(record(f"{n:05}", **FILE) for n in range(2000)))
    return state / "nightly.sqlite"


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(40_000)


def execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a text file": (lambda path: path.write_text("nothing of ours\n" * 20), "no SQLite database"),
    "an empty file": (lambda path: path.write_bytes(b""), "no SQLite database"),
    "a cut file": (truncate, "damaged"),
    "a bit flipped in the magic": (lambda path: overwrite(path, 3, b"\x10"), "no SQLite database"),
    "a bit flipped in the schema page": (lambda path: overwrite(path, 100, b"\x0c"), "damaged"),
    "a bit flipped in a page of rows": (lambda path: overwrite(path, 80 * 4096, b"\x0c"), "damaged"),
    "a page of zeros": (lambda path: overwrite(path, 50 * 4096, bytes(4096)), "damaged"),
    "another program's database": (
        lambda path: execute(path, "PRAGMA application_id = 77"),
        "another program",
    ),
    "a newer schema": (lambda path: execute(path, "PRAGMA user_version = 4"), r"newer version \(schema 4;"),
    "an impossible schema": (lambda path: execute(path, "PRAGMA user_version = 0"), "schema 0"),
    "a missing table": (lambda path: execute(path, "DROP TABLE begun"), "lacks the tables begun"),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_ledger_is_refused_and_not_a_byte_of_it_changes(tmp_path: Path, damage: str) -> None:
    path = await filled(tmp_path)
    change, message = DAMAGE[damage]
    change(path)
    before = path.read_bytes()
    with pytest.raises(StorageFailed, match=message) as caught:
        Ledger.open(tmp_path, "nightly", durability="full")
    assert str(path) in str(caught.value)
    assert "untouched" in str(caught.value)
    with pytest.raises(StorageFailed, match=message):
        Reader.open(tmp_path, "nightly")
    assert path.read_bytes() == before


async def test_a_newer_version_is_seen_even_if_only_the_log_has_it(tmp_path: Path) -> None:
    path = await filled(tmp_path / "old")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA user_version = 4")
    copies = [tmp_path / "nightly.sqlite", tmp_path / "nightly.sqlite-wal"]
    for copy in copies:
        shutil.copy(path.with_name(copy.name), copy)
    writer.close()
    before = [copy.read_bytes() for copy in copies]
    with pytest.raises(StorageFailed, match="newer version"):
        Ledger.open(tmp_path, "nightly", durability="full")
    assert [copy.read_bytes() for copy in copies] == before


async def test_a_refused_ledger_leaves_the_lock_free(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    whole = path.read_bytes()
    path.write_text("no ledger")
    for _ in range(2):
        with pytest.raises(StorageFailed):
            Ledger.open(tmp_path, "nightly", durability="full")
    path.write_bytes(whole)
    await Ledger.open(tmp_path, "nightly", durability="full").close()


async def test_a_log_without_its_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nightly.sqlite-wal").write_bytes(b"what a deleted ledger left")
    with pytest.raises(StorageFailed, match="itself is gone"):
        Ledger.open(tmp_path, "nightly", durability="full")
    assert not (tmp_path / "nightly.sqlite").exists()


async def test_a_library_too_old_is_named_instead_of_calling_the_ledger_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    for name in ("nightly", "new"):
        with pytest.raises(StorageFailed, match=r"needs 3\.37\.0"):
            Ledger.open(tmp_path, name, durability="full")


async def test_a_draft_that_a_kill_left_behind_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "nightly.sqlite.new").write_bytes(b"half a ledger")
    (tmp_path / "nightly.sqlite.new-wal").write_bytes(b"half a log")
    async with run(tmp_path) as ledger:
        await settled(ledger, record())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["nightly.lock", "nightly.sqlite"]


async def test_damage_found_on_the_way_stops_the_run_that_finds_it(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    async with run(tmp_path, "two") as ledger:
        for page in range(2, path.stat().st_size // 4096):
            overwrite(path, page * 4096, b"\xff" * 16)
        with pytest.raises(StorageFailed, match="damaged"):
            all(ledger.find("images", f"{n:05}") for n in range(2000))
