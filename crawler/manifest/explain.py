"""Which jobs fetch one URL, and every rule that has a say in it; nothing is asked of the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from crawler.crawled import Found, HostFacts, Queued, Use
from crawler.errors import TaskError
from crawler.job_types.asking import as_written
from crawler.job_types.base import Fetch, Job, JobType, Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.kept_robots import KeptRobots
from crawler.manifest.manifest import Manifest
from crawler.manifest.preview import Foreseen, Preview
from crawler.model import Failure, Task
from crawler.policy import urls
from crawler.policy.canonical import CanonicalRules, canonical
from crawler.policy.fingerprints import fingerprint
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules
from crawler.policy.limits import Limits
from crawler.store.records import TaskRecord, Undone

if TYPE_CHECKING:
    from crawler.store.reader import Reader

_AS_IT_IS = CanonicalRules(dropped=(), sessions=())  # a list means every parameter that it spells out

CRAWL = "crawl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one job has to do with the URL. ``why`` is a sentence without a full stop."""

    job: Job
    fetches: bool | None  # None: only a run can tell
    why: str
    task: Task | None = field(default=None, repr=False)
    target: str | None = None
    failure: Failure | None = None  # what would end the task before anything is sent
    robots: str | None = None
    record: TaskRecord | None = None
    undone: Undone | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAnswer:
    """What holds for the URL's host."""

    slot: str
    key: str  # the group, or the slot
    limits: Limits
    rules: tuple[HostRule, ...]  # that fit, the strongest first
    known: HostFacts | None  # from earlier runs
    crawl_delay: float | None = None  # what its robots.txt asked for, in seconds; ``limits`` heed it


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that applies to one URL; jobs in manifest order."""

    url: str
    jobs: tuple[Answer, ...]
    host: HostAnswer


class Explainer:
    """Answers for one manifest. ``now`` is seconds since the epoch; without a ledger nothing is known."""

    def __init__(
        self, manifest: Manifest, rules: HostRules, preview: Preview, reader: Reader | None, now: float
    ) -> None:
        self._manifest = manifest
        self._rules = rules
        self._preview = preview
        self._reader = reader
        self._robots = KeptRobots(rules, reader, now)

    def explain(self, url: str) -> Explanation:
        """Reads each job's rows up to the first that is this URL. Raises ``StorageFailed``."""
        listed = self._listed(_Sought(url))
        answers = [
            self._crawled(job, url) if job.type == CRAWL else listed.get(job.name, _no(job))
            for job in self._manifest.jobs
        ]
        slot = urls.slot(url)
        asking = [each.task.gentle for each in answers if each.fetches and each.task is not None]
        limits = [self._rules.limits(slot, gentle=gentle) for gentle in asking or [False]]
        key = self._rules.key(slot)
        asked = [self._robots.crawl_delay(each.task, url) for each in answers if each.task is not None]
        crawl_delay = max((delay for delay in asked if delay is not None), default=None)
        holds = reduce(Limits.careful, limits)
        host = HostAnswer(
            slot=slot,
            key=key,
            limits=replace(holds, delay=max(holds.delay, crawl_delay or 0.0)),
            rules=tuple(self._rules.fitting(slot)),
            known=None if self._reader is None else self._reader.host(key),
            crawl_delay=crawl_delay,
        )
        return Explanation(url, tuple(self._with_memory(answer, url) for answer in answers), host)

    def _listed(self, sought: _Sought) -> dict[str, Answer]:
        """What the jobs that hold lists have of the URL, by job."""
        answers: dict[str, Answer] = {}
        for foreseen in self._preview:
            job = foreseen.job
            if job.type == CRAWL:
                self._preview.leave(job)
            elif (answer := sought.answer(foreseen)) is not None:
                answers[job.name] = answer
                if answer.fetches is not None:
                    self._preview.leave(job)
        return answers

    def _crawled(self, job: Job, url: str) -> Answer:
        """What a crawl's scope says of the URL, at the depth at which it was found if it ever was."""
        from crawler.job_types.crawl import Crawl, scope_of

        begun = Crawl().begin(as_written(job))
        form = canonical(url, begun.rules.canonical)
        if form is None:
            return Answer(job=job, fetches=False, why="a crawl fetches http and https URLs only")
        mark = fingerprint(form)
        found = None if self._reader is None else self._reader.found(job.name, mark)
        if found is None:
            found = Found(form, mark, Use.PAGE, depth=0 if form in begun.seed_urls else 1)
            depth = "" if found.depth == 0 else ", if a page that it fetches links to it"
        else:
            links = "1 link" if found.depth == 1 else f"{found.depth:,} links"
            depth = f", found {links} from a start URL" if found.depth else ""
        verdict = scope_of(job).decide(form, found.depth, requisite=found.use is Use.REQUISITE)
        if not verdict.allowed:
            return Answer(job=job, fetches=False, why=verdict.rule)
        why = verdict.rule + depth
        try:
            task = begun.task(Queued(1, found))
        except TaskError as error:
            return Answer(job=job, fetches=True, why=why, failure=error.failure())
        kept = None if self._reader is None else self._reader.page_target(job.name, mark)
        return Answer(job=job, fetches=True, why=why, task=task, target=kept or task.likely_target)

    def _with_memory(self, answer: Answer, url: str) -> Answer:
        """With robots.txt and the ledger's knowledge of the task."""
        task, reader = answer.task, self._reader
        if task is None:
            return answer
        known = None if reader is None else reader.task(task.job, task.key)
        undone = None if reader is None else reader.begun(task.job, task.key)
        robots, allowed = self._robots.says(task, url)
        if not allowed:
            answer = replace(answer, fetches=False, why=f"{answer.why}, but robots.txt forbids it")
        return replace(answer, robots=robots, record=known, undone=undone)


