"""YAML 1.2 core with positions, and nothing that hostile input can do to us."""

from __future__ import annotations

import json
import math
import string
from contextlib import suppress
from itertools import pairwise

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.errors import ManifestInvalid
from crawler.syntax import yaml
from crawler.syntax.compose import MAX_DEPTH


def value(text: str | bytes) -> object:
    return yaml.plain(yaml.parse(text, "m.yaml"))


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ManifestInvalid) as caught:
        yaml.parse(text, "m.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+7", 7),
        ("-0", 0),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("~", None),
        ("Null", None),
        ("", None),
        ("nUll", "nUll"),
        ("TRUE", True),
        ("tRue", "tRue"),
        ("=", "="),
        ("'010'", "010"),
        ('"true"', "true"),
        ("١٢", "١٢"),
        (".", "."),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, meant: object) -> None:
    read = value(f"key: {written}\n")
    assert read == {"key": meant}
    assert isinstance(read, dict)
    assert type(read["key"]) is type(meant)


def test_a_nan_is_a_float() -> None:
    read = value("key: .NaN")
    assert isinstance(read, dict)
    assert math.isnan(read["key"])


def test_every_value_and_key_knows_its_line_and_column() -> None:
    root = yaml.parse("a: 1\nlist:\n  - x\n  - {b: 'ö', c: y}\n", "m.yaml")
    assert isinstance(root.value, dict)
    assert dict(root.key_positions) == {"a": (1, 1), "list": (2, 1)}
    items = root.value["list"].value
    assert isinstance(items, list)
    inner = items[1]
    assert isinstance(inner.value, dict)
    assert (items[0].line, items[0].column) == (3, 5)
    assert inner.key_positions["c"] == (4, 14)
    assert (inner.value["c"].line, inner.value["c"].column) == (4, 17)


def test_a_node_tells_quoted_from_plain_and_keeps_the_spelling_of_plain_ones() -> None:
    root = yaml.parse("a: 007\nb: '007'\n", "m.yaml")
    assert isinstance(root.value, dict)
    assert (root.value["a"].plain, root.value["a"].written) == (True, "007")
    assert (root.value["b"].plain, root.value["b"].written) == (False, "")


def test_keys_are_their_text_whatever_they_look_like() -> None:
    assert value("200: a\ntrue: b\n~: c\n0x10: d") == {"200": "a", "true": "b", "~": "c", "0x10": "d"}


def test_all_duplicate_keys_are_reported_with_the_place_of_the_first() -> None:
    assert problems("a: 1\nb: {c: 1, c: 2, c: 3}\na: 2\n") == [
        "m.yaml:2:11: duplicate key 'c'; it already stands at line 2, column 5",
        "m.yaml:2:17: duplicate key 'c'; it already stands at line 2, column 5",
        "m.yaml:3:1: duplicate key 'a'; it already stands at line 1, column 1",
    ]


def test_a_key_and_its_quoted_twin_are_duplicates() -> None:
    assert problems("200: a\n'200': b") == [
        "m.yaml:2:1: duplicate key '200'; it already stands at line 1, column 1"
    ]


def test_duplicates_before_a_syntax_error_are_reported_with_it() -> None:
    first, second = problems("a: 1\na: 2\nb: [1")
    assert first.startswith("m.yaml:2:1: duplicate key 'a'")
    assert "expected ',' or ']' (open since line 3, column 4)" in second


@pytest.mark.parametrize(
    "tagged", ["!!python/object/apply:os.system [ls]", "!mine x", "!!str 1", "! x", "!!binary aGk="]
)
def test_every_explicit_tag_is_an_error(tagged: str) -> None:
    (problem,) = problems(f"a: {tagged}\n")
    assert problem.startswith("m.yaml:1:4: tags are not accepted, found '!")


def test_merge_keys_are_an_error_that_names_the_yaml_version() -> None:
    found = problems("a: &a {x: 1}\nb:\n  <<: *a\n")
    assert found == ["m.yaml:3:3: YAML 1.2 has no merge keys; write the keys out, or alias a whole value"]
    assert value("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\n\n", "\ufeff"])
def test_an_empty_file_is_an_error_unless_it_is_allowed(text: str) -> None:
    assert problems(text) == ["m.yaml:1:1: the file is empty"]
    assert yaml.parse(text, "m.yaml", allow_empty=True).value is None


def test_a_second_document_is_an_error_at_its_start() -> None:
    assert problems("a: 1\n---\nb: 2\n") == ["m.yaml:2:1: a second document starts here; expected only one"]


def test_a_byte_order_mark_is_ignored() -> None:
    assert value(b"\xef\xbb\xbfa: 1\n") == {"a": 1}


