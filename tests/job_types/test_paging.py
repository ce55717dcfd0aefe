"""From a page to the next one: URLs, cursors and numbers, where a list ends, and when it goes in circles."""

from __future__ import annotations

import pickle
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from crawler.job_types.page_requests import next_url, request_for
from crawler.job_types.paging import (
    At,
    Lost,
    Paging,
    Place,
    Way,
    beginning,
    cursor,
    following,
    items_of,
    reference,
    shown,
)
from crawler.net.wire import requested_url
from crawler.request import Auth, BytesBody, JsonBody, Request

FIRST = Request(url="https://api.example/orders?shop=7", params=(("limit", "100"),))
LINK = Paging(way=Way.LINK)
CURSOR = Paging(way=Way.CURSOR, expression="next", param="cursor")
PAGE = Paging(way=Way.PAGE, param="page", start=1, items="data")
OFFSET = Paging(way=Way.OFFSET, param="offset", step=100, items="data")
NO_CONTENT = bytes(8)


def walk(paging: Paging, leads: list[At], held: int = 1) -> list[Place]:
    """The places that a list leads to, one after another; raises ``Lost`` where it goes in circles."""
    places = [beginning(paging, FIRST)]
    for number, at in enumerate(leads):
        place = following(paging, places[-1], at, held, number.to_bytes(8, "little"))
        if place is None:
            break
        places.append(place)
    return places


@pytest.mark.parametrize(
    ("paging", "urls"),
    [
        (PAGE, ["?shop=7&limit=100&page=1", "?shop=7&limit=100&page=2", "?shop=7&limit=100&page=3"]),
        (
            OFFSET,
            ["?shop=7&limit=100&offset=0", "?shop=7&limit=100&offset=100", "?shop=7&limit=100&offset=200"],
        ),
    ],
)
def test_counted_pages(paging: Paging, urls: list[str]) -> None:
    places = walk(paging, [None, None])
    asked = [requested_url(request_for(paging, FIRST, place)) for place in places]
    assert asked == [f"https://api.example/orders{url}" for url in urls]


def test_a_cursor_takes_the_place_of_the_one_that_the_manifest_has() -> None:
    first = structs.replace(FIRST, url="https://api.example/o?cursor=*&a=%27b%27", params=(("cursor", "x"),))
    place = Place(number=2, at="a+b/=&c")
    assert request_for(CURSOR, first, Place()) is first
    asked = requested_url(request_for(CURSOR, first, place))
    assert asked == "https://api.example/o?a=%27b%27&cursor=a%2Bb%2F%3D%26c"


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(max_size=3, alphabet="ab&=%+"),
)
def test_every_cursor_comes_back_as_it_was_given(token: str, query: str) -> None:
    first = Request(url=f"https://h/?x=1&{query}")
    asked = requested_url(request_for(CURSOR, first, Place(number=2, at=token)))
    assert dict(parse_qsl(urlsplit(asked).query, keep_blank_values=True))["cursor"] == token


def test_a_cursor_in_the_body_is_put_where_the_path_says() -> None:
    paging = Paging(way=Way.CURSOR, param="variables.page.after", in_json=True)
    body: dict[str, Any] = {"query": "{}", "variables": {"n": 5}}
    first = Request(method="POST", url="https://h/", body=JsonBody(body))
    asked = request_for(paging, first, Place(number=2, at=17)).body
    assert isinstance(asked, JsonBody)
    assert asked.value == {"query": "{}", "variables": {"n": 5, "page": {"after": 17}}}
    assert body == {"query": "{}", "variables": {"n": 5}}
    blocked = structs.replace(first, body=JsonBody({"variables": [1]}))
    with pytest.raises(Lost, match="where a list is in its way"):
        request_for(paging, blocked, Place(number=2, at=17))


@pytest.mark.parametrize(
    ("written", "base", "found"),
    [
        ("?page=2", "https://api.example/v1/orders?page=1", "https://api.example/v1/orders?page=2"),
        ("/o?p=2#top", "https://api.example/v1/o", "https://api.example/o?p=2"),
        (" https://API.example:443/o ", "https://api.example/", "https://API.example:443/o"),
        ("https://me:pw@api.example/o", "https://api.example/", "https://api.example/o"),
        ("//eu.example/o", "https://eu.example/1", "https://eu.example/o"),  # where a redirect has led
        ("https://api.example/o", "https://eu.example/1", "https://api.example/o"),
        ("?q=ü", "https://api.example/o", "https://api.example/o?q=%C3%BC"),
    ],
)
def test_next_urls(written: str, base: str, found: str) -> None:
    assert next_url(written, base, "https://api.example/orders") == found


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("http://api.example/o", "from https to plain http"),
        ("https://evil.example/o", "another origin, https://evil.example:443"),
        ("https://api.example:444/o", "another origin"),
        ("ftp://api.example/o", "no URL"),
        ("https://[::1", "no URL"),
        ("https://api.example:0/", "no URL"),
        ("javascript:alert(1)", "no URL"),
    ],
)
def test_next_urls_that_are_refused(written: str, why: str) -> None:
    with pytest.raises(Lost, match=why):
        next_url(written, "https://api.example/orders", "https://api.example/orders")


