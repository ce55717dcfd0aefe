"""Crawled sites in the ledger: what was found, in which order, and what is remembered of each page."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from crawler.crawled import MOST_PAGES, Found, Page, Queued, Use
from crawler.model import Saved
from crawler.store import page_rows
from crawler.store.job_rounds import JobRounds
from crawler.store.statements import FORGET, text
from crawler.store.writer import Write, Writer

Rows = Callable[[str, Sequence[object]], list[Any]]

# So long is a URL remembered that nothing led to: its host, or a page on the way, may have been out of order.
# Rounds that found nothing which later ones did not do not count. What an unchanged page leads to and is
# forgotten costs reading the page again.
ROUNDS_KEPT = 7
PAGE_ROWS = 500  # that a read holds in memory, and a snapshot open, at a time
_MOST_VALUES = 500  # bound in one statement; SQLite's oldest limit is 999

# Found again in this round: its first place stays. Of an earlier round: it takes a new place.
_FOUND = """
INSERT INTO found (job, fingerprint, url, round, place, use, depth, hops) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job, fingerprint) DO UPDATE SET url = excluded.url, round = excluded.round,
    place = excluded.place, use = excluded.use, depth = excluded.depth, hops = excluded.hops
WHERE found.round < excluded.round
"""
_LAST_PLACE = "SELECT coalesce(max(place), 0) FROM found WHERE job = ? AND round = ?"
_PAGES_FOUND = "SELECT count(*) FROM found WHERE job = ? AND round = ? AND use = 0"
# The rounds of a job, from the one before back, a look into the index each; what is older than those goes.
_FORGET = """
WITH RECURSIVE kept (round, number) AS (
    SELECT (SELECT max(round) FROM found WHERE job = ?1 AND round < ?2), 1
    UNION ALL
    SELECT (SELECT max(round) FROM found WHERE job = ?1 AND round < kept.round), number + 1
    FROM kept WHERE round IS NOT NULL AND number < ?3
)
DELETE FROM found WHERE job = ?1 AND round < (SELECT min(round) FROM kept)
"""
_QUEUED = """
SELECT place, url, fingerprint, use, depth, hops FROM found
WHERE job = ? AND round = ? AND place > ? ORDER BY place LIMIT ?
"""
_LIMITS = (
    "SELECT limits, count(*) FROM page WHERE job = ? AND round = ? AND limits IS NOT NULL GROUP BY limits"
)
_MOVED = "SELECT sum(bytes) FROM task WHERE job = ? AND run >= ?"
_CONVERTED = "UPDATE page SET converted = ? WHERE job = ? AND fingerprint = ?"
_NEW_FACTS = "UPDATE task SET size = ?, mtime_ns = ?, sha256 = ? WHERE job = ? AND key = ?"
_REMEMBERS = "SELECT EXISTS (SELECT 1 FROM page WHERE job = ?)"
_NAMED = "SELECT EXISTS (SELECT 1 FROM page WHERE job = ? AND name = ? AND fingerprint != ?)"
_IN_ROUND = "SELECT EXISTS (SELECT 1 FROM found WHERE job = ? AND fingerprint = ? AND round = ?)"


@dataclass(slots=True)
class _Round:
    """How far a job's round has come; kept by the writing thread."""

    place: int
    pages: int
    refused: int = 0
    untold: int = 0  # of those refused: not yet among a page's limits


