"""The tag reader against Lexbor's tree, and against what is meant to stall it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from crawler.pages import attribute_text
from crawler.pages.distinct import distinct
from crawler.pages.tags import INERT, STYLE_TEXT, attributes, tags, values

# Pieces whose tree is what its tags say: nothing here makes a parser drop or move a tag.
PIECES = st.sampled_from(
    [
        "<q href=x>",
        "<img src='y'>",
        "<Q HREF=\"z\" rel='nofollow'>",
        "<img/src=q/>",
        "<q href = 'w' >",
        "<q\thref\n=\nv>",
        "<!-- <q href=no> -->",
        "<!---->",
        "<!-->",
        "<!--->",
        "<!-- --!>",
        "<!x <q>",
        "<?php '<q>' ?>",
        "</ <q>",
        "<script><q href=no></script >",
        "<script><!--<script></script><q></script>-->",
        "<style>a{}</style>",
        "<script><!--<script></script><q>--></script>",
        "<textarea><q href=no></TEXTAREA>",
        "<title><q></title\n>",
        "<p title='<q href=no>'>",
        '<i class="a>b">',
        "<b x=`<q>`>",
        "text",
        "&lt;",
        "<",
        "< q>",
        "<1>",
        "</q>",
        "<i>",
        '<i class="x">',
        '<i id="x" title="y">',
        '<br class="<q>" />',
        "<I>",
        "\xa0",
        "<q href>",
        "<q href=>",
        "<q href=a href=b>",
        "<q =x href=y>",
        "<q 'href'=x>",
        '<q href="x"class=y>',
        "<q x='",
        *("<q", '<q href="', "<img src=a>b", "\x85<q\x85href=x>", "<q/href=x/>"),
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_the_tags_are_those_of_a_tree(pieces: list[str]) -> None:
    text = "<body>" + "".join(pieces)
    found = [(name, values(text[start:end])) for name, start, end in tags(text, every=True)]
    ours = [
        (name, {key: attribute_text.read(value) for key, value in raw.items()})
        for name, raw in found
        if name in ("q", "img")
    ]
    nodes = LexborHTMLParser(text).css("q, img")
    theirs = [(node.tag, {key: value or "" for key, value in node.attributes.items()}) for node in nodes]
    assert ours == theirs


@given(st.lists(PIECES | st.text(max_size=5), max_size=8))
def test_only_tags_that_name_nothing_are_left_out(pieces: list[str]) -> None:
    text = "".join(pieces)
    told = list(tags(text))
    left_out = [tag for tag in tags(text, every=True) if tag not in told and tag[0][0] != "/"]
    assert all(re.fullmatch(f"{INERT} ?/?", text[start:end]) for _, start, end in left_out)
    assert [tag for tag in tags(text, every=True) if tag in told] == told


@given(st.lists(PIECES | st.text(max_size=5), max_size=8))
def test_the_places_of_values_are_where_the_values_are(pieces: list[str]) -> None:
    text = "".join(pieces)
    for tag in tags(text):
        if tag[0] == STYLE_TEXT:
            continue
        placed = attributes(text, tag)
        spelled = {name: text[found.value_start : found.value_end] for name, found in placed.items()}
        assert spelled == values(text[tag[1] : tag[2]])
        assert all(text[found.start : found.end].lower().startswith(name) for name, found in placed.items())


@given(st.text(alphabet=st.sampled_from("<>/='\"!-a bscript\n&#;"), max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    for every in (False, True):
        for _, start, end in tags(text, every=every):
            assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize("before", ["", "<i>", "</i>", '<i class="x">text</i>', "<i>< ", "<ii><scripts>"])
def test_a_comment_hides_its_text_whatever_stands_before_it(before: str) -> None:
    text = f"{before}<!-- <q href=no> --><q href=x>"
    found = [text[start:end] for name, start, end in tags(text) if name == "q"]
    assert found == [" href=x"]


def test_the_text_of_a_style_element_comes_with_its_place() -> None:
    text = "<style media=print>a > b {}</style><q href=x>"
    found = [(name, text[start:end]) for name, start, end in tags(text)]
    assert found == [("style", " media=print"), (STYLE_TEXT, "a > b {}"), ("q", " href=x")]


def test_an_empty_script_of_xhtml_hides_nothing() -> None:
    text = "<script src='x'/><q href=y>"
    assert [name for name, _, _ in tags(text, xml=True)] == ["script", "q"]
    assert [name for name, _, _ in tags(text)] == ["script"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<a href='",
        '<a href="x',
        "<!--",
        "<!-",
        "<",
        "</",
        "<style>",
        "<script><!--",
        "<title ",
        "<a a=",
        "=",
        "<a//",
        "<textarea></textare",
        "<script></scrip",
        "<script><!--<script>",
        "</a x='",
        "<!",
        "<?",
        "<div>",
        "<ul><li>",
        "<i>x</i>< ",
        '<i class="x">< ',
        '<i class="x"><i class="',
        "&",
    ],
)
def test_a_megabyte_of_anything_is_read_in_one_pass(piece: str) -> None:
    """Twice as much may not take four times as long; the time limit catches what does."""
    text = piece * (1_000_000 // len(piece))
    assert sum(1 for _ in tags(text, every=True)) <= len(text)
    assert sum(1 for _ in tags(text)) <= len(text)
    assert len(distinct(text) or ()) <= len(text)
