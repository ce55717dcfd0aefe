"""A rewritten document leads where the mirror has its files, and is otherwise what it was."""

from __future__ import annotations

import re
from posixpath import join, normpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.html_links import html_links
from crawler.pages.rewriting import rewrite_css, rewrite_html
from crawler.policy.layout import relative_link

URL = "https://h/docs/page.html"
FILES = {
    "https://h/docs/x": "h/docs/x.html",
    "https://h/docs/a b?c=d&e": "h/docs/a b@c=d&e.html",
    "https://h/": "h/index.html",
    "https://cdn/ü%2F#.css".partition("#")[0]: "cdn/ü%2F#?.css",
    "https://h/docs/page.html": "h/docs/page.html",
}


def place(url: str) -> str | None:
    target = FILES.get(url)
    return relative_link("h/docs/page.html", target) if target else None


def rewritten(html: str, **options: str) -> str:
    return rewrite_html(html.encode(), URL, options.get("content_type"), place).decode()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=x>", '<a href="x.html">'),
        ("<A HREF = 'x#f&amp;g' id=1>x</A >", "<A HREF = 'x.html#f&amp;g' id=1>x</A >"),
        ('<a href="/">', '<a href="../index.html">'),
        ('<a href="a b?c=d&amp;e">', '<a href="a%20b@c=d%26e.html">'),
        (
            "<link rel=stylesheet href='//cdn/ü%2F'>",
            "<link rel=stylesheet href='../../cdn/%C3%BC%252F%23%3F.css'>",
        ),
        ("<a href=other><a href=#f><a href=''><a href>", "<a href=other><a href=#f><a href=''><a href>"),
        ("<a href=page.html#f>", "<a href=page.html#f>"),
        ("<a href=javascript:x()><img src=data:,x>", "<a href=javascript:x()><img src=data:,x>"),
        ("<img srcset='x 1x, other 2x,/ 3x'>", "<img srcset='x.html 1x, other 2x,../index.html 3x'>"),
        (
            "<svg><a xlink:href='x#f'><a href=x xlink:href=/>",
            '<svg><a xlink:href=\'x.html#f\'><a href="x.html" xlink:href="../index.html">',
        ),
        ("<p style=\"a:url('x')\">", '<p style="a:url(&#39;x.html&#39;)">'),
        ("<p style=a:url(x)>", '<p style="a:url(x.html)">'),
        (
            "<style>@import \"x\";a{b:url( '/' )}</style>",
            "<style>@import \"x.html\";a{b:url( '../index.html' )}</style>",
        ),
        (
            "<meta http-equiv=refresh content='0; url=x#f'>",
            "<meta http-equiv=refresh content='0; url=x.html#f'>",
        ),
        (
            "<form action=x method=post><button formaction=/>",
            '<form action="x.html" method=post><button formaction="../index.html">',
        ),
        ("<link rel=canonical href=x>", "<link rel=canonical href=x>"),
        ("<link rel=stylesheet integrity=i href=x crossorigin>", '<link rel=stylesheet  href="x.html" >'),
        (
            "<script integrity=i src=other crossorigin></script>",
            "<script integrity=i src=other crossorigin></script>",
        ),
        (
            "<!-- <a href=x> --><script>'<a href=x>'</script>",
            "<!-- <a href=x> --><script>'<a href=x>'</script>",
        ),
        ("<p title='<a href=x>'><a href=x", "<p title='<a href=x>'><a href=x"),
        (
            "<base target=t href='/docs/sub/'><a href=../x><a href=y#f>",
            '<base target=t ><a href="x.html"><a href="https://h/docs/sub/y#f">',
        ),
        (
            "<base href='/'><a href=''><a class=d href= ><a href><area href=' '>",
            '<base ><a href=\'../index.html\'><a class=d href= "../index.html"><a href="../index.html">'
            "<area href='../index.html'>",
        ),
        (
            "<base href='/sub/?q#f'><a href=''><a href=#g>",
            "<base ><a href='https://h/sub/?q'><a href=\"https://h/sub/?q#g\">",
        ),
        (
            "<base href='/'><img src='' srcset=''><form action=''><iframe src></iframe><p cite style=''>",
            "<base ><img src='' srcset=''><form action=''><iframe src></iframe><p cite style=''>",
        ),
        ("<base href='page.html'><a href=''>", "<base ><a href=''>"),
        ("<base href='/'><a href=#f><a href=//o/z><link rel=canonical href=c>", None),
    ],
)
def test_links_lead_to_files_and_nothing_else_changes(html: str, expected: str | None) -> None:
    if expected is None:
        expected = (
            '<base ><a href="../index.html#f"><a href="https://o/z"><link rel=canonical href="https://h/c">'
        )
    assert rewritten(html) == expected
    assert rewritten(expected) == expected


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "utf-16", "utf-16-be"])
def test_a_document_keeps_its_encoding(codec: str) -> None:
    html = "\ufeff<meta charset=cp1252><p title='é'>é<a title=é href=x style=\"font:'é';b:url(x)\">"
    body = (html if codec == "utf-16-be" else html.removeprefix("\ufeff")).encode(codec)
    if codec == "utf-8":
        body = b"\xef\xbb\xbf" + body
    new = rewrite_html(body, URL, None, place)
    expected = html.replace("href=x", 'href="x.html"').replace("'é';b:url(x)", "&#39;é&#39;;b:url(x.html)")
    assert new.decode(codec).removeprefix("\ufeff") == expected.removeprefix("\ufeff")
    assert new[:2] == body[:2]


