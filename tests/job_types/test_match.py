from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.job_types import match

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_every_value_holds_itself(value: object) -> None:
    assert match.json_difference(value, json.loads(json.dumps(value))) is None


@given(st.dictionaries(st.text(max_size=5), JSON), st.text(min_size=6, max_size=8), JSON)
def test_more_keys_than_expected_are_fine_and_fewer_are_not(
    value: dict[str, object], key: str, extra: object
) -> None:
    larger = {**value, key: extra}
    assert match.json_difference(value, larger) is None
    assert match.json_difference(larger, value) is not None


@given(st.lists(JSON, max_size=4), JSON)
def test_lists_must_be_equally_long(value: list[object], extra: object) -> None:
    assert match.json_difference(value, [*value, extra]) is not None
    assert match.json_difference([*value, extra], value) is not None


@given(JSON, JSON)
@example({"\n": None}, {"\n": False})
def test_a_difference_is_one_line_that_starts_at_the_root(expected: object, found: object) -> None:
    difference = match.json_difference(expected, found)
    assert difference is None or (difference.startswith("$") and "\n" not in difference)


def test_true_is_not_one_and_a_difference_names_its_place() -> None:
    assert match.json_difference({"a": [1, {"ok": True}]}, {"a": [1, {"ok": 1}]}) == (
        "$.a[1].ok is 1; expected true"
    )
    assert match.json_difference(1, 1.0) is None


@given(st.integers(100, 599))
def test_a_status_fits_itself_and_its_class(status: int) -> None:
    assert match.status_fits(status, [match.status_range(status)])
    assert match.status_fits(status, [match.status_range(f"{status // 100}XX")])
    assert not match.status_fits(status, [match.status_range(status - 100 if status > 199 else 599)])


@pytest.mark.parametrize("value", [99, 600, True, "6xx", "2x", "", None, "²00", 200.5])
def test_what_is_no_status_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is no status"):
        match.status_range(value)


def test_media_types_are_compared_without_parameters_and_case() -> None:
    assert match.media_type_fits("Text/CSV; charset=utf-8", ["text/csv"])
    assert match.media_type_fits("image/png", ["text/*", "image/*"])
    assert not match.media_type_fits("", ["image/*"])


def test_text_is_found_as_a_substring_or_by_expression() -> None:
    assert match.text_fits("a (b) c", "(b)")
    assert match.text_fits("id=42", r"re:id=\d+$")
    assert not match.text_fits("id=x", r"re:id=\d+$")


def test_the_declared_charset_decodes_and_unknown_ones_fall_back_to_utf8() -> None:
    assert match.decoded("é".encode("latin-1"), 'text/plain; charset="ISO-8859-1"') == "é"
    assert match.decoded("é".encode(), "text/plain; charset=no-such") == "é"
    assert match.decoded("é".encode(), "text/plain; charset=base64") == "é"
    assert match.decoded(b"\xff", None) == "\ufffd"