class Sites:
    """The part of the ledger that crawls use. Reads raise ``StorageFailed``; writes are queued."""

    def __init__(self, rows: Rows, writer: Writer, job_rounds: JobRounds) -> None:
        self._rows = rows
        self._writer = writer
        self._round = job_rounds.first  # of a job; it numbers them
        self._rounds: dict[str, _Round] = {}

    def plant(self, job: str, seeds: Sequence[Found]) -> None:
        """Commit where the job's crawl begins, on return. A continued round keeps what it had."""
        self._writer.call(partial(self._plant, job=job, seeds=seeds)).result()

    def record(
        self,
        job: str,
        page: Page | None,
        found: Sequence[Found],
        *,
        most_pages: int | None,
        refused: int = 0,
        done: Callable[[], None],
    ) -> None:
        """Queue what a page is and what it led to; ``done`` is called on the loop once it is committed.

        Whatever is queued later is committed no earlier: a file that is named after this call never
        stands there without the links that were in it. Beyond ``most_pages`` no more pages are taken;
        ``refused`` are those that the caller has left out for that.
        """
        apply = partial(self._record, job=job, page=page, found=found, most_pages=most_pages, refused=refused)
        self._writer.post(Write(apply, done=done))

    def queued(self, job: str, after: int) -> list[Queued]:
        """The next found URLs of this round, in the order in which they were found."""
        rows = self._rows(_QUEUED, (text(job), self._round(job), after, PAGE_ROWS))
        return [
            Queued(place, Found(url, fingerprint, Use(use), depth, hops))
            for place, url, fingerprint, use, depth, hops in rows
        ]

    def remembers(self, job: str) -> bool:
        """Whether anything is remembered of any page of the job."""
        [(remembered,)] = self._rows(_REMEMBERS, (text(job),))
        return bool(remembered)

    def page(self, job: str, fingerprint: int) -> Page | None:
        """What is remembered of a URL."""
        rows = self._rows(f"{page_rows.REMEMBERED} AND fingerprint = ?", (text(job), fingerprint))
        return page_rows.page_of(rows[0], self._round(job)) if rows else None

    def small_pages(self, job: str, fingerprints: Sequence[int]) -> dict[int, Page | None]:
        """What is remembered of each URL, ``None`` if nothing; pages of very many links are left out."""
        number = self._round(job)
        rows = self._rows(page_rows.small(len(fingerprints)), (text(job), *fingerprints))
        pages: dict[int, Page | None] = {row[0]: page_rows.page_of(row, number) for row in rows}
        if missing := [each for each in fingerprints if each not in pages]:
            large = self._rows(page_rows.there(len(missing)), (text(job), *missing))
            pages.update(dict.fromkeys(set(missing).difference(each for (each,) in large)))
        return pages

    def named(self, job: str, folded: str, fingerprint: int) -> bool:
        """Whether a file with this folded target belongs to another URL than that of ``fingerprint``."""
        [(found,)] = self._rows(_NAMED, (text(job), page_rows.name(folded), fingerprint))
        return bool(found)

    def found(self, job: str, fingerprints: Sequence[int]) -> list[Found]:
        """Found URLs, of this round or an earlier one, by fingerprint."""
        known: list[Found] = []
        for start in range(0, len(fingerprints), _MOST_VALUES):
            some = fingerprints[start : start + _MOST_VALUES]
            query = f"""SELECT url, fingerprint, use, depth, hops FROM found
                WHERE job = ? AND fingerprint IN ({",".join("?" * len(some))})"""
            known += [Found(a, b, Use(c), d, e) for a, b, c, d, e in self._rows(query, (text(job), *some))]
        return known

    def pages(self, job: str) -> Iterator[Page]:
        """Every page that was answered in this round, in the order in which they were found."""
        after = 0
        while queued := self.queued(job, after):
            after = queued[-1].place
            for each in queued:
                rows = self._rows(
                    f"{page_rows.REMEMBERED} AND fingerprint = ? AND round = ?",
                    (text(job), each.found.fingerprint, self._round(job)),
                )
                if rows:
                    yield page_rows.page_of(rows[0], self._round(job))

    def converted(self, job: str, page: Page, saved: Saved, leads: int) -> None:
        """Queue that the page's file was rewritten: where its links lead, and what the file is now."""

        def apply(connection: sqlite3.Connection) -> None:
            connection.execute(_CONVERTED, (leads, text(job), page.fingerprint))
            facts = (saved.size, saved.mtime_ns, saved.sha256)
            connection.execute(_NEW_FACTS, (*facts, text(job), text(page.key)))
            connection.execute(FORGET, (text(job), text(page.key)))

        self._writer.post(Write(apply))

    def forget(self, job: str, key: str) -> None:
        """Queue that a file that is nobody's task has its name: there is nothing left to recover."""
        self._writer.post(Write(lambda connection: connection.execute(FORGET, (text(job), text(key)))))

    def moved(self, job: str) -> int:
        """Bytes of bodies that the job's tasks have moved in this round so far."""
        [(size,)] = self._rows(_MOVED, (text(job), self._round(job)))
        return int(size or 0)

    def reached(self, job: str) -> int:
        """How many pages this round has found, as far as this run has come to know."""
        return self._rounds[job].pages if job in self._rounds else 0

    def refused(self, job: str) -> int:
        """How many found pages were not taken because ``most_pages`` was reached."""
        return self._rounds[job].refused if job in self._rounds else 0

    def limits(self, job: str) -> Counter[str]:
        """What links of this round's pages were left out for, and how many."""
        counts: Counter[str] = Counter()
        for limits, pages in self._rows(_LIMITS, (text(job), self._round(job))):
            for reason, count in page_rows.limits_of(limits):
                counts[reason] += count * pages
        if job in self._rounds and (untold := self._rounds[job].untold):
            counts[MOST_PAGES] += untold
        return counts

    def _plant(self, connection: sqlite3.Connection, job: str, seeds: Sequence[Found]) -> None:
        connection.execute(_FORGET, (text(job), self._round(job), ROUNDS_KEPT))
        self._insert(connection, job, seeds, None)

    def _record(
        self,
        connection: sqlite3.Connection,
        job: str,
        page: Page | None,
        found: Sequence[Found],
        most_pages: int | None,
        refused: int,
    ) -> None:
        reached = self._reached(connection, job)
        reached.untold += refused + (self._insert(connection, job, found, most_pages) if found else 0)
        if page is not None:
            limits = page.limits
            if reached.untold:
                limits, reached.untold = (*limits, (MOST_PAGES, reached.untold)), 0
            connection.execute(page_rows.RECORD, page_rows.row(job, page, self._round(job), limits))

    def _insert(
        self, connection: sqlite3.Connection, job: str, found: Sequence[Found], most_pages: int | None
    ) -> int:
        """How many were refused."""
        reached = self._reached(connection, job)
        before = reached.refused
        for each in found:
            if most_pages is not None and each.use is Use.PAGE and reached.pages >= most_pages:
                there = (text(job), each.fingerprint, self._round(job))
                reached.refused += not connection.execute(_IN_ROUND, there).fetchone()[0]
                continue
            values = (each.use, each.depth, each.hops)
            where = (text(job), each.fingerprint, text(each.url), self._round(job), reached.place + 1)
            if connection.execute(_FOUND, (*where, *values)).rowcount:
                reached.place += 1
                reached.pages += each.use is Use.PAGE
        return reached.refused - before

    def _reached(self, connection: sqlite3.Connection, job: str) -> _Round:
        reached = self._rounds.get(job)
        if reached is None:
            there = (text(job), self._round(job))
            [place] = connection.execute(_LAST_PLACE, there).fetchone()
            [pages] = connection.execute(_PAGES_FOUND, there).fetchone() if place else [0]
            reached = self._rounds[job] = _Round(place, pages)
        return reached
