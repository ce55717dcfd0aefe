"""Damaged files of every format give rows or located failures: never a crash, never a hang.

``CRAWLER_MUTATIONS`` says how many mutations of each file to try; 200 unless it is set.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.job_types.base import Fetch, Misfit
from tests.manifest.rows.reading import tasks
from tests.manifest.rows.samples import samples

pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")

SAMPLES = samples()
PACKED = {f"{name}+gz": gzip.compress(SAMPLES[name], mtime=0) for name in ("csv", "parquet", "sitemap")}
FILES = SAMPLES | PACKED
FEW = int(os.environ.get("CRAWLER_MUTATIONS", "200"))
# Bytes that mean something to one of the formats.
TELLING = [bytes([byte]) for byte in b'\0\xff\n\r\t" ,<>&{}\\./=:']
TELLING += [b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"&x;", b"]]>", b"<?x?>", b"</url>", b"http://", b"PAR1"]

edits = st.lists(
    st.tuples(
        st.sampled_from(["cut", "put", "flip", "copy", "end"]),
        st.floats(0, 1),
        st.integers(1, 64),
        st.sampled_from(TELLING) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    for deed, where, length, piece in edits:
        at = int(where * len(content))
        if deed == "cut":
            content = content[:at] + content[at + length :]
        elif deed == "put":
            content = content[:at] + piece + content[at:]
        elif deed == "flip":
            content = content[:at] + piece + content[at + len(piece) :]
        elif deed == "copy":
            content = content[:at] + content[at : at + length] * 3 + content[at:]
        else:
            content = content[:at]
    return content


@pytest.mark.timeout(3600 if FEW > 1000 else 60)
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_file_gives_rows_or_located_failures(name: str, tmp_path: Path) -> None:
    path = tmp_path / "in"

    @settings(max_examples=FEW, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(edits)
    def damaged(edits: list[tuple[str, float, int, bytes]]) -> None:
        path.write_bytes(edited(FILES[name], edits))
        format_name = name.partition("+")[0].partition("-")[0]
        url = "http://a.example/${row.name | urlencode}" if format_name == "sha256sums" else "url"
        for item in tasks(tmp_path, {"file": "in", "format": format_name, "url": url}):
            if isinstance(item, Misfit):
                place, _, line = (item.failure.detail or "").rpartition(":")
                assert place == "in"
                assert int(line) >= 1
                assert item.failure.message.startswith(f"in:{line}: ")
            elif isinstance(item, Fetch):
                assert format_name == "sitemap"

    damaged()


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_files_that_are_damaged_here_are_good(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(FILES[name])
    format_name = name.partition("+")[0].partition("-")[0]
    url = "http://a.example/${row.name | urlencode}" if format_name == "sha256sums" else "url"
    found = tasks(tmp_path, {"file": "in", "format": format_name, "url": url})
    assert found
    assert not [item for item in found if isinstance(item, Misfit | Fetch)]
