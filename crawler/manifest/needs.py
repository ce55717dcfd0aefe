"""Which jobs must end before which: names looked up, cycles refused, ``--only`` applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from crawler.manifest.drafts import Draft, Drafts
from crawler.manifest.findings import Findings
from crawler.syntax.nodes import Node
from crawler.syntax.words import suggestion

Needs = Mapping[str, tuple[str, ...]]

MAX_EDGES = 1_000_000  # two matrices that need each other multiply


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The jobs that will run, by name those of them that each waits for, and those whose files it takes.

    ``enabled`` are all that could run, ``waits`` is what each of those waits for, and ``groups`` are job
    names, with and without their matrix values, to the jobs that they stand for.
    """

    chosen: tuple[Draft, ...]
    needs: Needs
    takes_from: Needs
    enabled: Sequence[Draft]
    waits: Needs
    groups: Mapping[str, Sequence[str]]


def resolve_needs(drafts: Drafts, only: Sequence[str], findings: Findings) -> Order:
    """Which jobs will run, and what each has to do with others.

    A need names a job, all combinations of a matrix, or one of them. With ``only``, a need that is not
    chosen counts as satisfied. A disabled job satisfies nothing, so needing one is a mistake.
    """
    for place, need in drafts.wrong_needs:
        refuse_unknown(need, place, drafts, findings)
    enabled = [draft for draft in drafts.jobs if draft.spec.enabled]
    chosen = _chosen(enabled, drafts, only, findings)
    groups = _groups(enabled)
    edges = sum(len(groups.get(need, ())) for draft in enabled for need in draft.spec.needs)
    if edges > MAX_EDGES:
        findings.add(None, f"the jobs' needs come to {edges} pairs of jobs; at most {MAX_EDGES} are allowed")
        return Order(chosen=chosen, needs={}, takes_from={}, enabled=(), waits={}, groups=groups)
    needs = {draft.name: _needs(draft, groups, drafts, bool(only), findings) for draft in enabled}
    _refuse_cycle(enabled, needs, findings)
    kept = {draft.name for draft in chosen}
    return Order(
        chosen=chosen,
        needs={name: tuple(need for need in needs[name] if need in kept) for name in kept},
        takes_from=_all_taken(enabled, groups, needs, drafts, bool(only), findings),
        enabled=enabled,
        waits=needs,
        groups=groups,
    )


def _groups(drafts: Sequence[Draft]) -> dict[str, list[str]]:
    """Job names, with and without their matrix values, to the jobs that they stand for."""
    groups: dict[str, list[str]] = {}
    for draft in drafts:
        for name in {draft.name, draft.written}:
            groups.setdefault(name, []).append(draft.name)
    return groups


def _chosen(
    enabled: Sequence[Draft], drafts: Drafts, only: Sequence[str], findings: Findings
) -> tuple[Draft, ...]:
    if not only:
        return tuple(enabled)
    for name in only:
        if not any(name in (draft.name, draft.written) for draft in enabled):
            if disabled(name, drafts):
                findings.add(None, f"--only {name}: the job is disabled (enabled: false)")
            elif name not in drafts.written:
                findings.add(None, f"--only {name}: there is no such job{_hint(name, drafts)}")
    return tuple(draft for draft in enabled if draft.name in only or draft.written in only)


def _needs(
    draft: Draft, groups: Mapping[str, list[str]], drafts: Drafts, only: bool, findings: Findings
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for at, need in enumerate(draft.spec.needs):
        if need in groups:
            found |= dict.fromkeys(groups[need])
            continue
        place = draft.at("needs", at)
        if disabled(need, drafts):
            if not only:
                findings.add(place, f"job {need!r} is disabled, so nothing can wait for it")
        else:
            refuse_unknown(need, place, drafts, findings)
    return tuple(found)


def disabled(name: str, drafts: Drafts) -> bool:
    """Whether a name that no enabled job has is that of another."""
    return any(name in (draft.name, draft.written) for draft in drafts.jobs)


def refuse_unknown(
    need: str, place: Node, drafts: Drafts, findings: Findings, why: str = "to wait for"
) -> None:
    """Report a name that no job has, unless it is one of a job whose own mistakes are reported."""
    good = {draft.written for draft in drafts.jobs}
    name = need.partition(" (")[0]
    if need not in drafts.written and (name in good or name not in drafts.written):
        findings.add(place, f"there is no job {need!r} {why}{_hint(need, drafts)}")


def _hint(name: str, drafts: Drafts) -> str:
    names = sorted(drafts.written | {draft.name for draft in drafts.jobs})
    return suggestion(name, names) or (f"; the jobs are {', '.join(names)}" if len(names) <= 12 else "")


def _refuse_cycle(drafts: Sequence[Draft], needs: Needs, findings: Findings) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))  # graphlib lists a node before what needs it
        first = min((draft for draft in drafts if draft.name in cycle), key=lambda draft: draft.node.line)
        at = cycle.index(first.name)
        turned = [*cycle[at:-1], *cycle[:at], first.name]
        findings.add(first.at("needs"), f"jobs wait for each other: {' → '.join(turned)}")


def _all_taken(
    enabled: Sequence[Draft],
    groups: Mapping[str, list[str]],
    needs: Needs,
    drafts: Drafts,
    only: bool,
    findings: Findings,
) -> Needs:
    """By job those whose files it takes; each must have ended by then, so it must be needed."""
    found: dict[str, tuple[str, ...]] = {}
    reaching: dict[tuple[str, ...], set[str]] = {}  # combinations of one matrix mostly need the same
    for draft in enabled:
        if (name := draft.spec.taken_from()) is None:
            continue
        place = draft.at("files", "job")
        if (taken := groups.get(name)) is None:
            if not disabled(name, drafts):
                refuse_unknown(name, place, drafts, findings, "to take files from")
            elif not only:
                findings.add(place, f"job {name!r} is disabled, so there is nothing to take from it")
            continue
        own = needs[draft.name]
        if own not in reaching:
            reaching[own] = reached(own, needs)
        missing = [job for job in taken if job not in reaching[own]]
        if missing:
            findings.add(place, not_needed(draft, missing[0]))
        found[draft.name] = tuple(taken)
    return found


def reached(first: tuple[str, ...], needs: Needs) -> set[str]:
    """These jobs and whatever they wait for, directly or through others."""
    found: set[str] = set()
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found


def not_needed(draft: Draft, name: str) -> str:
    """Why the job cannot rely on what the other one brings."""
    if name == draft.name:
        return f"{name!r} is this job itself; expected one that it needs"
    return f"job {name!r} need not have ended when this one starts; name it in 'needs' too"
