"""What applies to one URL, as JSON values and as lines for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from crawler.crawled import HostFacts
from crawler.manifest.explain import Answer, Explanation, HostAnswer
from crawler.policy.host_rule import HostRule
from crawler.report.clock import rfc3339
from crawler.report.human import limits as told_limits
from crawler.report.human import size, span
from crawler.store.records import TaskRecord, Undone

_UNITS = {"rate": "/s", "delay": " s", "bandwidth": " bytes/s"}


def told(found: Explanation, now: float) -> dict[str, Any]:
    """Everything as JSON values; ``now`` is seconds since the epoch."""
    return {
        "url": found.url,
        "jobs": [_job(answer) for answer in found.jobs],
        "host": _host(found.host, now),
    }


def _job(answer: Answer) -> dict[str, Any]:
    failure = answer.failure
    return {
        "name": answer.job.name,
        "type": answer.job.type,
        "fetches": answer.fetches,
        "why": answer.why,
        "task": None if answer.task is None else answer.task.key,
        "target": answer.target,
        "error": None if failure is None else {"class": failure.kind, "message": failure.message},
        "robots": answer.robots,
        "last": None if answer.record is None else _record(answer.record),
        "begun": None if answer.undone is None else _undone(answer.undone),
    }


def _record(record: TaskRecord) -> dict[str, Any]:
    return {
        "outcome": record.outcome,
        "finished": rfc3339(record.finished),
        "status": record.status,
        "attempts": record.attempts,
        "class": record.error_kind,
        "message": record.error_message,
        "path": record.target,
        "size": record.size,
        "sha256": record.sha256,
        "etag": record.etag,
        "last_modified": record.last_modified,
    }


def _undone(undone: Undone) -> dict[str, Any]:
    return {"sending": undone.sending, "bytes": undone.offset, "of": undone.total}


def _host(host: HostAnswer, now: float) -> dict[str, Any]:
    limits = host.limits
    return {
        "host": host.slot,
        "group": None if host.key == host.slot else host.key,
        "concurrency": limits.concurrency,
        "rate": limits.rate,
        "burst": limits.burst,
        "delay": limits.delay,
        "crawl_delay": host.crawl_delay,
        "bandwidth": limits.bandwidth,
        "by": limits.rule,
        "rules": [
            {"pattern": rule.pattern, "place": rule.place, "sets": list(_sets(rule))} for rule in host.rules
        ],
        "known": None if host.known is None else _known(host.known, now),
    }


def _known(known: HostFacts, now: float) -> dict[str, Any]:
    return {
        "noted": rfc3339(known.noted),
        "paused_until": rfc3339(known.paused_until) if known.paused_until > now else None,
        "given_up": known.given_up,
        "learned_concurrency": known.window,
    }


def lines(found: Explanation, now: float) -> Iterator[str]:
    """The same for a person."""
    yield found.url
    if not any(answer.fetches is not False for answer in found.jobs):
        yield "  no job fetches it"
    for answer in found.jobs:
        yield from _job_lines(answer)
    yield from _host_lines(found.host, now)


def _job_lines(answer: Answer) -> Iterator[str]:
    verb = {True: "fetches it", False: "does not fetch it", None: "may fetch it"}[answer.fetches]
    yield f"  {answer.job.name} ({answer.job.type}) {verb}: {answer.why}"
    if answer.target is not None:
        yield f"    → {answer.target}"
    if answer.failure is not None:
        yield f"    ! {answer.failure.message}"
    if answer.robots is not None:
        yield f"    {answer.robots}"
    if answer.record is not None:
        yield f"    last time: {_story(answer.record)}"
    if answer.undone is not None:
        yield f"    begun since: {_how_far(answer.undone)}"
    if answer.task is not None and answer.record is None and answer.undone is None:
        yield "    the ledger does not know it"


def _story(record: TaskRecord) -> str:
    status = "" if record.status is None else f" ({record.status})"
    story = f"{record.outcome}{status} at {rfc3339(record.finished)}"
    if record.error_message is not None:
        story += f", {record.error_kind}: {record.error_message}"
    if record.sha256 is not None:
        validators = [each for each in (record.etag, record.last_modified) if each]
        story += f"; its file has {size(record.size or 0)}"
        story += f", known by {' and '.join(validators)}" if validators else ", without a validator"
    return story


def _how_far(undone: Undone) -> str:
    if undone.sending:
        return "it was sent, and its answer never recorded"
    if undone.offset is None:
        return "nothing of it is kept"
    return f"{size(undone.offset)} are kept" + ("" if undone.total is None else f" of {size(undone.total)}")


def _host_lines(host: HostAnswer, now: float) -> Iterator[str]:
    limits = host.limits
    group = "" if host.key == host.slot else f", counted in {host.key}"
    yield f"host {host.slot}{group}"
    yield f"  {told_limits(limits.concurrency, limits.rate, limits.delay, limits.bandwidth)}"
    yield f"  {limits.rule}"
    if host.crawl_delay is not None:
        yield f"  its robots.txt asks for {span(host.crawl_delay)} between requests (Crawl-delay)"
    for rule in host.rules:
        yield f"  {rule.pattern!r} ({rule.place}) says: {', '.join(_sets(rule))}"
    if host.known is None:
        yield "  earlier runs left nothing to know of it"
    else:
        yield f"  earlier runs: {_learned(host.known, now)}"


def _learned(known: HostFacts, now: float) -> str:
    words = []
    if known.paused_until > now:
        words.append(f"it is paused for {span(known.paused_until - now)} more")
    if known.given_up:
        words.append("it was given up; one task will try it first")
    if known.window is not None:
        words.append(f"it bore {known.window:.3g} at once")
    return f"{'; '.join(words) or 'nothing is held against it'} (noted {rfc3339(known.noted)})"


def _sets(rule: HostRule) -> Iterator[str]:
    """What a host rule says, in words; of headers and credentials the names alone."""
    for name in ("concurrency", "rate", "burst", "delay", "bandwidth", "group", "robots"):
        value = getattr(rule, name)
        if value is not None:
            yield f"{name} {_shown(value, _UNITS.get(name, ''))}"
    yield from (f"header {name}" for name, _ in rule.headers)
    yield from (name for name, _ in rule.request)
    yield from (f"timeout.{name} {value}" for name, value in rule.timeouts)
    yield from (f"retry.{name} {_shown(value)}" for name, value in rule.retry)


def _shown(value: object, unit: str = "") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{int(value) if value.is_integer() else value:,}{unit}" if math.isfinite(value) else "null"
    return ", ".join(map(str, sorted(value))) if isinstance(value, frozenset) else str(value)
