"""The quick reader of ordinary pages against the one that reads every page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.link_places import READER, hides
from crawler.pages.ordinary import PLAIN, Distinct, OrdinaryReader
from crawler.pages.tags import STYLE_TEXT, values

ORDINARY = OrdinaryReader(READER.names)
PIECES = st.sampled_from(
    [
        *('<a href="u1">', '<a class="c" href="u2#x" title="t">', '<a href="u3#y" id="z">', '<a href="">'),
        *("<A HREF='u4'>", "<a href=u5 rel=nofollow>", '<a href="u6" rel="nofollow">', '<a href="#only">'),
        *('<a href="a" href="b">', '<a href="q&amp;r">', '<a style="x:url(k)" href="u7">', '<a href="p'),
        *("<a href", "<a href=", "<a href=v", "<a x='", "<a href=a>b", '<a\nhref="u8">', '<a href="u9" />'),
        *(
            '<p title="x">',
            '<i class="a>b">',
            "<b x=`<a href=no>`>",
            "</a>",
            "</ <a href=c>",
            '<p x="<a href=n>">',
        ),
        *("<img src='y'>", '<base href="/b/">', "<link rel=next href=n>", "<script src=s>", "<script/>"),
        *('<script><a href="no"></script >', '<!-- <a href="no"> -->', "<!---->", "<!-->", "<!--", "-->"),
        *('<!x <a href="z1">', '<?php "<a href=z2>" ?>', "<style>a{b:url(k)}</style>", "<style", "<title/>"),
        *('<textarea><a href="no"></TEXTAREA>', '<title><a href="no"></title\n>', "</script>", "<plaintext>"),
        *("text", "<", "< a", "<1>", '"', "'", ">", " ", "=", "/"),
    ]
)


def said(tags: list[Distinct]) -> set[tuple[str, str]]:
    """What tags say that a page's links are made of, however they are told."""
    told: set[tuple[str, str]] = set()
    for name, written in tags:
        if name == "a":
            attributes = values(written)
            href = attributes.get("href", "")
            plain = attributes.keys().isdisjoint({"rel", "style"})
            told.add(("a", href.partition("#")[0]) if plain else ("a", written))
        elif name == PLAIN:
            told.add(("a", written))
        elif name in READER.names or name == STYLE_TEXT:
            told.add((name, written))
    return told - {("a", "")}


@given(st.lists(PIECES, max_size=9), st.booleans())
def test_an_ordinary_page_says_the_same_to_both_readers(pieces: list[str], xml: bool) -> None:
    text = "".join(pieces)
    if hides(text) or (found := ORDINARY.distinct(text, xml=xml)) is None:
        return
    slowly = [(name, text[start:end]) for name, start, end in READER.tags(text, xml=xml)]
    assert said(found) == said(slowly)


def test_plain_anchors_to_one_page_are_told_once() -> None:
    text = '<a href="x.html#a">a</a><a class="c" href="x.html#b" title="b">b</a><a href="y.html">c</a>'
    assert ORDINARY.distinct(text, xml=False) == [(PLAIN, "x.html"), (PLAIN, "y.html")]


def test_an_anchor_that_says_more_is_told_as_it_is_written() -> None:
    text = '<a href="x.html" rel="nofollow">a</a>'
    assert ORDINARY.distinct(text, xml=False) == [("a", ' href="x.html" rel="nofollow"')]


@pytest.mark.parametrize("text", ["<a href=x<script>y</script>", "<p <!-- >", "<script src=x"])
def test_a_page_that_is_not_ordinary_is_left_to_the_other_reader(text: str) -> None:
    assert ORDINARY.distinct(text, xml=False) is None
