"""What jobs use of what others captured: every ``${needs.JOB.NAME}`` must name a value that will be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crawler.job_types.base import Asks
from crawler.manifest.drafts import Draft, Drafts
from crawler.manifest.findings import Findings
from crawler.manifest.needs import Order, disabled, not_needed, reached, refuse_unknown
from crawler.manifest.uses import Use
from crawler.syntax.needs import Reference
from crawler.syntax.words import suggestion


def check_captures(drafts: Drafts, order: Order, only: Sequence[str], findings: Findings) -> dict[str, Asks]:
    """By job whose values it uses. What will not be there is reported where it is used."""
    checking = _Checking(drafts, order, only, findings)
    return {draft.name: checking.asks(draft) for draft in order.enabled if draft.uses}


_ANOTHER_KEY = (
    "the next run captures another value, and by that the server cannot tell that a request is sent again; "
    "expected a key that stays the same"
)


class _Checking:
    def __init__(self, drafts: Drafts, order: Order, only: Sequence[str], findings: Findings) -> None:
        self._drafts = drafts
        self._order = order
        self._only = only
        self._findings = findings
        self._by_name = {draft.name: draft for draft in order.enabled}
        self._chosen = {draft.name for draft in order.chosen}

    def asks(self, draft: Draft) -> Asks:
        """What the job uses that will be there."""
        jobs = {reference.job: job for use in draft.uses for reference, job in self._good(draft, use)}
        return Asks(jobs, frozenset(use.key for use in draft.uses))

    def _good(self, draft: Draft, use: Use) -> Iterator[tuple[Reference, str]]:
        if use.key == "idempotency_key":
            self._findings.add(use.node, _ANOTHER_KEY)
        found, why = use.named()
        if why is not None:
            self._findings.add(use.node, why)
        for reference in found:
            if (job := self._one_job(draft, use, reference)) is None:
                continue
            problem = self._not_there(draft, job) or _not_captured(self._by_name[job], reference)
            if problem is None:
                yield reference, job
            else:
                self._findings.add(use.node, problem)

    def _one_job(self, draft: Draft, use: Use, reference: Reference) -> str | None:
        """The job whose value it is; ``None`` if there is not exactly one, which is reported."""
        name, group = reference.job, self._order.groups.get(reference.job)
        if group is None and disabled(name, self._drafts):
            self._findings.add(use.node, f"job {name!r} is disabled, so it captures nothing")
        elif group is None:
            refuse_unknown(name, use.node, self._drafts, self._findings, "to take a value from")
        elif len(group) > 1:
            message = (
                f"{name!r} is {len(group)} jobs, one for each combination of its matrix; name one of them"
            )
            self._findings.add(use.node, f"{message}, as in ${{needs[{group[0]!r}].{reference.name}}}")
        else:
            return group[0]
        return None

    def _not_there(self, draft: Draft, job: str) -> str | None:
        """Why the job's values will not be there when this one starts, or ``None``."""
        if job not in reached(self._order.waits[draft.name], self._order.waits):
            return not_needed(draft, job)
        if draft.name in self._chosen and job not in self._chosen:
            both = f"--only {_quoted(job)} --only {_quoted(draft.name)}"
            return (
                f"it uses what job {job!r} captures, which is kept for one run alone and is not chosen for "
                f"this one; choose both: {both}"
            )
        return None


def _not_captured(job: Draft, reference: Reference) -> str | None:
    captured = sorted(getattr(job.spec, "capture", None) or ())
    if reference.name in captured:
        return None
    if not captured:
        return f"job {reference.job!r} captures nothing; expected a request or post with the key 'capture'"
    hint = suggestion(reference.name, captured) or f"; it captures {', '.join(captured)}"
    return f"job {reference.job!r} captures no {reference.name!r}{hint}"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
