"""What must be true after a run was broken off, after the next one, and after the one after that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.torture.memory import Memory, recall
from tests.torture.workload import Ended, Workload, finals, leftovers

ANSWERED_ONCE = ("push", "announce")  # jobs whose request must not be repeated; each counts deliveries
FETCHED = ("small", "large", "split", "answer")
GOOD = ("new", "changed", "unchanged")


def after_the_break(work: Workload, output: Path, told: Ended | None, memory: Memory) -> Iterator[str]:
    """Nothing partial under a final name, nothing that was told or recorded as done lost."""
    if memory.integrity != "ok":
        yield f"the ledger is damaged: {memory.integrity}"
    files = finals(output)
    hashes = {target: hashlib.sha256(data).hexdigest() for target, data in files.items()}
    for target, data in files.items():
        if not work.is_whole(target, data):
            yield f"{target}: {len(data)} bytes under its final name are no version of it"
    for (job, _), done in memory.done.items():
        if done.target is None:
            continue
        if done.target not in files:
            yield f"{job}: {done.target} is done by the ledger, and not there"
        elif hashes[done.target] not in memory.hashes(done.target):
            yield f"{job}: {done.target} is not the file that the ledger calls done"
    for event in told.told if told else ():
        key = (event["job"], event["task"])
        if event["outcome"] in GOOD and key not in memory.done:
            yield f"{key} was reported {event['outcome']} and the ledger does not know"
        if event["path"] and event["sha256"] and event["sha256"] not in memory.hashes(event["path"]):
            yield f"{key} was reported with another sha256 than the ledger's"


def after_the_next(
    work: Workload, output: Path, before: Memory, next_run: Ended, rounds: int
) -> Iterator[str]:
    """Everything there and right, nothing left over, nothing done twice. ``rounds`` ended before all this."""
    memory = recall(output / ".crawler")
    unknown = {event["job"] for event in next_run.told if event["outcome"] == "unknown"}
    if next_run.code != (4 if unknown else 0):
        yield f"exit {next_run.code} with unknown {sorted(unknown)}: {next_run.last_line}"
    if unknown != before.unanswered:
        yield f"unknown {sorted(unknown)}, expected what the ledger had: {sorted(before.unanswered)}"
    yield from everything_is_there(work, output)
    if memory.integrity != "ok":
        yield f"the ledger is damaged: {memory.integrity}"
    if memory.begun:
        yield f"still begun by the ledger: {sorted(memory.begun)}"
    for job in ANSWERED_ONCE:
        delivered, most = work.server.count(job), memory.rounds - rounds
        least = most - (job in unknown)
        if not least <= delivered <= most:
            yield f"{job}: {delivered} deliveries in {most} round(s), unknown: {job in unknown}"
    yield from _fetched_again(work, before)


def after_the_last(work: Workload, output: Path, last: Ended) -> Iterator[str]:
    """A run of which nothing is new: conditional requests only, everything unchanged."""
    if last.code != 0:
        yield f"the last run: exit {last.code}: {last.last_line}"
    for job in FETCHED:
        outcomes = set(last.outcomes(job))
        if not outcomes <= {"unchanged"}:
            yield f"the last run: {job} is {sorted(outcomes)}, expected unchanged"
    for request in work.server.log:
        file = request.path.startswith(("/versions/small", "/versions/large", "/versions/split"))
        if file and not request.all("If-None-Match"):
            yield f"the last run: {request.path} was asked for without a condition"
    moved = sum(event["bytes"] for event in last.told if event["job"] in ("small", "large", "split"))
    if moved:
        yield f"the last run: {moved} bytes were fetched again"
    yield from everything_is_there(work, output)


def everything_is_there(work: Workload, output: Path) -> Iterator[str]:
    """Each file as the server offers it, and nothing else."""
    files = finals(output)
    if not work.is_whole("ticks.jsonl", files.pop("ticks.jsonl", b"")):
        yield "ticks.jsonl is no whole capture"
    if missing := work.expected.keys() - files.keys():
        yield f"missing: {sorted(missing)}"
    if foreign := files.keys() - work.expected.keys():
        yield f"files that nobody asked for: {sorted(foreign)}"
    for target, data in files.items():
        if target in work.expected and data != work.expected[target]:
            yield f"{target}: {len(data)} bytes are not what the server offers"
    if left := leftovers(output):
        yield f"left over: {left}"


def _fetched_again(work: Workload, before: Memory) -> Iterator[str]:
    """What was done in the round that goes on is not asked for; what was checkpointed is continued."""
    if before.over:
        return
    asked = {work.server.url(request.path): request for request in work.server.log}
    for (job, key), done in before.done.items():
        if job in FETCHED and done.current and done.outcome in GOOD and done.url in asked:
            yield f"{job} {key} was done in this round and is asked for again"
    for (job, key), begun in before.begun.items():
        request = asked.get(_url_of(work, begun.target))
        if job in ("small", "large") and begun.offset and not begun.sha256 and request is not None:
            wanted = f"bytes={begun.offset}-"
            if request.header("Range") != wanted:
                yield f"{key} was begun up to {begun.offset} and asked for with {request.header('Range')}"


def _url_of(work: Workload, target: str | None) -> str:
    return work.url(target or "")
