"""What the ledger remembers of hosts, and a ledger of the first version, which knew nothing of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from crawler.crawled import Found, HostFacts, Page, RobotsFile, Use
from crawler.errors import StorageFailed
from crawler.model import Outcome
from crawler.store import database
from crawler.store.ledger import Ledger
from tests.store.ledgers import FILE, record, run, settled


async def test_facts_of_hosts_outlive_the_run(tmp_path: Path) -> None:
    paused = HostFacts(key="a.test:80", noted=1e9, paused_until=1e9 + 60, level=2, window=3.5)
    dead = HostFacts(key="group:cdn", noted=1e9, given_up=True)
    async with run(tmp_path) as ledger:
        assert ledger.hosts.find("a.test:80") is None
        ledger.hosts.note([paused, dead])
        ledger.hosts.note([])
        await ledger.flush()
        assert ledger.hosts.find("a.test:80") == paused
    async with run(tmp_path, "two") as ledger:
        assert ledger.hosts.find("group:cdn") == dead
        assert ledger.hosts.find("b.test:80") is None
        healed = HostFacts(key="group:cdn", noted=1.1e9)
        ledger.hosts.note([healed])
        await ledger.flush()
        assert ledger.hosts.find("group:cdn") == healed


async def test_the_last_robots_txt_of_an_origin_is_kept_whole(tmp_path: Path) -> None:
    body = bytes(range(256)) * 2000
    async with run(tmp_path) as ledger:
        assert ledger.hosts.robots("http://a.test:80") is None
        for kept in (body, b""):
            file = RobotsFile(origin="http://a.test:80", fetched=1e9, status="rules", body=kept)
            ledger.hosts.keep_robots(file)
            await ledger.flush()
            assert ledger.hosts.robots("http://a.test:80") == file


def first_version(state: Path) -> Path:
    """A ledger as version 1 wrote it: one finished run with one file."""
    schema = resources.files("crawler.store").joinpath("schema.sql").read_text("utf-8")
    path = database.path_of(state, "nightly")
    state.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema)
        connection.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO run VALUES (1, 'old', 1, 'nightly.yaml', 1e9, 1e9, 0, 1, '{}')")
        connection.execute(
            "INSERT INTO task VALUES (1, 'images', 'a', 'http://example.test/a', 0, 1, 'new', 200, 1, 10, "
            "0.1, 1e9, NULL, NULL, 0, :target, :size, :mtime_ns, :sha256, :etag, :last_modified, NULL)",
            FILE,
        )
        connection.commit()
    return path


async def test_a_ledger_of_version_2_is_brought_up_to_date_and_forgets_no_page(tmp_path: Path) -> None:
    path = first_version(tmp_path / "state")
    second = resources.files("crawler.store").joinpath("schema_2.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"{second}; PRAGMA user_version = 2;")
        connection.execute(
            "INSERT INTO page (job, fingerprint, round, key, url, links, converted) "
            "VALUES ('site', 7, 1, 'k', 'http://a.test/', x'', 1)"
        )
    async with run(tmp_path / "state", "two") as ledger:
        page = Page(fingerprint=7, key="k", url="http://a.test/", converted=1)
        assert ledger.sites.page("site", 7) == page
        assert ledger.sites.limits("site") == {}


async def test_a_ledger_of_version_1_is_brought_up_to_date_and_forgets_nothing(tmp_path: Path) -> None:
    path = first_version(tmp_path / "state")
    async with run(tmp_path / "state", "two") as ledger:
        known = ledger.find("images", "a")
        assert known is not None
        assert (known.outcome, known.sha256, known.current) == (Outcome.NEW, FILE["sha256"], False)
        ledger.sites.plant("job", [Found("http://a.test/", 7, Use.PAGE, 0)])
        assert [each.found.fingerprint for each in ledger.sites.queued("job", 0)] == [7]
        assert ledger.hosts.find("a.test:80") is None
        await settled(ledger, record("b"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (database.SCHEMA_VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
        assert tables >= {"run", "task", "begun", "found", "page", "host", "robots"}


async def test_a_ledger_of_version_1_is_upgraded_once_and_a_fresh_one_looks_the_same(tmp_path: Path) -> None:
    old = first_version(tmp_path / "old")
    (tmp_path / "new").mkdir()
    for state in (tmp_path / "old", tmp_path / "new"):
        for _ in range(2):
            await Ledger.open(state, "nightly", durability="none").close()
    shapes = []
    for path in (old, database.path_of(tmp_path / "new", "nightly")):
        with closing(sqlite3.connect(path)) as connection:
            shapes.append(sorted(connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()))
    assert shapes[0] == shapes[1]


def test_a_damaged_ledger_of_version_1_is_left_untouched(tmp_path: Path) -> None:
    path = first_version(tmp_path / "state")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE begun")
        connection.commit()
    with pytest.raises(StorageFailed, match="lacks the tables begun"):
        Ledger.open(tmp_path / "state", "nightly", durability="none")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
