"""Row sources: lazy, located, and never surprised by their bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.manifest.rows.table import FORMATS, format_of
from crawler.manifest.rows.text import MAX_LINE, BadRow
from crawler.model import Row

TEXT_FORMATS = ("csv", "jsonl", "lines", "tsv")
GOOD = {"lines": b"http://a/", "csv": b"url", "tsv": b"url", "jsonl": b'{"url": "u"}'}


def read(format_name: str, content: bytes) -> list[Row | BadRow]:
    return list(FORMATS[format_name].rows(io.BytesIO(content), "in"))


def values(format_name: str, content: bytes) -> list[dict[str, object] | str]:
    return [dict(row.fields) if isinstance(row, Row) else str(row) for row in read(format_name, content)]


def test_plain_list_skips_blanks_and_comments_and_keeps_file_line_numbers() -> None:
    rows = read("lines", b"\xef\xbb\xbf# two\n\nhttp://a/1\r\n  http://a/2#part \n")
    assert rows == [Row({"url": "http://a/1"}, "in", 3), Row({"url": "http://a/2#part"}, "in", 4)]


def test_csv_reads_quotes_commas_and_newlines_in_quotes() -> None:
    content = b'\xef\xbb\xbfid,url\r\n1,"http://a/x,y"\r\n\r\n2,"say ""hi""\nthere"\r\n3,http://a/3\r\n'
    assert read("csv", content) == [
        Row({"id": "1", "url": "http://a/x,y"}, "in", 2),
        Row({"id": "2", "url": 'say "hi"\nthere'}, "in", 4),
        Row({"id": "3", "url": "http://a/3"}, "in", 6),
    ]


def test_csv_locates_a_record_with_too_few_or_too_many_fields_and_goes_on() -> None:
    assert values("csv", b"id,url\n1\n2,b,c\n3,d\n") == [
        "in:2: found 1 fields, expected 2 as in the header",
        "in:3: found 3 fields, expected 2 as in the header",
        {"id": "3", "url": "d"},
    ]


def test_csv_locates_an_oversized_field_and_goes_on() -> None:
    assert values("csv", b"url\n" + b"x" * 140_000 + b"\nhttp://a/\n") == [
        "in:2: a field is longer than 131072 characters",
        {"url": "http://a/"},
    ]


def test_csv_locates_a_quote_that_is_never_closed() -> None:
    assert values("csv", b'url\n"http://a/\nhttp://b/\n') == [
        "in:2: a quote is opened and not closed before the end of the file"
    ]
    (bad, *_) = values("csv", b'url\n"http://a/\n' + b"http://b/long/enough\n" * 10_000)
    assert str(bad).startswith("in:2: a quoted field runs past 131072 characters, to line ")


def test_csv_says_where_it_lost_a_quote_to_a_line_that_cannot_be_read() -> None:
    assert values("csv", b'url\n"http://a/\n\xff\nhttp://b/\n') == [
        "in:2: a quote is opened and not closed before line 3, which cannot be read",
        "in:3: not UTF-8 (0xff at byte 1 of the line)",
        {"url": "http://b/"},
    ]


def test_tsv_knows_tabs_and_no_quotes() -> None:
    assert values("tsv", b'url\ttitle\r\nhttp://a/\t"one", two\r\nhttp://b/\n') == [
        {"url": "http://a/", "title": '"one", two'},
        "in:3: found 1 fields, expected 2 as in the header",
    ]


def test_csv_refuses_a_header_with_a_column_twice() -> None:
    assert values("csv", b"url,id,url\n1,2,3\n") == ["in:1: the header names column 'url' twice"]


def test_csv_ignores_columns_without_a_name() -> None:
    assert values("csv", b"url,,\nhttp://a/,x,\n") == [{"url": "http://a/"}]


def test_jsonl_reads_objects_and_locates_everything_else() -> None:
    content = b'{"url": "http://a/", "id": 7}\n\n[1]\n{"url": \n"x"\n{"n": null}\n'
    rows = values("jsonl", content)
    assert rows[0] == {"url": "http://a/", "id": 7}
    assert rows[1] == "in:3: expected a JSON object, found an array"
    assert str(rows[2]).startswith("in:4: not JSON: ")
    assert rows[3] == "in:5: expected a JSON object, found a string"
    assert rows[4] == {"n": None}


def test_jsonl_survives_deep_nesting() -> None:
    (bad, row) = values("jsonl", b'{"a": ' + b"[" * 100_000 + b"\n{}\n")
    assert str(bad).startswith("in:1: not JSON: ")
    assert row == {}


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_bytes_that_are_not_utf8_are_a_located_bad_row(name: str) -> None:
    good = GOOD[name]
    bad = [row for row in read(name, good + b"\nab\xff\n" + good + b"\n") if isinstance(row, BadRow)]
    assert list(map(str, bad)) == ["in:2: not UTF-8 (0xff at byte 3 of the line)"]


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_a_nul_byte_is_a_located_bad_row(name: str) -> None:
    good = GOOD[name]
    bad = [row for row in read(name, good + b"\n\0\n") if isinstance(row, BadRow)]
    assert list(map(str, bad)) == ["in:2: NUL byte at byte 1 of the line; expected UTF-8 text"]


class Endless(io.RawIOBase):
    """Rows for ever; counts what was read from it."""

    def __init__(self, first: bytes, line: bytes) -> None:
        self.given = 0
        self._lines = self._content(first, line)

    def _content(self, first: bytes, line: bytes) -> Iterator[bytes]:
        yield first
        while True:
            yield line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = next(self._lines)[: len(view)]
        view[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_rows_are_read_only_as_they_are_asked_for(name: str) -> None:
    line = b'{"url": "v"}\n' if name == "jsonl" else b"http://a/1\n"
    endless = Endless(GOOD[name] + b"\n", line)
    rows = FORMATS[name].rows(io.BufferedReader(endless), "in")
    assert all(isinstance(next(rows), Row) for _ in range(1000))
    assert endless.given < 100_000


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_a_line_without_end_is_a_bad_row_and_not_a_full_memory(name: str) -> None:
    good = GOOD[name]
    rows = read(name, good + b"\n" + b"x" * (3 * MAX_LINE) + b"\n" + good + b"\n")
    assert str(next(row for row in rows if isinstance(row, BadRow))) == (
        f"in:2: the line is longer than {MAX_LINE} bytes"
    )
    assert isinstance(rows[-1], Row)
    assert rows[-1].line == 3


ALPHABET = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"{", b"}", b":", b"[", b"a", b"#", b"\\"]
)


@pytest.mark.parametrize("name", TEXT_FORMATS)
@given(content=st.binary() | st.lists(ALPHABET).map(b"".join))
def test_any_bytes_give_rows_or_located_bad_rows(name: str, content: bytes) -> None:
    lines = content.count(b"\n") + 1
    for row in read(name, content):
        assert 1 <= row.line <= lines
        if isinstance(row, Row):
            assert all(isinstance(key, str) for key in row.fields)
        else:
            assert row.message


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2))
)
def test_csv_gives_back_what_a_csv_writer_wrote(records: list[list[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["a", "b"])
    writer.writerows(records)
    rows = read("csv", out.getvalue().encode())
    assert [list(row.fields.values()) for row in rows if isinstance(row, Row)] == records


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("a.txt", "lines"),
        ("A.CSV", "csv"),
        ("x/y.ndjson", "jsonl"),
        ("-", "lines"),
        ("a.tsv", "tsv"),
        ("a.csv.gz", "csv"),
        ("A.TXT.GZ", "lines"),
        ("a.parquet", "parquet"),
        ("session.aria2", "aria2"),
        ("a.meta4", "metalink"),
        ("a.metalink", "metalink"),
        ("SHA256SUMS", "sha256sums"),
        ("pub/sha512sums.txt", "sha256sums"),
        ("a.iso.sha256", "sha256sums"),
        ("sitemap.xml.gz", "sitemap"),
        ("https://a.example/sitemap.xml?page=2", "sitemap"),
        ("https://a.example/list", None),
        ("a.gz", None),
        ("a.dat", None),
        ("csv", None),
    ],
)
def test_the_file_name_tells_the_format(file: str, expected: str | None) -> None:
    assert format_of(file) == expected
