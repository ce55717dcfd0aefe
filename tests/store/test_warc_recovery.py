"""An archive that was left open is whole again at the next start, and nothing that was whole is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.errors import StorageFailed
from crawler.store.warc.reading import whole_records
from crawler.store.warc.recovery import Recovered, recover_all
from crawler.store.warc.volume import Shelf
from tests.store.archives import (
    archive,
    bodies,
    everything,
    exchange,
    index,
    only_file,
    seen,
    warcio_check,
)

PATHS = [f"http://example.org/{n}" for n in range(3)]


@pytest.fixture
async def written(tmp_path: Path) -> Path:
    """A file of three pages, closed properly."""
    async with archive(tmp_path) as site:
        for n in range(3):
            await site.append(exchange(f"/{n}", bytes([65 + n]) * 50, hops=n))
    return only_file(tmp_path)


@contextmanager
def shelf(folder: Path) -> Iterator[Shelf]:
    fd = os.open(folder, os.O_RDONLY)
    try:
        yield Shelf(fd, str(folder.parent), folder.name, durable=False)
    finally:
        os.close(fd)


def recovered(folder: Path) -> list[Recovered]:
    with shelf(folder) as there:
        return list(recover_all(there, "site"))


def left_open(path: Path, content: bytes, folder: str = "other") -> Path:
    """The file as a run that died would have left it, in a folder of its own; where it should end up."""
    target = path.parent.parent / folder / path.name
    target.parent.mkdir(exist_ok=True)
    for old in target.parent.iterdir():
        old.unlink()
    target.with_name(path.name + ".open").write_bytes(content)
    return target


def offsets(path: Path) -> list[tuple[int, int, str]]:
    with path.open("rb") as file:
        return [
            (each.offset, each.offset + each.length, each.fields["warc-type"])
            for each in whole_records(file.fileno())
        ]


def test_a_tail_torn_at_any_byte_is_cut_to_the_last_whole_record(written: Path) -> None:
    content, records = written.read_bytes(), offsets(written)
    begin = records[4][0]  # the second page's answer
    for size in range(begin, len(content)):
        target = left_open(written, content[:size])
        ends = [end for _, end, _ in records if end <= size]
        captures = sum(kind == "response" and end <= size for _, end, kind in records)
        assert recovered(target.parent) == [Recovered(written.name, captures, size - ends[-1], False)]
        assert target.read_bytes() == content[: ends[-1]]
        assert len(list(target.parent.iterdir())) == 2
        if size % 50 == 0:
            assert len(seen(target)) == len(ends)
            assert len(index(target)) == captures


def test_a_whole_file_is_only_closed_and_its_index_is_the_same(written: Path) -> None:
    target = left_open(written, written.read_bytes())
    assert recovered(target.parent) == [Recovered(written.name, 3, 0, False)]
    assert target.read_bytes() == written.read_bytes()
    cdxj = written.name.replace(".warc.gz", ".cdxj")
    assert target.with_name(cdxj).read_bytes() == written.with_name(cdxj).read_bytes()
    assert recovered(target.parent) == []
    assert warcio_check(target) == (0, "")


@pytest.mark.parametrize(
    "tail", [bytes(70_000), b"\x1f\x8b\x08", (b"\x1f\x8b\x08" + bytes(5)) * 900, os.urandom(5000)]
)
def test_what_was_never_a_record_is_cut_off(written: Path, tail: bytes) -> None:
    content = written.read_bytes()
    target = left_open(written, content + tail)
    assert recovered(target.parent) == [Recovered(written.name, 3, len(tail), False)]
    assert target.read_bytes() == content


def test_whole_records_behind_a_damaged_one_are_set_aside_not_destroyed(written: Path) -> None:
    content, records = bytearray(written.read_bytes()), offsets(written)
    start, end, _ = records[4]
    content[(start + end) // 2] ^= 0xFF
    target = left_open(written, bytes(content))
    assert recovered(target.parent) == [Recovered(written.name, 1, len(content) - start, True)]
    assert target.read_bytes() == content[:start]
    damaged = target.with_name(target.name + ".damaged")
    assert damaged.read_bytes() == content[start:]
    with damaged.open("rb") as file:
        assert [each.fields["warc-type"] for each in whole_records(file.fileno(), end - start)] == [
            *("request", "metadata", "response", "request", "metadata")
        ]


@pytest.mark.parametrize("size", [0, 10, None])
def test_a_file_without_any_page_is_taken_away(written: Path, size: int | None) -> None:
    warcinfo = written.read_bytes()[: offsets(written)[0][1]]
    target = left_open(written, warcinfo[:size])
    (told,) = recovered(target.parent)
    assert told.captures == 0
    assert list(target.parent.iterdir()) == []


async def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    async with archive(tmp_path, durability="full") as one:
        await one.append(exchange("/1"))
        async with archive(tmp_path) as other:
            assert other.recovered == ()
        await one.append(exchange("/2"))
    assert len(bodies(everything(tmp_path))) == 2


async def test_an_archive_begins_by_recovering_its_own_name_only(tmp_path: Path, written: Path) -> None:
    torn = written.read_bytes()[:-3]
    written.unlink()
    kept = ["sites-20260101000000000-00000.warc.gz.open", "site-1.warc.gz.open", "site.open"]
    for name in kept:
        written.with_name(name).write_bytes(torn)
    written.with_name(written.name + ".open").write_bytes(torn)
    async with archive(tmp_path, durability="full") as site:
        assert [each.name for each in site.recovered] == [written.name]
    assert written.exists()
    assert {path.name for path in written.parent.iterdir()} >= set(kept)
    assert all(written.with_name(name).read_bytes() == torn for name in kept)


def test_a_link_is_not_followed_and_a_pipe_not_waited_for(written: Path) -> None:
    precious = written.parent.parent / "precious"
    precious.write_bytes(written.read_bytes()[:-3])
    target = left_open(written, b"")
    target.with_name(target.name + ".open").unlink()
    target.with_name(target.name + ".open").symlink_to(precious)
    os.mkfifo(target.with_name("site-20260101000000000-00000.warc.gz.open"))
    assert recovered(target.parent) == []
    assert precious.read_bytes() == written.read_bytes()[:-3]


@pytest.mark.parametrize("how", ["both names", "empty claim", "index only"])
def test_a_kill_while_the_name_was_given_is_made_good(written: Path, how: str) -> None:
    target = left_open(written, written.read_bytes())
    if how == "both names":
        target.hardlink_to(target.with_name(target.name + ".open"))
    elif how == "empty claim":
        target.touch()
    else:
        target.with_name(target.name.replace(".warc.gz", ".cdxj")).write_bytes(b"an older index\n")
    recovered(target.parent)
    assert target.read_bytes() == written.read_bytes()
    assert len(index(target)) == 3
    assert len(list(target.parent.iterdir())) == 2


def test_another_file_under_the_final_name_is_not_replaced(written: Path) -> None:
    target = left_open(written, written.read_bytes())
    target.write_bytes(b"somebody's")
    with pytest.raises(StorageFailed, match=r"EEXIST .* while recovering .*\.warc\.gz"):
        recovered(target.parent)
    assert target.read_bytes() == b"somebody's"
    assert target.with_name(target.name + ".open").read_bytes() == written.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), more=st.binary(max_size=20))
def test_no_damage_costs_what_stands_before_it(written: Path, position: int, byte: int, more: bytes) -> None:
    content, records = bytearray(written.read_bytes()), offsets(written)
    position %= len(content)
    content[position : position + 1] = bytes([byte]) + more
    target = left_open(written, bytes(content))
    recovered(target.parent)
    safe = sum(kind == "response" and end <= position for _, end, kind in records)
    if target.exists():
        assert len(index(target)) >= safe
        seen(target)
    else:
        assert safe == 0