def test_what_is_not_utf_8_is_an_error_at_the_byte() -> None:
    assert problems("a: ö\nb: ".encode() + b"\xff\n") == [
        "m.yaml:2:4: not UTF-8 text: found byte 0xff; save the file as UTF-8"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", "m.yaml:2:1: a tab cannot indent; use spaces"),
        ("a: b: c\n", "m.yaml:1:5: a ':' where no key can stand"),
        ("a: @x\n", "m.yaml:1:4: no value can begin with '@'; quote it"),
        ("a: 'x\n", "m.yaml:1:4: this quote is never closed"),
        ("a: [1, 2\n", "m.yaml:2:1: expected ',' or ']' (open since line 1, column 4)"),
        ("a: {url: ${base}/b.csv}\n", "m.yaml:1:11: expected ',' or '}'"),
        ("- a\nb: 1\n", "m.yaml:2:1: expected '- ' here"),
        ("a: 1}\nb: {c: 1}}\n", "m.yaml:2:10: "),
        ("a: \x01\n", "m.yaml:1:4: found the character U+0001"),
        ("? [a]\n: 1\n", "m.yaml:1:3: a key must be text"),
        ("{{ base }}: 1\n", "m.yaml:1:1: a key must be text"),
        ("*a", "m.yaml:1:1: the alias '*a' has no anchor before it"),
        ("a: &a [*a]\n", "m.yaml:1:8: the alias '*a' stands inside its own anchor"),
        ("a: " + "1" * 5000, "m.yaml:1:4: a number of 5000 digits; quote it if it is text"),
        ("%YAML 2.0\n---\na: 1\n", "m.yaml:1:1: not valid YAML"),
    ],
)
def test_mistakes_are_explained_at_their_place(text: str, expected: str) -> None:
    assert problems(text)[0].startswith(expected)


def test_anchors_repeat_a_value_where_their_alias_stands() -> None:
    root = yaml.parse("a: &a {x: [1]}\nb: *a\n&k key: *k\n", "m.yaml")
    assert yaml.plain(root) == {"a": {"x": [1]}, "b": {"x": [1]}, "key": "key"}
    assert isinstance(root.value, dict)
    assert (root.value["b"].line, root.value["b"].column) == (2, 4)


def test_an_aliased_value_is_not_shared_once_it_is_plain() -> None:
    read = value("a: &a [1]\nb: *a\n")
    assert isinstance(read, dict)
    read["a"].append(2)
    assert read["b"] == [1]


def test_an_alias_bomb_is_refused() -> None:
    names = string.ascii_lowercase
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise(names[:10])]
    assert problems("\n".join(lines)) == ["m.yaml:4:36: aliases repeat more than 10000 values"]


def test_aliases_cannot_nest_deeper_than_text_can() -> None:
    chain = "".join(f"- &a{i} [*a{i - 1}]\n" for i in range(1, 200))
    (problem,) = problems("- &a0 [1]\n" + chain)
    assert f"nested deeper than {MAX_DEPTH} levels" in problem


@pytest.mark.parametrize("piece", ["[", "[\n", "{a: ", "- ", "[[{a: "])
def test_a_hundred_thousand_levels_are_one_clean_error(piece: str) -> None:
    (problem,) = problems(piece * 100_000)
    assert "nested deeper" in problem


@pytest.mark.parametrize(
    "piece", ["{", "? ", "[{", "!", "&a ", "*a ", ": ", '"', "'x", "a: ", "[?", "- - a: ", "%", "|", "`", ","]
)
def test_a_hundred_thousand_of_any_sign_end_in_a_few_problems(piece: str) -> None:
    assert len(problems(piece * 100_000)) <= 2


def test_the_deepest_nesting_allowed_is_read_and_one_more_is_not() -> None:
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    assert problems("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [
        f"m.yaml:1:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"
    ]


def test_a_file_above_the_size_limit_is_not_read() -> None:
    assert problems(b"#" * (yaml.MAX_BYTES + 1)) == ["m.yaml: larger than 16 MiB"]


def test_problems_beyond_a_thousand_are_counted_as_too_many() -> None:
    found = problems("a: 1\n" * 5000)
    assert len(found) == 1001
    assert found[-1] == "m.yaml: too many problems; the rest is not shown"


def test_without_the_c_library_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pyyaml, "CSafeLoader", raising=False)
    assert value("a: [1, 'no', {b: 010}]\n") == {"a": [1, "no", {"b": 10}]}
    assert problems("a: 1\na: 2\n") == [
        "m.yaml:2:1: duplicate key 'a'; it already stands at line 1, column 1"
    ]
    assert problems("a: [1, 2\n")[0].startswith("m.yaml:2:1: ")


yaml_like = st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@#~<.= \n\t\r01\u2028ö\x85"), max_size=60)


@given(yaml_like | st.text(max_size=60))
@example("? a\n")
@example("- &a\n- *a : b\n")
@example("a: |2\n x\n")
def test_any_text_gives_a_node_or_problems(text: str) -> None:
    with suppress(ManifestInvalid):
        node = yaml.parse(text, "m.yaml")
        assert node.line >= 1
        yaml.plain(node)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_node_or_problems(content: bytes) -> None:
    with suppress(ManifestInvalid):
        assert yaml.parse(content, "m.yaml").line >= 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz<~ 0", max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(trees)
def test_json_is_read_as_the_same_values(tree: object) -> None:
    written = json.dumps({"root": tree}, ensure_ascii=False)
    assert value(written) == {"root": tree}


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_core_scalars_round_trip_in_plain_style(scalar: float | None) -> None:
    spelled = {math.inf: ".inf", -math.inf: "-.inf"}.get(scalar) if isinstance(scalar, float) else None
    read = value(f"- {spelled or json.dumps(scalar)}\n")
    assert read == [scalar]
