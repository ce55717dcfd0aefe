"""The URLs of style sheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.css_links import css_links, escaped, references, unescaped


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a{b:url(x)}", ["x"]),
        ("url( 'x y' )", ["x y"]),
        ('URL("x)y")', ["x)y"]),
        ("url(x y)", []),
        ("url()", []),
        ("@import 'x';", ["x"]),
        ('@IMPORT\n"x" print;', ["x"]),
        ("@import url(x);@import url('y')", ["x", "y"]),
        ("@import/**/'x'", ["x"]),
        ("@import; a{content:'x'}", []),
        ("@imports 'x'", []),
        ("@import screen 'x'", []),
        ("a{content:'url(x)'}", []),
        ("/* url(x) */ url(y)", ["y"]),
        ("/* url(x)", []),
        ("a{src:local('x') format(\"y\")}", []),
        ("@namespace svg url(http://www.w3.org/2000/svg); url(x)", ["x"]),
        ("@namespace 'a;b'; url(x)", ["x"]),
        ("url(\\78 y)", ["xy"]),
        ("url('a\\'b')", ["a'b"]),
        ("url('a\\\nb')", ["ab"]),
        ("url(a\\)b)", ["a)b"]),
        ("url(x", ["x"]),
        ("my-url(x)", []),
        ("'unclosed\nurl(x)", ["x"]),
        ("url('x' format)", []),
        ("image-set(url(a) 1x, url(b) 2x)", ["a", "b"]),
        *[("url(à\xa0b)", ["à\xa0b"]), ("url(\\110000 )", ["\ufffd"])],
    ],
)
def test_references_are_what_css_means(css: str, expected: list[str]) -> None:
    found = list(references(css))
    assert [link.reference for link in found] == expected
    assert [unescaped(css[link.start : link.end]) for link in found] == expected


def test_a_sheet_links_to_what_it_needs() -> None:
    css = b"\xef\xbb\xbf@import '../a.css';b{c:url(i.png) url(i.png#f) url(#f) url(data:,x)}"
    assert [link.url for link in css_links(css, "http://h/s/t.css")] == ["http://h/a.css", "http://h/s/i.png"]


@given(
    st.text(alphabet=st.characters(exclude_characters=" \t\n\r\f\x00", exclude_categories=["Cs"]), min_size=1)
)
def test_an_escaped_reference_reads_the_same_in_every_form(reference: str) -> None:
    for form in ("url({})", "url('{}')", 'url("{}")', "@import '{}'"):
        if reference.isascii():
            found = list(references(form.format(escaped(reference))))
            assert [link.reference for link in found] == [reference]


@given(st.text(alphabet=st.sampled_from("url('\")\\/* \n@import;a{}")))
def test_any_text_has_references(css: str) -> None:
    for link in references(css):
        assert 0 <= link.start <= link.end <= len(css)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["url(", "url('", "/*", "'", '"\\', "@import ", "@namespace ", "@import/**/", "\\", "url(a"]
)
def test_a_megabyte_of_anything_is_read_in_one_pass(piece: str) -> None:
    assert sum(1 for _ in references(piece * (1_000_000 // len(piece)))) < 1_000_000