def test_what_is_ours_stays_at_home() -> None:
    first = structs.replace(
        FIRST,
        headers=(("X-Key", "k"), ("Accept", "a/b")),
        cookies=(("sid", "1"),),
        auth=Auth("bearer", secret="t"),
    )
    home = request_for(LINK, first, Place(number=2, at="https://api.example/2"))
    assert (home.headers, home.cookies, home.auth) == (first.headers, first.cookies, first.auth)
    assert (home.params, home.named_by) == ((), "api.example")
    away = request_for(LINK, first, Place(number=2, at="https://eu.example/2"))
    assert (away.headers, away.cookies, away.auth) == ((("Accept", "a/b"),), (), None)
    assert (away.params, away.named_by) == ((), "api.example")
    posted = structs.replace(first, method="POST", body=BytesBody(b"x", "text/plain"))
    with pytest.raises(Lost, match="the request's body to another origin"):
        request_for(LINK, posted, Place(number=2, at="https://eu.example/2"))


@pytest.mark.parametrize("nothing", [None, "", False])
def test_where_a_list_ends(nothing: object) -> None:
    assert cursor(nothing) is None
    assert reference(nothing) is None
    assert following(CURSOR, beginning(CURSOR, FIRST), None, 5, NO_CONTENT) is None
    assert following(PAGE, beginning(PAGE, FIRST), None, 0, NO_CONTENT) is None


@pytest.mark.parametrize("wrong", [True, [], {}, ["a"], {"a": 1}])
def test_what_is_no_way_on(wrong: object) -> None:
    for take in (cursor, reference):
        with pytest.raises(Lost, match="or null for the next page, found"):
            take(wrong)


@pytest.mark.parametrize("wrong", [None, 7, "a", {}, True])
def test_what_is_no_list_of_items_is_no_end(wrong: object) -> None:
    with pytest.raises(Lost, match="expected a list of items at 'data', found"):
        items_of(wrong, "data")


def test_numbers_may_be_cursors() -> None:
    assert (cursor(17), cursor("17"), cursor(0)) == (17, "17", 0)
    with pytest.raises(Lost):
        reference(17)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([LINK, CURSOR]))
def test_a_circle_of_any_length_is_noticed_and_not_late(before: int, length: int, paging: Paging) -> None:
    round_about: list[At] = [f"https://api.example/{number}" for number in range(before + length)]
    leads = round_about + round_about[before:] * (4 * before + 8)
    with pytest.raises(Lost, match="circles"):
        walk(paging, leads)
    seen = 0
    place: Place | None = beginning(paging, FIRST)
    for at in leads:
        try:
            assert place is not None
            place = following(paging, place, at, 1, NO_CONTENT)
        except Lost:
            break
        seen += 1
    assert before + length <= seen <= 3 * (before + length) + 3


@given(st.lists(st.text(min_size=1), unique=True, max_size=200))
def test_a_list_that_leads_on_and_on_is_no_circle(tokens: list[str]) -> None:
    places = walk(CURSOR, [*tokens, None])
    assert [place.at for place in places] == [None, *tokens]
    assert [place.number for place in places] == list(range(1, len(tokens) + 2))


def test_back_at_the_first_page_is_a_circle_at_once() -> None:
    with pytest.raises(Lost, match="circles"):
        walk(LINK, ["https://api.example/2", requested_url(FIRST)])


def test_two_pages_that_hold_the_same_are_one_if_they_are_counted() -> None:
    second = following(PAGE, beginning(PAGE, FIRST), None, 3, b"samesame")
    assert second is not None
    with pytest.raises(Lost, match="it is page 1 once more"):
        following(PAGE, second, None, 3, b"samesame")
    assert following(PAGE, second, None, 0, b"samesame") is None


def test_an_idempotency_key_is_each_pages_own() -> None:
    first = structs.replace(FIRST, headers=(("idempotency-Key", "k"), ("A", "b")))
    assert request_for(CURSOR, first, Place()).headers == first.headers
    third = request_for(CURSOR, first, Place(number=3, at="c"))
    assert third.headers == (("idempotency-Key", "k-3"), ("A", "b"))


def test_what_a_server_gave_is_shown_as_a_url() -> None:
    assert shown(PAGE, Place(number=7)) is None
    assert shown(LINK, Place(number=2, at="https://h/?token=1")) == "https://h/?token=1"
    assert shown(CURSOR, Place(number=2, at="a/b&c")) == "https://-/?cursor=a%2Fb%26c"
    in_json = Paging(way=Way.CURSOR, param="variables.pageToken", in_json=True)
    assert shown(in_json, Place(number=2, at=7)) == "https://-/?pageToken=7"


def test_places_cross_rooms() -> None:
    place = walk(CURSOR, ["a", "b"])[-1]
    assert pickle.loads(pickle.dumps((place, CURSOR))) == (place, CURSOR)
