"""Documents say their encoding in many ways, and some in none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.charset import codec, decoded, encoding

RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 4


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        *[
            (label, "cp1252")
            for label in ("iso-8859-1", "Latin1", "ascii", "us-ascii", "windows-1252", "x-cp1252")
        ],
        *[
            (label, "utf-8")
            for label in ("utf8", "UTF-8", " utf-8\n", "unicode-1-1-utf-8", "x-unicode20utf8")
        ],
        ("gb2312", "gb18030"),
        ("gbk", "gb18030"),
        ("x-sjis", "cp932"),
        ("Shift_JIS", "cp932"),
        ("big5", "big5hkscs"),
        ("euc-kr", "cp949"),
        ("ks_c_5601-1987", "cp949"),
        ("tis-620", "cp874"),
        ("latin5", "cp1254"),
        ("utf-16", "utf-16-le"),
        ("koi8-r", "koi8-r"),
        ("macintosh", "mac-roman"),
        ("iso-8859-8-i", "iso8859-8"),
        ("ibm866", "cp866"),
        *[
            (label, None)
            for label in ("utf-7", "rot13", "hex", "idna", "unicode_escape", "cp037", "", "\x00")
        ],
        *[(label, None) for label in ("nonsense", "a" * 999)],
    ],
)
def test_a_label_means_what_the_web_means_by_it(label: str, expected: str | None) -> None:
    assert codec(label) == expected
    if expected:
        assert "a".encode(expected)


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        (b"\xef\xbb\xbfx", "text/html; charset=koi8-r", "utf-8"),
        (b"\xff\xfex\x00", "text/html; charset=koi8-r", "utf-16-le"),
        (b"<meta charset=utf-8>", "text/html; charset=koi8-r", "koi8-r"),
        (b"<meta charset=koi8-r>", 'text/html; Charset="nonsense"', "koi8-r"),
        (b"<!-- <meta charset=koi8-r> --><META CHARSET='windows-1251'>", None, "cp1251"),
        (b"<meta http-equiv=content-type content='text/html; charset=iso-8859-1'>", "text/html", "cp1252"),
        (b"<meta content='text/html; charset=koi8-r' http-equiv=Content-Type>", None, "koi8-r"),
        (b"<meta name=x content='charset=koi8-r'>", None, "utf-8"),
        (b"<meta charset=utf-16>", None, "utf-8"),
        (b" " * 1024 + b"<meta charset=koi8-r>", None, "utf-8"),
        (b'<?xml version="1.0" encoding="koi8-r"?>', None, "koi8-r"),
        (b'@charset "koi8-r"; a {}', "text/css", "koi8-r"),
        (RUSSIAN.encode(), None, "utf-8"),
        (RUSSIAN.encode("cp1251"), None, "cp1251"),
        (b"x" * 200_000 + RUSSIAN.encode("cp1251"), None, "cp1251"),
        (b"", None, "utf-8"),
    ],
)
def test_mark_beats_header_beats_document_beats_guess(body: bytes, header: str | None, expected: str) -> None:
    assert encoding(body, header) == expected


def test_a_text_has_no_mark_and_no_error() -> None:
    assert decoded(b"\xef\xbb\xbfa\xff") == "a\ufffd"
    assert decoded("é".encode("utf-16")) == "é"
    assert decoded(b"\x93x\x94", "text/html; charset=iso-8859-1") == "“x”"


@given(st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_any_bytes_have_an_encoding(body: bytes, header: str | None) -> None:
    assert isinstance(decoded(body, header), str)