def test_bytes_that_mean_nothing_in_the_encoding_are_kept() -> None:
    body = b"<meta charset=utf-8>\xff\xfe\x00<a title=\xff href=x>\x80"
    assert rewrite_html(body, URL, None, place) == body.replace(b"href=x", b'href="x.html"')
    broken = b"\xff\xfe<\x00a"
    assert rewrite_html(broken, URL, None, place) == broken


def test_links_in_shift_jis_are_asked_for_as_text_and_its_bytes_are_kept() -> None:
    asked = []
    body = "<p>ソ表<a href='ソ.html'>".encode("shift_jis")
    new = rewrite_html(body, URL, "text/html; charset=shift_jis", lambda url: asked.append(url) or "n.html")  # type: ignore[func-returns-value]
    assert asked == ["https://h/docs/ソ.html"]
    assert new == "<p>ソ表<a href='n.html'>".encode("shift_jis")


def test_what_place_forgot_to_encode_cannot_break_out() -> None:
    new = rewrite_html(b"<a href='x'>", URL, None, lambda _: "a'b \"<c>&é")
    assert new == b"<a href='a&#39;b%20%22%3Cc%3E&amp;%C3%A9'>"


def test_style_sheets_are_rewritten_in_place() -> None:
    css = "@charset \"koi8-r\";/* url(x) */@import 'x' print;a{b:url(/#f);c:url(other);d:'я'}"
    new = rewrite_css(css.encode("koi8-r"), URL, "text/css", place)
    expected = css.replace("'x' print", "'x.html' print").replace("url(/#f)", "url(../index.html#f)")
    assert new.decode("koi8-r") == expected
    assert rewrite_css(new, URL, "text/css", place) == new
    assert (
        rewrite_css(b"a{b:url(x)}", URL, None, lambda _: "a(b)'c.png") == b"a{b:url(a\\28 b\\29 \\27 c.png)}"
    )


PIECES = st.sampled_from(
    [
        "<a href=a>",
        "<a title='<' href='b?c'>",
        '<img src="c" srcset="d 1x,e 2x">',
        "<p style='a:url(f)'>",
        "<style>a{b:url(g)}</style>",
        "<!-- <a href=h>",
        "-->",
        "<script>",
        "</script>",
        "<base href='/n/'>",
        "<link rel=icon href=i integrity=x>",
        "<",
        "é",
        '"',
        "<iframe src=j>",
        "<form action=k>",
        "<meta http-equiv=refresh content='1;url=l'>",
        "<q cite=m>",
        "<a href=#x>",
        "<td background=o>",
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=10).map("".join))
def test_every_link_of_a_page_is_rewritten_and_only_once(html: str) -> None:
    """What the crawl finds is what the mirror asks for; and afterwards all lead into the mirror."""
    body = html.encode("utf-8", "replace")
    page = html_links(body, URL, "text/html; charset=utf-8", forms=True)
    asked: set[str] = set()

    def answer(url: str) -> str | None:
        asked.add(url)
        return None if "/mirror/" in url else f"mirror/{re.sub('[^a-z]', '', url)}.html"

    new = rewrite_html(body, URL, "text/html; charset=utf-8", answer)
    assert {link.url for link in page.links} <= asked | {URL}
    after = html_links(new, URL, "text/html; charset=utf-8", forms=True)
    assert all("/mirror/" in link.url for link in after.links)
    assert rewrite_html(new, URL, "text/html; charset=utf-8", answer) == new


@given(
    st.lists(
        st.sampled_from(["a", "b c", "ü", "%41", "q?r", "#h", "a:b", "'\"", "&amp;", "(x)", "<y>", ","]),
        min_size=1,
        max_size=3,
    )
)
def test_a_browser_opens_the_very_file_that_was_meant(names: list[str]) -> None:
    target = "h/" + "/".join(names)
    link = relative_link("h/docs/page.html", target)
    for html in ("<a href=z>", "<img srcset='z 2x'>", "<p style='a:url(z)'>", "<style>@import 'z'</style>"):
        new = rewrite_html(html.encode(), URL, None, lambda _: link)
        (found,) = html_links(new, "http://m/h/docs/page.html").links
        assert normpath(unquote(found.url.removeprefix("http://m/"))) == normpath(
            join("h/docs", "..", *names)
        )


def test_a_query_leads_to_the_file_of_the_same_query() -> None:
    """The rewriter asks for the very URLs that the finder finds."""
    html = "<a href='/ä?q=ä'><img srcset='?ж 1x'><p style='a:url(?ä)'>"
    html += "<meta http-equiv=refresh content='0;url=?ö'>"
    for codec in ("iso-8859-1", "windows-1251", "koi8-r", "shift_jis", "utf-8", "utf-16"):
        body = html.encode(codec, "xmlcharrefreplace")
        header = None if codec == "utf-16" else f"text/html; charset={codec}"
        asked: dict[str, None] = {}
        rewrite_html(body, URL, header, asked.setdefault)
        assert set(asked) == set(html_links(body, URL, header).urls)
    targets = {"https://h/docs/s?q=%E4": "s@q=1.html"}
    page = "<a href='s?q=ä#ä'>ä</a>".encode("cp1252")
    new = rewrite_html(page, URL, "text/html; charset=iso-8859-1", targets.get)
    assert new == "<a href='s@q=1.html#ä'>ä</a>".encode("cp1252")


def test_a_style_sheet_s_queries_are_utf_8() -> None:
    asked: dict[str, None] = {}
    rewrite_css(
        "a{b:url(?ä)}".encode("cp1252"), "https://h/", "text/css; charset=iso-8859-1", asked.setdefault
    )
    assert set(asked) == {"https://h/?ä"}
