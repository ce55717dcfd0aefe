"""How a job grows: what is found comes back as tasks, once, without secrets, and under names of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.crawled import Found, Page, Queued, Use
from crawler.engine.growth import Growth, JobSite
from crawler.errors import TemplateFailed
from crawler.job_types.base import Misfit
from crawler.job_types.crawl import Crawl
from crawler.job_types.crawling.task import CrawlTask
from crawler.model import Task
from crawler.policy.fingerprints import fingerprint
from crawler.policy.names import fold
from crawler.policy.redact import Redactor
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import RunRecord
from tests.engine.bench import no_archive
from tests.job_types.bench import job as crawl_job
from tests.store.ledgers import ended


def found(path: str, use: Use = Use.PAGE) -> Found:
    url = f"http://h{path}"
    return Found(url, fingerprint(url), use, 1)


class Seeded:
    """Grows from these paths; one whose path is ``/bad`` cannot become a task."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths

    def seeds(self) -> Iterator[Found | Misfit]:
        for path in self._paths:
            yield found(path)

    def task(self, queued: Queued) -> Task:
        if queued.found.url.endswith("/bad"):
            raise TemplateFailed("no good")
        made = Crawl().begin(crawl_job("crawl", start="http://h/"))
        return made.task(queued)


class Grown:
    """One run of a growing job."""

    def __init__(self, ledger: Ledger, files: OutputRoot, redactor: Redactor) -> None:
        self.ledger = ledger
        self.grown = asyncio.Event()
        self.redact = redactor.text
        self.site = JobSite(
            "j", ledger, files, redactor.holds, redactor.text, self.grown.set, open_archive=no_archive
        )

    async def record(self, page: Page | None, *urls: Found, most: int | None = None) -> None:
        """Record, and wait for the commit if there is one."""
        self.grown.clear()
        before = self.site.uncommitted
        self.site.record(page, urls, most_pages=most)
        if self.site.uncommitted > before:
            await self.grown.wait()

    def growth(self, *paths: str) -> Growth:
        return Growth(Seeded(*paths), "j", self.ledger, self.redact, self.site.expect)


@asynccontextmanager
async def growing(
    folder: Path, *, secrets: tuple[str, ...] = (), complete: bool = True
) -> AsyncIterator[Grown]:
    ledger = Ledger.open(folder / "state", "m", durability="none")
    ledger.begin(f"run{id(ledger)}", 0.0, manifest="m", jobs=("j",))
    ledger.on_failure(lambda error: None)
    files = OutputRoot(folder / "out", durability="none", chunk_size=1 << 16, journal=None)
    grown = Grown(ledger, files, Redactor(secrets))
    try:
        yield grown
        over: RunRecord = ended(f"run{id(ledger)}", complete=complete)
        await ledger.finish(over)
    finally:
        files.close()
        await ledger.close()


def drawn(growth: Growth) -> list[str]:
    """The paths of the tasks that there are now."""
    return [each.url.removeprefix("http://h") for each in growth]


async def test_found_urls_come_back_as_tasks_and_the_source_goes_on_after_its_end(tmp_path: Path) -> None:
    async with growing(tmp_path) as run:
        growth = run.growth("/", "/start")
        assert list(growth.plant()) == []
        assert drawn(growth) == ["/", "/start"]
        assert drawn(growth) == []
        await run.record(None, found("/a"), found("/"), found("/b"))
        assert drawn(growth) == ["/a", "/b"]
        await run.record(None, found("/a"), found("/c"))
        assert drawn(growth) == ["/c"]


async def test_more_than_is_read_at_once_comes_whole_and_in_order(tmp_path: Path) -> None:
    paths = [f"/{number}" for number in range(1700)]
    async with growing(tmp_path) as run:
        growth = run.growth()
        list(growth.plant())
        await run.record(None, *map(found, paths))
        assert drawn(growth) == paths


async def test_a_run_that_was_broken_off_is_drawn_again_from_its_start(tmp_path: Path) -> None:
    async with growing(tmp_path, complete=False) as run:
        growth = run.growth("/")
        list(growth.plant())
        await run.record(None, found("/a"))
        assert drawn(growth) == ["/", "/a"]
    async with growing(tmp_path) as run:
        growth = run.growth("/")
        list(growth.plant())
        assert drawn(growth) == ["/", "/a"]
    async with growing(tmp_path) as run:
        growth = run.growth("/")
        list(growth.plant())
        assert drawn(growth) == ["/"]


