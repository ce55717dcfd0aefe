"""JSON comes out as it came in, and what is none is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.exact_json import line, parse, search

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?\Z")


@given(JSON)
def test_every_document_is_the_same_afterwards(document: Any) -> None:
    written = line(parse(json.dumps(document).encode()))
    assert written.endswith(b"\n")
    assert b"\n" not in written[:-1]
    assert json.loads(written) == document


@given(NUMBER.filter(lambda text: text != "-0"))
def test_every_number_has_the_digits_that_it_came_with(text: str) -> None:
    written = line(parse(f'{{"n":[{text}]}}'.encode())).decode()
    assert written == f'{{"n":[{text}]}}\n'
    assert Decimal(written[6:-3]) == Decimal(text)


def test_keys_stay_in_order_and_letters_are_letters() -> None:
    body = '{ "z": "ü\\u00fc", "a" : [1 ,2],\n"m": "\\u2028\\n" }'
    assert line(parse(body.encode())).decode() == '{"z":"üü","a":[1,2],"m":"\u2028\\n"}\n'


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b'\xef\xbb\xbf["\xc3\xbc"]', None, '["ü"]'),
        ('["ü"]'.encode("utf-16"), "application/json", '["ü"]'),
        ('["ü"]'.encode("latin-1"), "application/json; charset=iso-8859-1", '["ü"]'),
        ('["<meta charset=windows-1252> ü"]'.encode(), None, '["<meta charset=windows-1252> ü"]'),
        (
            rb'["cut off \ud83d", "\ude00", "\ud83d\ude00", 1.10]',
            None,
            '["cut off \ufffd","\ufffd","😀",1.10]',
        ),
        (rb'[{"\ud83d": 12345678901234567890123}]', None, '[{"\ufffd":12345678901234567890123}]'),
    ],
)
def test_other_spellings_are_understood(body: bytes, kind: str | None, text: str) -> None:
    assert line(parse(body, kind)).decode() == text + "\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"a": 1',
        b"[1, 2]]",
        b"NaN",
        b"[Infinity]",
        b'["\\ud83d", NaN]',
        b"[" * 200_000,
        b"'a'",
    ],
)
def test_what_is_no_json_is_told_with_its_beginning(body: bytes) -> None:
    with pytest.raises(ValueError, match="the body is no JSON") as caught:
        parse(body)
    assert len(str(caught.value)) < 300


def test_expressions_find_compare_and_sort_what_was_written() -> None:
    body = b'{"data": [{"id": 2, "price": 9.50}, {"id": 1, "price": 10.00}], "more": true, "next": "c2"}'
    document = parse(body)
    assert line(search("data[?price > `9.7`].id | [0]", document)) == b"1\n"
    assert line(search("sort_by(data, &price)[].price", document)) == b"[9.50,10.00]\n"
    assert line(search("sum(data[].price)", document)) == b"19.5\n"
    assert search("more && next", document) == "c2"
    assert search("nothing.there", document) is None


def test_an_expression_that_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="sort_by"):
        search("sort_by(data, &id)", parse(b'{"data": 7}'))


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'["\xfc"]', None), (b'["a", "\xc3"]', "application/json; charset=utf-8"), (b"\xff\xfe[", None)],
)
def test_bytes_that_mean_nothing_are_told_and_never_replaced(body: bytes, kind: str | None) -> None:
    with pytest.raises(ValueError, match="the body is no JSON"):
        parse(body, kind)
