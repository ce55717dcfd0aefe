"""The summary for people: what happened, and what to do about it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from crawler.events import Event, RunFinished, TaskFinished
from crawler.model import Counts, ErrorClass, Outcome
from crawler.policy.redact import Redactor
from crawler.report.advice import UNKNOWN, advice
from crawler.report.console import Console
from crawler.report.exit_code import last_line
from crawler.report.human import plural, rate, size, span
from crawler.report.tally import Cause, JobTally, RetryTally, Tally

LISTED = 10  # failures, and hosts; the report has the first 100, the events all of them
NAME_WIDTH = 32

_STYLE = {Outcome.FAILED: "red", Outcome.UNKNOWN: "yellow", Outcome.NEW: "green", Outcome.CHANGED: "green"}
_OUTCOMES = tuple(Outcome)


class TextReport:
    """Listener that prints the summary when the run has finished.

    Quiet prints nothing after success and only the reason after anything else.
    """

    def __init__(
        self,
        tally: Tally,
        console: Console,
        redactor: Redactor,
        *,
        quiet: bool = False,
        report: str | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        self._tally = tally
        self._console = console
        self._redactor = redactor
        self._quiet = quiet
        self._report = report
        self._warnings = warnings  # read at the end

    def on(self, event: Event) -> None:
        """Wait for the end."""
        if not isinstance(event, RunFinished):
            return
        if not self._quiet:
            for line in self._lines(event):
                self._console.line(line)
        if event.exit_code:
            reason = event.reason or "no reason was given"
            self._console.line(self._redactor.line(last_line(event.exit_code, reason, self._report)))

    def close(self) -> None:
        """Nothing to release."""

    def _lines(self, finished: RunFinished) -> Iterator[str]:
        yield self._headline(finished)
        yield from self._job_lines()
        yield from _paragraph(self._retry_lines())
        yield from _paragraph(self._host_lines())
        if self._tally.unverified_length:
            yield ""
            yield from self._wrapped(
                f"{plural(self._tally.unverified_length, 'answer')} came without a length or an end mark"
                " (unverified_length): whether they are whole cannot be told",
                "",
            )
        yield from self._failure_lines()
        yield from _paragraph(
            line
            for text in self._warnings
            for line in self._wrapped(f"warning: {self._redactor.line(text)}", "")
        )
        yield from _paragraph(self._places())

    def _headline(self, finished: RunFinished) -> str:
        run, total = self._tally.run, self._tally.total
        name = self._redactor.line(run.manifest) if run else "run"
        seconds = finished.time - run.time if run else 0.0
        verb = "finished" if finished.exit_code in (0, 1, 4, 5) else "stopped"
        requests = plural(total.requests, "request")
        return (
            f"{self._console.paint(name, 'bold')} {verb} after {span(seconds)}: "
            f"{plural(total.tasks, 'task')}, {size(total.bytes)} at {rate(total.bytes, seconds)}, {requests}"
        )

    def _job_lines(self) -> Iterator[str]:
        jobs = list(self._tally.jobs.values())
        names = [_cut(self._redactor.line(job.name), NAME_WIDTH) for job in jobs]
        wide = max(map(len, names), default=0)
        kinds = max((len(job.type) for job in jobs), default=0)
        for name, job in zip(names, jobs, strict=True):
            start = f"  {name:<{wide}}  {job.type:<{kinds}}  "
            word = f"{job.word:<9}"
            text = self._what_a_job_came_to(job)
            width = self._console.width
            if width is not None:
                text = _cut(text, max(width - len(start) - len(word) - 2, 12))
            style = _STYLE.get(job.outcome)
            yield f"{start}{self._console.paint(word, style) if style else word}  {text}".rstrip()
            said = job.interrupted or word.strip() == "stopped"
            for note in job.told if said else job.remarks:
                yield from self._wrapped(self._redactor.line(note), "    ")

    def _what_a_job_came_to(self, job: JobTally) -> str:
        if job.reason:
            return self._redactor.line(job.reason)
        cut = f"{plural(job.interrupted, 'task')} interrupted" if job.interrupted else ""
        if not job.counts.tasks:
            return cut or ("no tasks" if job.ended else "no task ended" if job.started else "not started")
        moved = f", {size(job.counts.bytes)}" if job.counts.bytes else ""
        return _by_outcome(job.counts) + moved + (cut and f", {cut}")

    def _retry_lines(self) -> Iterator[str]:
        tally = self._tally
        reasons = sorted(tally.retries.values(), key=lambda reason: -reason.count)
        if not reasons:
            return
        if len(reasons) == 1 and reasons[0].count == 1:
            yield f"1 task was retried: {_story(reasons[0])}"
            return
        yield f"{plural(tally.retried, 'task')} needed more than one attempt, {tally.recovered:,} ended well:"
        for reason in reasons:
            yield f"  {reason.count:,} × {_cause(reason)}; the first: {_story(reason)}"

    def _host_lines(self) -> Iterator[str]:
        hosts = list(self._tally.hosts.values())
        given_up = [host for host in hosts if host.given_up is not None]
        paused = sorted((host for host in hosts if host.pauses), key=lambda host: -host.pauses)
        if given_up:
            yield f"{plural(len(given_up), 'host')} given up, to be tried by a later run:"
            for host in given_up[:LISTED]:
                yield from self._wrapped(self._redactor.line(f"{host.host}: {host.given_up}"), "  ")
            yield from _rest(len(given_up))
        if paused:
            yield f"{plural(len(paused), 'host')} paused for a while, and why:"
            for host in paused[:LISTED]:
                story = f"{plural(host.pauses, 'time')}, at most {span(host.longest)}; the first: {host.why}"
                yield from self._wrapped(self._redactor.line(f"{host.host}: {story}"), "  ")
            yield from _rest(len(paused))
        if self._tally.other_hosts:
            yield f"{self._tally.other_hosts:,} more pauses of other hosts"

    def _failure_lines(self) -> Iterator[str]:
        groups = _groups(self._tally.causes)
        share = max(LISTED // len(groups), 1) if groups else 0
        shown = 0
        for (label, unknown), (cause, count) in groups.items():
            verb = "with an unknown outcome" if unknown else "failed"
            yield ""
            style = "yellow" if unknown else "red"
            yield from self._wrapped(f"{plural(count, 'task')} {verb}: {label}", "", style=style)
            yield from self._wrapped(UNKNOWN if unknown else advice(cause.kind, cause.status), "  → ")
            listed = [event for event in self._tally.failures if _belongs(event, label, unknown)][:share]
            for event in listed:
                yield from self._one_failure(event)
            shown += len(listed)
        rest = self._tally.causes.total() - shown
        if groups and rest:
            yield f"  … and {rest:,} more; --report lists the first 100, --events all of them"

    def _one_failure(self, event: TaskFinished) -> Iterator[str]:
        failure = event.result.failure
        assert failure is not None
        unknown = event.result.outcome is Outcome.UNKNOWN
        later = "not sent again" if unknown else "may succeed later" if failure.retryable else "permanent"
        what = self._redactor.url(event.url) or event.task
        yield f"  {event.job}: {self._redactor.line(what)}"
        message = self._redactor.line(failure.message)
        yield from self._wrapped(f"{message} ({plural(event.attempts, 'attempt')}, {later})", "    ")

    def _places(self) -> Iterator[str]:
        if self._tally.run:
            yield f"files:  {self._redactor.line(self._tally.run.output)}"
        if self._report:
            yield f"report: {self._redactor.line(self._report)}"

    def _wrapped(self, text: str, indent: str, style: str | None = None) -> list[str]:
        width = self._console.width
        lines = [indent + text]
        if width is not None:
            lines = textwrap.wrap(
                text,
                width,
                initial_indent=indent,
                subsequent_indent=" " * len(indent),
                break_long_words=False,
                break_on_hyphens=False,
            )
        return [self._console.paint(line, style) for line in lines] if style else lines


def _paragraph(lines: Iterator[str]) -> Iterator[str]:
    """The lines, if any, after an empty one."""
    for number, line in enumerate(lines):
        if number == 0:
            yield ""
        yield line


def _rest(count: int) -> Iterator[str]:
    """The line after the first hosts that were listed, if there are more."""
    if count > LISTED:
        yield f"  … and {count - LISTED:,} more"


def _groups(causes: Counter[Cause]) -> dict[tuple[str, bool], tuple[Cause, int]]:
    """Causes of one label together, the most frequent first; unknown ones apart."""
    groups: dict[tuple[str, bool], tuple[Cause, int]] = {}
    for cause, count in causes.items():
        key = (cause.label, cause.unknown)
        groups[key] = (cause, count + groups.get(key, (cause, 0))[1])
    return dict(sorted(groups.items(), key=lambda item: -item[1][1]))


def _belongs(event: TaskFinished, label: str, unknown: bool) -> bool:
    failure = event.result.failure
    if failure is None or unknown is not (event.result.outcome is Outcome.UNKNOWN):
        return False
    return Cause(failure.kind, failure.status).label == label


def _by_outcome(counts: Counts) -> str:
    return ", ".join(f"{getattr(counts, name):,} {name}" for name in _OUTCOMES if getattr(counts, name))


def _cause(reason: RetryTally) -> str:
    return str(reason.status or reason.kind) if reason.kind is ErrorClass.HTTP_STATUS else str(reason.kind)


def _story(reason: RetryTally) -> str:
    start = f"{_cause(reason)} from {reason.host}"
    if reason.ended is None:
        return f"{start}, not ended yet"
    if reason.ended in (Outcome.FAILED, Outcome.UNKNOWN):
        return f"{start}, {reason.ended} after {plural(reason.attempts, 'attempt')}"
    return f"{start}, succeeded on attempt {reason.attempts}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
