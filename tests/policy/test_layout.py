"""A mirror's files have the names that wget gives them, and link to each other."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UnsafePath
from crawler.policy.layout import mirror_target, relative_link, with_extension
from crawler.policy.names import safe_target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # As wget2 1.99 -r names them.
        ("http://h/", "h/index.html"),
        ("http://h/a", "h/a"),
        ("http://h/dir/", "h/dir/index.html"),
        ("http://h/sp%20ace.html", "h/sp ace.html"),
        ("http://h/%C3%BC.html", "h/ü.html"),
        ("http://h/deep//dbl.html", "h/deep/dbl.html"),
        ("http://h/a;b.html", "h/a;b.html"),
        # A query follows "@", for no file on Windows may have a "?".
        ("http://h/p.php?x=1&y=2", "h/p.php@x=1&y=2"),
        ("http://h/dir/?q=1", "h/dir/index.html@q=1"),
        ("http://h/x.html?z=a/b", "h/x.html@z=a%2Fb"),
        # What wget2 lets through and no system is safe from.
        ("http://h:8080/a", "h+8080/a"),
        ("http://h/.hidden", "h/_hidden"),
        ("http://h/sl%2Fash", "h/sl%2Fash"),
        ("http://h/star*", "h/star%2A"),
    ],
)
def test_names(url: str, expected: str) -> None:
    assert mirror_target(url, "text/html") == expected


@pytest.mark.parametrize(
    ("url", "content_type", "expected"),
    [
        ("http://h/a", "text/html; charset=utf-8", "h/a.html"),
        ("http://h/", "text/html", "h/index.html"),
        ("http://h/UPPER.HTM", "Text/HTML", "h/UPPER.HTM"),
        ("http://h/p.php?x=1", "text/html", "h/p.php@x=1.html"),
        ("http://h/a", "application/xhtml+xml", "h/a.xhtml"),
        ("http://h/a.html", "application/xhtml+xml", "h/a.html"),
        ("http://h/s.css?v=1", "text/css", "h/s.css@v=1.css"),
        ("http://h/s.css", "text/css", "h/s.css"),
        ("http://h/m.js?v=1", "text/javascript", "h/m.js@v=1.js"),
        ("http://h/i?v=1", "image/svg+xml", "h/i@v=1.svg"),
        ("http://h/i?v=1", "image/png", "h/i@v=1"),
        ("http://h/a", None, "h/a"),
    ],
)
def test_a_file_that_a_browser_opens_says_what_it_is(
    url: str, content_type: str | None, expected: str
) -> None:
    assert mirror_target(url, content_type, adjust=True) == expected
    assert with_extension(expected, content_type) == expected


def test_a_name_that_is_too_long_keeps_its_extension() -> None:
    target = mirror_target("http://h/" + "a" * 400, "text/html", adjust=True)
    assert target.endswith(".html")
    assert len(posixpath.basename(target)) <= 250


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("h/index.html", "h/a.html", "a.html"),
        ("h/index.html", "h/index.html", "index.html"),
        ("h/a/b/c.html", "h/x/y.css", "../../x/y.css"),
        ("h/c.html", "cdn/y.css", "../cdn/y.css"),
        ("h/a/b.html", "h/a", "../a"),
        ("h/a", "h/a/b.html", "a/b.html"),
        ("index.html", "a b#?%ü.html", "a%20b%23%3F%25%C3%BC.html"),
        ("h/x", "h/a@x=1&copy=(2)'", "a@x=1%26copy=%282%29%27"),
        ("h/x", "h/c:d", "c%3Ad"),
    ],
)
def test_links_between_files(here: str, there: str, expected: str) -> None:
    assert relative_link(here, there) == expected


def some_target(raw: str) -> str | None:
    try:
        return safe_target(raw)
    except UnsafePath:
        return None


TARGETS = st.lists(
    st.one_of(st.sampled_from(["a", "b", "a b", "%41", "ü", "x?y"]), st.text(min_size=1)), min_size=1
)
TARGET = TARGETS.map("/".join).map(some_target)


@given(TARGET, TARGET)
def test_a_browser_that_follows_the_link_from_disk_opens_the_file(
    here: str | None, there: str | None
) -> None:
    if here is None or there is None:
        return
    link = relative_link(here, there)
    followed = urlsplit(urljoin(f"http://disk/mirror/{relative_link('', here)}", link)).path
    assert unquote(followed, errors="strict") == f"/mirror/{there}"
    assert not set(link) & set("\"'()<>&?#\\: \t\n")
