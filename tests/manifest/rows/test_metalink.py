"""Metalink 3 and 4 as row sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.model import Task
from tests.manifest.rows.reading import rows, tasks, told
from tests.manifest.rows.samples import METALINK_3, METALINK_4, SHA


def metalink(inside: str) -> list[dict[str, object] | str]:
    return rows("metalink", f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inside}</metalink>'.encode())


def test_version_4_gives_mirrors_by_priority_and_the_strongest_hash(tmp_path: Path) -> None:
    (tmp_path / "in.meta4").write_text(METALINK_4)
    disk, other = tasks(tmp_path, "in.meta4")
    assert isinstance(disk, Task)
    assert (disk.url, disk.target) == ("http://first.example/disk.img", "pub/disk.img")
    assert [each.url for each in disk.mirrors] == [
        "http://second.example/disk.img",
        "http://last.example/disk.img",
    ]
    assert str(disk.checksum) == f"sha256:{SHA}"  # type: ignore[attr-defined]
    assert isinstance(other, Task)
    assert (other.target, other.checksum) == ("other.txt", None)  # type: ignore[attr-defined]


def test_version_3_gives_mirrors_by_preference_and_no_torrents(tmp_path: Path) -> None:
    (tmp_path / "in.metalink").write_text(METALINK_3)
    (iso,) = tasks(tmp_path, "in.metalink")
    assert isinstance(iso, Task)
    assert (iso.url, iso.target) == ("http://fast.example/a.iso", "a.iso")
    assert [each.url for each in iso.mirrors] == ["http://slow.example/a.iso"]
    assert str(iso.checksum) == f"sha1:{'c' * 40}"  # type: ignore[attr-defined]


def test_a_name_never_leads_out_of_the_output_root(tmp_path: Path) -> None:
    """RFC 5854 §4.1.2.1: directory traversal must be prevented."""
    (tmp_path / "in.meta4").write_text(METALINK_4.replace("pub/disk.img", "../../.ssh/id"))
    bad, good = tasks(tmp_path, "in.meta4")
    assert told(bad).startswith("in.meta4:3: target '../../.ssh/id' climbs out")
    assert isinstance(good, Task)


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("<file><url>http://h/</url></file>", "<file> has no name"),
        ('<file name="a"><url>ftp://h/</url></file>', "file 'a' has no http(s) URL"),
        (
            '<file name="a"><hash type="sha-384">00</hash><url>http://h/</url></file>',
            "file 'a' has no hash that can be checked, only sha-384; expected one of blake2b, sha512",
        ),
        ('<file name="a">' + "<url>http://h/</url>" * 1001 + "</file>", "file 'a' has more than 1000 URLs"),
    ],
    ids=range(4),
)
def test_a_file_that_cannot_be_had_is_located_and_the_next_goes_on(inside: str, message: str) -> None:
    bad, good = metalink(f'\n{inside}<file name="b"><url>http://h/</url></file>')
    assert str(bad).startswith(f"in:2: {message}")
    assert isinstance(good, dict)


def test_what_is_no_metalink_says_so() -> None:
    assert rows("metalink", b"<html><p/></html>") == ["in:1: expected <metalink>, found <html>"]
    assert rows("metalink", b"") == ["in:1: not XML: no element found"]
    assert rows("metalink", b"<metalink><file name='a'>") == [
        "in:1: not XML: Premature end of data in tag file line 1"
    ]
