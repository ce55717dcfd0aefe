"""The tags of a page, each once, against all of them as they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.distinct import PLAIN, Distinct, distinct
from crawler.pages.link_places import concerned
from crawler.pages.tags import STYLE_TEXT, tags, values

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
        *("<script><!--", "<!-- x --><script>"),
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
        elif (name == STYLE_TEXT and written) or concerned(name, written):
            told.add((name, written))
    return told - {("a", "")}


@given(st.lists(PIECES, max_size=9))
def test_a_page_says_the_same_both_ways(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = distinct(text)
    one_by_one = [(name, text[start:end]) for name, start, end in tags(text)]
    assert found is None or said(found) == said(one_by_one)
    assert found is not None or ("<script" in text.lower() and "<!--" in text)


def test_plain_anchors_to_one_page_are_told_once() -> None:
    text = '<a href="x.html#a">a</a><a class="c" href="x.html#b" title="b">b</a><a href="y.html">c</a>'
    assert distinct(text) == [(PLAIN, "x.html"), (PLAIN, "y.html")]


def test_an_anchor_that_says_more_is_told_as_it_is_written() -> None:
    text = '<a href="x.html" rel="nofollow">a</a>'
    assert distinct(text) == [("a", ' href="x.html" rel="nofollow"')]


def test_a_script_within_a_comment_of_a_script_is_left_to_the_other_reader() -> None:
    assert distinct("<script><!-- <script></script> <a href=no> --></script>") is None
    assert distinct("<script><!-- <a href=no> --></script>") == [("script", "")]
