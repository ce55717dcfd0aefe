"""The ledger's memory of crawled sites: every URL once a round, in order, and what was last seen of it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crawler.crawled import MOST_PAGES, Found, Page, Use
from crawler.model import Outcome, Saved
from crawler.policy.fingerprints import fingerprint
from crawler.policy.names import fold
from crawler.store.ledger import Ledger
from crawler.store.sites import ROUNDS_KEPT
from tests.store.ledgers import FILE, ended, record, run, settled


def found(path: str, use: Use = Use.PAGE, depth: int = 1, hops: int = 0) -> Found:
    url = f"http://example.test{path}"
    return Found(url, fingerprint(url), use, depth, hops)


def page(path: str, **more: object) -> Page:
    each = found(path)
    return replace(Page(fingerprint=each.fingerprint, key=each.url, url=each.url), **more)


async def recorded(
    ledger: Ledger, what: Page | None, urls: Sequence[Found] = (), most: int | None = None
) -> None:
    """Record and wait for the commit, which does not linger for more to come."""
    over = asyncio.Event()
    ledger.on_failure(lambda error: over.set())
    ledger.sites.record("job", what, urls, most_pages=most, done=over.set)
    await ledger.flush()
    await over.wait()


def order(ledger: Ledger, after: int = 0, job: str = "job") -> list[tuple[int, str]]:
    return [(each.place, each.found.url.partition(".test")[2]) for each in ledger.sites.queued(job, after)]


async def test_urls_come_back_in_the_order_in_which_they_were_found_and_once(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        ledger.sites.plant("job", [found("/", depth=0)])
        await recorded(ledger, page("/"), [found("/b"), found("/a"), found("/b", depth=3)])
        await recorded(ledger, page("/b"), [found("/a"), found("/", depth=2), found("/c", Use.REQUISITE)])
        assert order(ledger) == [(1, "/"), (2, "/b"), (3, "/a"), (4, "/c")]
        assert order(ledger, after=2) == [(3, "/a"), (4, "/c")]
        assert order(ledger, job="other") == []
        assert ledger.sites.queued("job", 3)[0].found == found("/c", Use.REQUISITE)


async def test_a_round_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    async with run(tmp_path, complete=False) as ledger:
        ledger.sites.plant("job", [found("/")])
        await recorded(ledger, page("/"), [found("/a"), found("/b")])
    async with run(tmp_path, "two") as ledger:
        ledger.sites.plant("job", [found("/"), found("/new start")])
        await recorded(ledger, page("/a"), [found("/b"), found("/c")])
        assert order(ledger) == [(1, "/"), (2, "/a"), (3, "/b"), (4, "/new start"), (5, "/c")]


async def test_a_new_round_finds_everything_anew(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        ledger.sites.plant("job", [found("/")])
        await recorded(ledger, page("/", digest="ab" * 32, links=b"12345678"), [found("/a"), found("/b")])
        assert ledger.sites.page("job", found("/").fingerprint).current  # type: ignore[union-attr]
    async with run(tmp_path, "two") as ledger:
        ledger.sites.plant("job", [found("/")])
        assert order(ledger) == [(1, "/")]
        known = ledger.sites.page("job", found("/").fingerprint)
        assert known == page("/", digest="ab" * 32, links=b"12345678")
        marks = [found(path).fingerprint for path in ("/a", "/b", "/never")]
        assert {each.url for each in ledger.sites.found("job", marks)} == {found("/a").url, found("/b").url}
        await recorded(ledger, page("/"), [found("/b")])
        assert order(ledger) == [(1, "/"), (2, "/b")]
        assert [each.url for each in ledger.sites.pages("job")] == [found("/").url]
    mark = found("/a").fingerprint
    for number in range(3, ROUNDS_KEPT + 3):
        async with run(tmp_path, f"number {number}") as ledger:
            ledger.sites.plant("job", [found("/")])
            assert len(ledger.sites.found("job", [mark])) == (number <= ROUNDS_KEPT + 1)
            await recorded(ledger, page("/"), [found(f"/only then {number}")])


async def test_no_more_pages_are_taken_than_are_allowed_and_no_known_one_counts_as_refused(
    tmp_path: Path,
) -> None:
    async with run(tmp_path, complete=False) as ledger:
        ledger.sites.plant("job", [found("/")])
        urls = [found("/"), found("/a"), found("/i.png", Use.REQUISITE), found("/b")]
        await recorded(ledger, page("/"), urls, most=3)
        assert ledger.sites.refused("job") == 0
        await recorded(
            ledger, page("/a"), [found("/a"), found("/b"), found("/i2.png", Use.REQUISITE)], most=3
        )
        assert ledger.sites.refused("job") == 0
        await recorded(ledger, page("/b"), [found("/c"), found("/d")], most=3)
        assert ledger.sites.refused("job") == 2
        assert [path for _, path in order(ledger)] == ["/", "/a", "/i.png", "/b", "/i2.png"]
    async with run(tmp_path, "two") as ledger:
        await recorded(ledger, page("/b"), [found("/c"), found("/b")], most=3)
        assert ledger.sites.refused("job") == 1
        assert len(order(ledger)) == 5
        assert ledger.sites.limits("job") == {MOST_PAGES: 1}  # the page was read again: it has one such link


async def test_what_links_were_left_out_for_is_kept_with_their_page(tmp_path: Path) -> None:
    limits = (("limit_reached: depth", 3), (f"with a {chr(8232)} in it", 1))
    async with run(tmp_path, complete=False) as ledger:
        ledger.sites.plant("job", [found("/")])
        await recorded(ledger, page("/", limits=limits), [found("/a")], most=2)
        await recorded(ledger, None, [found("/b"), found("/c")], most=2)  # a part of a large document
        await recorded(ledger, page("/a", limits=limits[:1]), [found("/d")], most=2)
        assert ledger.sites.limits("job") == {limits[0][0]: 6, limits[1][0]: 1, MOST_PAGES: 3}
        assert ledger.sites.limits("other") == {}
    async with run(tmp_path, "two") as ledger:  # the same round goes on
        assert ledger.sites.limits("job") == {limits[0][0]: 6, limits[1][0]: 1, MOST_PAGES: 3}
        known = ledger.sites.page("job", found("/").fingerprint)
        assert known is not None
        assert known.limits == limits
    async with run(tmp_path, "three") as ledger:
        assert ledger.sites.limits("job") == {}


async def test_a_page_is_what_was_recorded_last(tmp_path: Path) -> None:
    links = array("q", [1, -2, 2**62]).tobytes()
    one = page("/", digest="ab" * 32, media="text/html", target="h/Index.html", links=links, extracted=b"{}")
    async with run(tmp_path) as ledger:
        await recorded(ledger, one)
        assert ledger.sites.page("job", one.fingerprint) == replace(one, current=True)
        two = page("/", moved_to="http://example.test/x", archived="there", converted=5)
        await recorded(ledger, two)
        assert ledger.sites.page("job", one.fingerprint) == replace(two, current=True)
        assert ledger.sites.page("other", one.fingerprint) is None
        assert ledger.sites.page("job", 17) is None


async def test_names_are_known_whatever_their_case(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        assert not ledger.sites.remembers("job")
        await recorded(ledger, page("/", target="h/Straße/Ä.html"))
        assert ledger.sites.remembers("job")
        mine, other = found("/").fingerprint, found("/other").fingerprint
        assert ledger.sites.named("job", fold("h/STRASSE/ä.HTML"), other)
        assert not ledger.sites.named("job", fold("h/STRASSE/ä.HTML"), mine)
        assert not ledger.sites.named("job", fold("h/STRASSE"), other)
        assert not ledger.sites.named("other", fold("h/Straße/Ä.html"), other)


async def test_a_converted_file_is_known_as_it_is_now(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        one = page("/", target="a.bin", digest="ab" * 32)
        await recorded(ledger, one)
        await settled(ledger, record(one.key, job="job", **FILE))
        saved = Saved(target="a.bin", size=11, sha256="cd" * 32, mtime_ns=5, replaced=True)
        ledger.sites.converted("job", one, saved, 77)
        await ledger.flush()
        known = ledger.find("job", one.key)
        assert known is not None
        assert (known.size, known.mtime_ns, known.sha256) == (11, 5, "cd" * 32)
        assert known.etag == FILE["etag"]
        assert ledger.sites.page("job", one.fingerprint).converted == 77  # type: ignore[union-attr]


async def test_bytes_count_from_the_rounds_first_run_on(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record("a", job="job", bytes=1000))
    async with run(tmp_path, "two", complete=False) as ledger:
        assert ledger.sites.moved("job") == 0
        await settled(ledger, record("a", job="job", bytes=30), record("b", job="other", bytes=500))
    async with run(tmp_path, "three") as ledger:
        assert ledger.sites.moved("job") == 30
        await settled(ledger, record("b", Outcome.FAILED, job="job", bytes=4))
        assert ledger.sites.moved("job") == 34


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.sampled_from(Use)), max_size=6), min_size=1, max_size=8
    ),
    st.one_of(st.none(), st.integers(1, 6)),
)
def test_places_have_no_gap_and_no_url_has_two(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, Use]]], most: int | None
) -> None:
    async def crawl() -> None:
        ledger = Ledger.open(tmp_path_factory.mktemp("state"), "m", durability="none")
        ledger.begin("one", 0.0, manifest="m")
        for batch in batches:
            await recorded(ledger, None, [found(f"/{number}", use) for number, use in batch], most)
        queued = ledger.sites.queued("job", 0)
        assert [each.place for each in queued] == list(range(1, len(queued) + 1))
        expected: dict[int, Use] = {}
        for batch in batches:
            for number, use in batch:
                full = most is not None and sum(u is Use.PAGE for u in expected.values()) >= most
                if number not in expected and not (full and use is Use.PAGE):
                    expected[number] = use
        assert [(each.found.url, each.found.use) for each in queued] == [
            (found(f"/{number}").url, use) for number, use in expected.items()
        ]
        await ledger.finish(ended("one"))
        await ledger.close()

    asyncio.run(crawl())


async def test_many_pages_are_told_at_once_without_those_of_very_many_links(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        ledger.sites.plant("job", [found("/")])
        await recorded(ledger, page("/", links=b"12345678"))
        await recorded(ledger, page("/large", links=bytes(80_000)))
        marks = [found(path).fingerprint for path in ("/", "/large", "/never")]
        one, _, never = marks
        assert ledger.sites.small_pages("job", marks) == {one: ledger.sites.page("job", one), never: None}
        assert ledger.sites.small_pages("other", marks[:1]) == {one: None}
