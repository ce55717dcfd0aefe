"""Which documents a page names, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.charset import ASCII_BELOW_128
from crawler.pages.html_links import html_links
from crawler.pages.link import Link, LinkKind

URL = "https://h/docs/page.html"
PAGE, NEEDED, BOTH = LinkKind.PAGE, LinkKind.REQUISITE, LinkKind.PAGE | LinkKind.REQUISITE


def found(html: str, *, forms: bool = False) -> dict[str, LinkKind]:
    links = html_links(html.encode(), URL, forms=forms).links
    return {link.url.removeprefix("https://h/docs/"): link.kind for link in links}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=x>", {"x": PAGE}),
        ("<A HREF = ' x#part '>", {"x": PAGE}),
        ("<a href=x#1><a href=x#2><a href=x>", {"x": PAGE}),
        ("<a href='?a=1&amp;b=2&copy=3&lang=de'>", {"page.html?a=1&b=2&copy=3&lang=de": PAGE}),
        ("<a href='a&#64;b'><a href='a&#x40;c'>", {"a@b": PAGE, "a@c": PAGE}),
        ("<a title='#' href=x><a title='#' href=y>", {"x": PAGE, "y": PAGE}),
        ("<a href='x\ny\\z'>", {"xy/z": PAGE}),
        ("<a href><a href=''><a href=#top><a name=x>", {}),
        ("<a href=mailto:x@y><a href=JavaScript:go()><a href=data:,x><a href=tel:1><a href=ftp://h/>", {}),
        ("<map><area href=x></map>", {"x": PAGE}),
        (
            "<link href=x><link rel=next href=y><link rel='alternate feed' href=z>",
            {"x": PAGE, "y": PAGE, "z": PAGE},
        ),
        (
            "<link rel='Shortcut Icon' href=i><link rel='alternate stylesheet' href=s>",
            {"i": NEEDED, "s": NEEDED},
        ),
        (
            "<link rel=preload imagesrcset='p 1x, q 2x'><link rel=manifest href=m>",
            {"p": NEEDED, "q": NEEDED, "m": NEEDED},
        ),
        ("<link rel=preconnect href=x><link rel=dns-prefetch href=//cdn>", {}),
        ("<frameset><frame src=f></frameset>", {"f": BOTH}),
        ("<iframe src=f>fall <a href=back></iframe>", {"f": BOTH, "back": PAGE}),
        ("<noframes><a href=x></noframes><noscript><img src=y></noscript>", {"x": PAGE, "y": NEEDED}),
        (
            "<img src=a srcset='b, c 2x,d,e 100w' longdesc=f>",
            {"a": NEEDED, "f": PAGE, "b": NEEDED, "c": NEEDED, "d,e": NEEDED},
        ),
        ("<img data-src=a data-srcset='b 1x'>", {"a": NEEDED, "b": NEEDED}),
        ("<picture><source srcset=a><img></picture>", {"a": NEEDED}),
        (
            "<video src=a poster=b><source src=c><track src=d></video><audio src=e>",
            dict.fromkeys("abcde", NEEDED),
        ),
        ("<script src=a></script><object data=b></object><embed src=c>", dict.fromkeys("abc", NEEDED)),
        ("<input type=image src=a><body background=b><td BACKGROUND=c>", dict.fromkeys("abc", NEEDED)),
        (
            "<svg><image xlink:href=a /><use href=b#icon /><use href=#own /></svg>",
            dict.fromkeys("ab", NEEDED),
        ),
        (
            "<svg><a xlink:href=a><a XLINK:HREF='b#c' class=d><a xlink:href='#own'></svg>",
            dict.fromkeys("ab", PAGE),
        ),
        (
            "<svg><a xlink:href=a href=b><a href='#own' xlink:href=c><a xlink:href=d rel=nofollow>",
            {"b": PAGE, "d": PAGE},
        ),
        (
            "<p style='background: url(&quot;a&quot;)'><i STYLE=background:URL(b)>",
            dict.fromkeys("ab", NEEDED),
        ),
        ("<a href=x style='background:url(b)'>", {"x": PAGE, "b": NEEDED}),
        ("<style>@import 'a'; p { background: url(b) }</style>", dict.fromkeys("ab", NEEDED)),
        ("<q cite=a><blockquote cite=b><ins cite=c><del cite=d>", dict.fromkeys("abcd", PAGE)),
        ("<a href=i.png><img src=i.png>", {"i.png": BOTH}),
        ("<meta http-equiv=Refresh content='3; URL=\"next\"'>", {"next": PAGE}),
        ("<!-- <a href=x> --><script>'<a href=x>'</script><textarea><a href=x></textarea>", {}),
        ("<p title='<a href=x>'><a href=y>", {"y": PAGE}),
        ("<p title='url(x)'>url(y)<a href=z>", {"z": PAGE}),
    ],
)
def test_links_are_found_where_browsers_and_wget_find_them(html: str, expected: dict[str, LinkKind]) -> None:
    assert found(html) == expected


def test_the_targets_of_get_forms_are_links_for_those_who_ask() -> None:
    html = "<form action=a><button formaction=b><button formmethod=post formaction=c></form>"
    html += "<form method=POST action=d>"
    assert found(html) == {}
    assert found(html, forms=True) == {"a": PAGE, "b": PAGE}


def test_the_base_counts_for_what_stands_before_it_too() -> None:
    page = html_links(
        b"<a href=x><base target=_top><base href='../other/#f'><base href=no><link rel=canonical href=c>", URL
    )
    assert page.base == "https://h/other/"
    assert [link.url for link in page.links] == ["https://h/other/x", "https://h/other/c"]
    assert page.canonical == "https://h/other/c"
    assert html_links(b"<base href='data:,x'><a href=x>", URL).base == URL


def test_a_link_is_not_to_be_followed_only_if_no_mention_of_it_is() -> None:
    page = html_links(
        b"<a rel='ugc nofollow' href=a><a rel=nofollow href=b><a href=b#x><img src=c><a rel=NoFollow href=c>",
        URL,
    )
    assert page.links == (
        Link("https://h/docs/a", PAGE, nofollow=True),
        Link("https://h/docs/b", PAGE),
        Link("https://h/docs/c", BOTH, nofollow=True),
    )


@pytest.mark.parametrize(
    ("html", "agent", "noindex", "nofollow"),
    [
        ("<meta name=robots content='index, follow'>", "", False, False),
        ("<META NAME=Robots CONTENT='NoIndex,NOFOLLOW'>", "", True, True),
        ("<meta name=robots content=none>", "", True, True),
        ("<meta name=robots content=noindex><meta name=acme content=nofollow>", "acme", True, True),
        ("<meta name=Acme content=nofollow>", "acme", False, True),
        ("<meta name=other content=none><meta content=none>", "acme", False, False),
    ],
)
def test_a_page_says_what_robots_may_do(html: str, agent: str, noindex: bool, nofollow: bool) -> None:
    page = html_links(html.encode(), URL, agent=agent)
    assert (page.noindex, page.nofollow) == (noindex, nofollow)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0;url=x", "x"),
        ("5; URL='x y'z", "x y"),
        ("1 x", "x"),
        (".5,x", "x"),
        ("0;x", "x"),
        ("3", None),
        ("3;", None),
        *[("x", None), ("-1;url=x", None), ('0;url="x', "x"), ("0;url =x ", "x")],
    ],
)
def test_a_refresh_leads_where_browsers_would_go(content: str, expected: str | None) -> None:
    quoted = content.replace('"', "&quot;")
    refresh = html_links(f'<meta http-equiv=refresh content="{quoted}">'.encode(), URL).refresh
    assert refresh == (None if expected is None else f"https://h/docs/{expected}")


@pytest.mark.parametrize("codec", sorted(ASCII_BELOW_128))
def test_links_are_the_same_in_every_encoding_that_keeps_ascii(codec: str) -> None:
    letters = (
        "".join(bytes([byte]).decode(codec, "ignore") for byte in range(0xA1, 0x100)) or "äß—表\U0001f600"
    )
    html = (
        f'<p title="{letters}"><a href="{letters}.html" title="{letters}">x</a>'
        f"<a {letters}=1 href=y>"
        f"<img src='{letters}.png'><style>a {{ background: url({letters}.gif) }}</style><b style='{letters}'>"
    )
    found = html_links(html.encode(codec), URL, f"text/html; charset={codec}").links
    assert len(found) == 4
    assert found == html_links(html.encode("utf-16"), URL).links


def test_links_are_read_in_the_encoding_of_the_page() -> None:
    html = "<meta charset=shift_jis><a href='表.html'>表"
    assert html_links(html.encode("shift_jis"), URL).links[0].url == "https://h/docs/表.html"
    assert html_links(html.encode("utf-16"), URL).links[0].url == "https://h/docs/表.html"


def test_a_mention_that_differs_after_its_fragment_only_counts_for_itself() -> None:
    html = b"<a href=b#1 rel=nofollow><a href=b#2><a href=c#1 title=x><a href=c#2 rel=nofollow>"
    assert html_links(html, URL).links == (Link("https://h/docs/b", PAGE), Link("https://h/docs/c", PAGE))


def test_a_page_that_is_too_large_is_not_read() -> None:
    page = html_links(b"<a href=x>", URL, max_bytes=9)
    assert (page.too_large, page.links) == (True, ())


def test_an_address_that_is_no_http_url_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'file:///x'"):
        html_links(b"", "file:///x")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<ul><li>",
        "<font size=1>",
        "<a href=x",
        "<a href='x'>",
        "url(",
        "<p style='url(",
        "='",
        "style=",
    ],
)
def test_hostile_pages_of_a_megabyte_take_no_longer_than_others(piece: str) -> None:
    assert len(html_links(piece.encode() * (1_000_000 // len(piece)), URL).links) <= 1


PAGE_BYTES = (
    b"<!doctype html><base href='/b/'><a href=\"x?a&amp;b#f\" rel=nofollow>t</a>"
    b"<img srcset='a 1x, b 2x' src=c><style>@import 'd';"
    b"p{background:url(\"e\")}</style><script><!-- </script><p style='background:url(f)'>"
    b"<meta http-equiv=refresh content='0;url=g'>"
)


@given(
    st.lists(st.tuples(st.integers(0, len(PAGE_BYTES)), st.integers(0, 3), st.binary(max_size=4)), max_size=6)
)
def test_no_damage_to_a_page_is_an_error(damage: list[tuple[int, int, bytes]]) -> None:
    body = PAGE_BYTES
    for position, removed, added in damage:
        body = body[:position] + added + body[position + removed :]
    for link in html_links(body, URL, forms=True).links:
        assert link.url.startswith(("http://", "https://"))
        assert "#" not in link.url


@pytest.mark.parametrize(
    ("codec", "reference", "url"),
    [
        ("iso-8859-1", "/ä?q=ä+ö#ä", "/ä?q=%E4+%F6"),
        ("iso-8859-1", "?€&ж&\N{GRINNING FACE}", "/docs/page?%80&%26%231078%3B&%26%23128512%3B"),
        ("windows-1251", "x?q=ж&a=%e4", "/docs/x?q=%E6&a=%e4"),
        ("koi8-r", "//h/x?ж", "/x?%D6"),
        ("shift_jis", "?q=ソ日", "/docs/page?q=%83%5C%93%FA"),
        ("iso-2022-jp", "?q=日本", "/docs/page?q=%1B%24BF%7CK%5C%1B%28B"),
        ("gb2312", "?q=中", "/docs/page?q=%D6%D0"),
        ("utf-8", "?q=ä", "/docs/page?q=ä"),
        ("utf-16", "?q=ä", "/docs/page?q=ä"),
    ],
)
def test_a_query_is_in_the_encoding_of_its_document(codec: str, reference: str, url: str) -> None:
    reference = reference.encode(codec, "xmlcharrefreplace").decode(codec)
    html = f"<a href='{reference}'><a class=x href='{reference}' id=y>"
    header = None if codec == "utf-16" else f"text/html; charset={codec}"
    page = html_links(html.encode(codec), "https://h/docs/page", header)
    assert page.urls == (f"https://h{url}",)
    large = f"{'<p>text</p>' * 200_000}{html}".encode(codec)
    assert html_links(large, "https://h/docs/page", header).urls == page.urls


def test_a_base_and_what_names_a_page_are_in_the_encoding_of_their_document() -> None:
    html = "<base href='/b?ä'><link rel=canonical href='?ö'><meta http-equiv=refresh content='0;url=?ü'>"
    page = html_links(html.encode("cp1252"), "https://h/", "text/html; charset=iso-8859-1")
    assert page.base == "https://h/b?%E4"
    assert page.canonical == "https://h/b?%F6"
    assert page.refresh == "https://h/b?%FC"
