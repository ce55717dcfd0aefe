"""References resolve as RFC 3986 and the standard library say."""

from __future__ import annotations

from urllib.parse import urldefrag, urljoin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from crawler.pages.references import base, clean, rebased, resolve

RFC_BASE = base("http://a/b/c/d;p?q")
# RFC 3986 §5.4.1 and §5.4.2, fragments cut; None where the answer is no http URL.
RFC_EXAMPLES = {
    "g:h": None,
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q",
    "g#s": "http://a/b/c/g",
    "g?y#s": "http://a/b/c/g?y",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "http:g": "http://a/b/c/g",
}
SEGMENT = st.sampled_from(["a", "b.html", ".", "..", "...", "x;y", "a:b", "%2F", "é", "~", "a,b", ".a", "a."])
PATHS = st.lists(SEGMENT, min_size=1, max_size=6).map("/".join)
QUERIES = st.sampled_from(["", "?x", "?a=b&c=/../d", "?a:b", "?u=http://o/p"])
ENDS = st.sampled_from(["", "/"])


@pytest.mark.parametrize(("reference", "expected"), RFC_EXAMPLES.items())
def test_the_examples_of_the_rfc_resolve_as_it_says(reference: str, expected: str | None) -> None:
    assert resolve(RFC_BASE, reference) == expected


@given(
    here=st.tuples(st.sampled_from(["http://h", "https://h:8443"]), PATHS, ENDS, QUERIES).map(
        lambda p: f"{p[0]}/{p[1]}{p[2]}{p[3]}"
    ),
    start=st.sampled_from(["", "/", "../", "../../", "./"]),
    path=PATHS,
    end=ENDS,
    query=QUERIES,
)
def test_relative_references_resolve_as_in_the_standard_library(
    here: str, start: str, path: str, end: str, query: str
) -> None:
    reference = start + path + end + query
    assume(":" not in reference.split("/")[0])  # a scheme
    there = base(here)
    assert resolve(there, reference) == urldefrag(urljoin(there.url, reference)).url


@given(PATHS, QUERIES)
def test_absolute_references_lose_their_dots_as_in_yarl(path: str, query: str) -> None:
    url = resolve(RFC_BASE, f"https://o/{path}{query}")
    assert url is not None
    assert URL(url) == URL(f"https://o/{path}{query}")
    assert resolve(RFC_BASE, f"//o/{path}{query}") == url.replace("https:", "http:")


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_reference_holds_it_resolves_to_an_http_url_or_nothing(reference: str, more: str) -> None:
    for text in (reference, f"//{reference}", f"http:{reference}/{more}", f"../{reference}"):
        url = resolve(RFC_BASE, clean(text))
        assert url is None or url.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "reference",
    ["mailto:x@y", "javascript:void(0)", "data:,x", "tel:1", "https:g", "///g", "http:", "ftp://x/"],
)
def test_what_names_no_http_document_resolves_to_nothing(reference: str) -> None:
    url = resolve(RFC_BASE, clean(reference))
    assert url is None or (reference == "http:" and url == RFC_BASE.url)


def test_references_are_read_as_browsers_read_them() -> None:
    assert clean(" \n a\tb\r\nc \x00") == "abc"
    assert clean("..\\img\\a.png?x\\y") == "../img/a.png?x\\y"
    assert clean("javascript:alert('\\n')") == "javascript:alert('\\n')"


def test_a_base_is_what_its_element_says_if_that_is_fetched_over_http() -> None:
    assert rebased(RFC_BASE, "/x/y").folder == "http://a/x/"
    assert rebased(RFC_BASE, "data:,x") is RFC_BASE
    with pytest.raises(ValueError, match="expected an absolute http or https URL, found 'ftp://h/'"):
        base("ftp://h/")
