"""Parquet as a row source, from files that pyarrow wrote."""

from __future__ import annotations

import datetime
import decimal
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.manifest.rows import parquet as ours
from crawler.model import Row
from tests.manifest.rows.reading import download, rows, sources

pyarrow = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'parquet' is not installed")


def written(columns: dict[str, list[object]], **options: object) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out, **options)
    return out.getvalue()


def test_columns_become_fields_and_what_is_no_text_or_number_becomes_text() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    columns: dict[str, list[object]] = {
        "url": ["http://h/"],
        "at": [moment],
        "day": [moment.date()],
        "price": [decimal.Decimal("1.50")],
        "raw": [b"x\xff"],
        "n": [7],
        "none": [None],
        "many": [["a", "b"]],
    }
    assert rows("parquet", written(columns)) == [
        {
            "url": "http://h/",
            "at": "2026-01-02T03:04:05",
            "day": "2026-01-02",
            "price": "1.50",
            "raw": "x\\xff",
            "n": 7,
            "none": None,
            "many": ["a", "b"],
        }
    ]


def test_rows_come_before_the_file_is_read_to_its_end() -> None:
    class Counting(io.BytesIO):
        given = 0

        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            self.given += len(piece)
            return piece

    urls: list[object] = [f"http://h/{number * 7919 % 1_000_003}" for number in range(200_000)]
    content = written({"url": urls}, row_group_size=10_000, compression="none", use_dictionary=False)
    stream = Counting(content)
    found = ours.rows(stream, "in")
    first = next(found)
    assert isinstance(first, Row)
    assert first.fields == {"url": "http://h/0"}
    assert stream.given < len(content) / 2
    found.close()  # type: ignore[attr-defined]


def test_a_pipe_and_a_gzip_are_copied_first(tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(gzip.compress(written({"url": ["http://h/1", "http://h/2"]})))
    made = download(tmp_path, {"file": "in.gz", "format": "parquet"})
    found = list(sources(tmp_path).rows(made))
    assert [row.line for row in found if isinstance(row, Row)] == [1, 2]


def test_a_column_twice_and_what_is_no_parquet_are_located() -> None:
    out = io.BytesIO()
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["url", "url"])
    parquet.write_table(table, out)
    assert rows("parquet", out.getvalue()) == ["in:1: two columns are called 'url'"]
    (bad,) = rows("parquet", b"url\nhttp://h/\n")
    assert str(bad).startswith("in:1: not Parquet: ")


def test_without_pyarrow_the_manifest_is_refused_and_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("version: 1\njobs:\n- {name: a, type: download, from: rows.parquet}\n")
    (tmp_path / "rows.parquet").write_bytes(b"")
    program = (
        "import importlib.util, sys; sys.modules['pyarrow'] = None\n"
        "from crawler.__main__ import main; sys.argv = ['crawler', 'check', 'm.yaml']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "m.yaml:3:35: reading Parquet needs pyarrow; pip install 'crawler[parquet]'" in (
        done.stdout + done.stderr
    )