async def test_what_cannot_become_a_task_is_a_misfit_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with growing(tmp_path) as run:
        growth = run.growth("/", "/bad", "/c")
        list(growth.plant())
        first, bad, last = list(growth)
        assert isinstance(first, Task)
        assert isinstance(last, Task)
        assert isinstance(bad, Misfit)
        assert (bad.ordinal, bad.url) == (1, "http://h/bad")


async def test_a_start_urls_secret_is_in_its_request_and_nowhere_else(tmp_path: Path) -> None:
    secret = "s3cr3t-t0ken"
    async with growing(tmp_path, secrets=(secret,)) as run:
        growth = run.growth(f"/?k={secret}", f"/{secret}/feed")
        list(growth.plant())
        tasks = list(growth)
        for each in tasks:
            assert isinstance(each, CrawlTask)
            assert secret in each.request.url
            assert secret not in repr(each.found)
            assert secret not in (each.layout or "")
        await run.record(None, found(f"/echo/{secret}"), found("/fine"))
        assert drawn(growth) == ["/fine"]
        assert run.site.notes() == ["holds a secret of the manifest (1 link)"]
    assert secret.encode() not in b"".join(each.read_bytes() for each in (tmp_path / "state").iterdir())


async def test_whoever_records_very_much_waits_for_the_ledger(tmp_path: Path) -> None:
    async with growing(tmp_path) as run:
        for number in range(500):
            run.site.record(None, [found(f"/{number}")])
        assert run.site.uncommitted == 500
        await run.site.keep_up()
        assert run.site.uncommitted <= 100


async def test_beyond_the_most_pages_nothing_more_is_handed_over(tmp_path: Path) -> None:
    async with growing(tmp_path) as run:
        await run.record(None, *(found(f"/{number}") for number in range(5)), most=3)
        await run.record(None, found("/x"), found("/y"), found("/i.png", Use.REQUISITE), most=3)
        assert len(run.ledger.sites.queued("j", 0)) == 4
        assert run.site.notes() == ["limit_reached: max_pages (4 links)"]


def owner(path: str, target: str | None = None) -> Page:
    each = found(path)
    return Page(fingerprint=each.fingerprint, key=each.url, url=each.url, target=target)


TWINS = [("h/a", "h/a/b"), ("h/a/b", "h/a"), ("h/A", "h/a"), ("h/a", "h/A/x/y"), ("h/a", "h/a")]


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [
        *((first, second, later) for first, second in TWINS for later in (False, True)),
        ("h/A/x", "h/a", False),  # of a later run, the disk knows: where case counts, both can stand there
    ],
)
async def test_the_second_gives_way_in_the_same_run_or_a_later_one(
    first: str, second: str, later: bool, tmp_path: Path
) -> None:
    async with growing(tmp_path, complete=not later) as run:
        name = run.site.claim(first, owner("/1"))
        assert name == first
        await run.record(Page(fingerprint=owner("/1").fingerprint, key="1", url="", target=name))
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text("1")
        if not later:
            other = run.site.claim(second, owner("/2"))
            assert run.site.claim(second, owner("/2", other)) == other
    if later:
        async with growing(tmp_path) as run:
            other = run.site.claim(second, owner("/2"))
            assert run.site.claim(first, owner("/1", name)) == name
    assert apart_from(name, other)


def apart_from(one: str, other: str) -> bool:
    """Whether both can be files, even where case does not count."""
    one, other = fold(one), fold(other)
    return one != other and not one.startswith(f"{other}/") and not other.startswith(f"{one}/")


@given(st.lists(st.lists(st.sampled_from("aAbß"), min_size=1, max_size=4), min_size=1, max_size=12))
def test_any_targets_at_all_can_stand_beside_one_another(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    async def claim() -> list[str]:
        async with growing(tmp_path_factory.mktemp("growth")) as run:
            return [run.site.claim("/".join(each), owner(f"/{number}")) for number, each in enumerate(parts)]

    names: list[Any] = asyncio.run(claim())
    for number, name in enumerate(names):
        assert all(apart_from(name, other) for other in names[:number])