class _Sought:
    """One URL in the forms in which a list may write it."""

    def __init__(self, url: str) -> None:
        self._slot = urls.slot(url)
        self._canonical = canonical(url, _AS_IT_IS)
        self._written = {url, urls.wire(url)}

    def answer(self, foreseen: Foreseen) -> Answer | None:
        """What is to be said if this is the URL."""
        job, item = foreseen.job, foreseen.item
        if isinstance(item, Fetch):
            return self._rows(job, item)
        if isinstance(item, Misfit):
            if not item.url or not self._is(item.url):
                return None
            if foreseen.failure is None:
                return None
            return Answer(job=job, fetches=False, why="its entry cannot become a task", failure=item.failure)
        if item.slot != self._slot and not item.mirrors:
            return None  # most rows of a long list
        for place, request in enumerate((item.request, *item.mirrors)):
            if self._is(request.url):
                what = f"it is a mirror of {item.url}" if place else "the job lists it"
                return Answer(
                    job=job,
                    fetches=foreseen.failure is None,
                    why=f"{what}: {_nth(item.ordinal)}",
                    task=item,
                    target=item.target,
                    failure=foreseen.failure,
                )
        return None

    def _rows(self, job: Job, item: Fetch) -> Answer:
        if self._is(item.url):
            return Answer(job=job, fetches=True, why="its rows are read from there")
        return Answer(job=job, fetches=None, why=f"a run will tell: it may be in the rows of {item.url}")

    def _is(self, url: str) -> bool:
        if url in self._written:
            return True
        return self._canonical is not None and canonical(url, _AS_IT_IS) == self._canonical


def _no(job: Job) -> Answer:
    job_type: JobType = JOB_TYPES[job.type]
    if job_type.awaits_needs(job):
        needs = ", ".join(job.needs)
        return Answer(
            job=job, fetches=None, why=f"a run will tell: its tasks are made of what {needs} brings"
        )
    if job.asks.in_urls:
        asked = ", ".join(job.asks.jobs)
        return Answer(job=job, fetches=None, why=f"a run will tell: its URLs hold what {asked} will capture")
    return Answer(job=job, fetches=False, why="it is none of the job's URLs")


def _nth(ordinal: int) -> str:
    return f"its task number {ordinal + 1:,}"
