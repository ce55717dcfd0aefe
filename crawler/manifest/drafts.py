"""From the manifest's ``jobs`` to checked specs, one for each combination of a matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crawler.errors import ManifestInvalid
from crawler.job_types.base import JobType
from crawler.job_types.spec import JobSpec
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.defaults import with_defaults
from crawler.manifest.findings import Findings
from crawler.manifest.matrix import Combination, combinations
from crawler.manifest.names import Names
from crawler.manifest.uses import Use, uses_in
from crawler.syntax.checked import check
from crawler.syntax.nodes import Node
from crawler.syntax.words import closest, shown, suggestion

_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_NAME = "?"  # stands in for a name that is missing or wrong, and reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A job whose own keys are right. ``written`` is its name without the matrix values."""

    name: str
    written: str
    node: Node  # defaults included
    job_type: JobType
    spec: JobSpec
    combination: Combination
    uses: tuple[Use, ...]

    def at(self, *steps: str | int) -> Node:
        """The node of a key or item, or the nearest one around it that was written."""
        node = self.node
        for step in steps:
            inner = _inside(node, step)
            if inner is None:
                break
            node = inner
        return node


def _inside(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict) and isinstance(step, str):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


@dataclass(frozen=True, slots=True)
class Drafts:
    """Every job that could be read, and of the wrong ones too their names and what they need."""

    jobs: tuple[Draft, ...]
    written: frozenset[str]
    wrong_needs: tuple[tuple[Node, str], ...]


def read_jobs(jobs: Node | None, defaults: Node | None, names: Names, findings: Findings) -> Drafts:
    """The jobs in manifest order; what is wrong with them goes into ``findings``."""
    drafts: list[Draft] = []
    places: dict[str, Node] = {}
    wrong_needs: list[tuple[Node, str]] = []
    for node in jobs.value if jobs and isinstance(jobs.value, list) else []:
        if not isinstance(node.value, dict):
            findings.add(node, f"expected a job with 'name' and 'type', found {shown(node.value)}")
            continue
        written = _name(node, names, places, findings)
        good = list(_drafts(with_defaults(node, defaults), written, names, findings))
        drafts += good
        if not good:
            wrong_needs += _needs(node)
    return Drafts(tuple(drafts), frozenset(places), tuple(wrong_needs))


def _needs(node: Node) -> Iterator[tuple[Node, str]]:
    """The needs of a job that has no spec, as far as they are plain names."""
    needs = _inside(node, "needs")
    items = needs.value if needs is not None and isinstance(needs.value, list) else [needs]
    for item in items:
        if item is not None and isinstance(item.value, str) and "${" not in item.value:
            yield item, item.value


def _name(node: Node, names: Names, places: dict[str, Node], findings: Findings) -> str:
    named = node.value.get("name") if isinstance(node.value, dict) else None
    if named is None:
        return _NO_NAME  # the spec's own check says that it is missing
    value = names.render(named, findings, deferred=frozenset())
    name = named.written if named.written and not isinstance(value, str) else value
    if not isinstance(name, str) or not _JOB_NAME.fullmatch(name):
        findings.add(
            named,
            f"{shown(name)} is no job name; expected letters, digits and . _ -, a letter or digit first",
        )
        return _NO_NAME
    if name in places:
        findings.add(named, f"job {name!r} stands already at line {places[name].line}; names must differ")
    else:
        places[name] = named
    return name


def _drafts(node: Node, written: str, names: Names, findings: Findings) -> Iterator[Draft]:
    assert isinstance(node.value, dict)
    job_type = _job_type(node, names, findings)
    chosen = combinations(node.value.get("matrix"), names, findings)
    for combination in chosen:
        name = written + combination.suffix
        known = names.plus(job=name)
        if combination.values:
            known = known.plus(matrix=dict(combination.values))
        value = known.render(node, findings)
        if not isinstance(value, dict):
            return
        uses = tuple(uses_in(node, value))
        value.pop("matrix", None)  # it has done its work, and been checked
        if "name" in value:
            value["name"] = name
        if job_type is None:
            _check_what_can_be(node, value, findings)
            return
        try:
            spec = check(job_type.spec, node, value, findings.file)
        except ManifestInvalid as error:
            findings.extend(error.problems)
            return  # the other combinations would mostly say the same
        yield Draft(
            name=name,
            written=written,
            node=node,
            job_type=job_type,
            spec=spec,
            combination=combination,
            uses=uses,
        )


def _check_what_can_be(node: Node, value: dict[str, object], findings: Findings) -> None:
    """The keys of a job without a type: by the one that was probably meant, or those that all types have.

    What is missing is not told: another type may have been meant.
    """
    meant = closest(str(value.get("type")), JOB_TYPES)
    if meant is not None:
        spec = JOB_TYPES[meant].spec
    else:
        spec = JobSpec
        value = {key: each for key, each in value.items() if key in JobSpec.model_fields}
    try:
        check(spec, node, value | {"type": meant or ""}, findings.file)
    except ManifestInvalid as error:
        own = (node.line, node.column)
        findings.extend(each for each in error.problems if (each.line, each.column) != own)


def _job_type(node: Node, names: Names, findings: Findings) -> JobType | None:
    assert isinstance(node.value, dict)
    given = node.value.get("type")
    known = ", ".join(JOB_TYPES)
    if given is None:
        findings.add(node, f"missing key 'type'; expected one of {known}")
        return None
    name = names.render(given, findings, deferred=frozenset())
    job_type = JOB_TYPES.get(name) if isinstance(name, str) else None
    if job_type is None:
        hint = suggestion(str(name), JOB_TYPES) or ""
        findings.add(given, f"unknown job type {shown(name)}{hint}; known types are {known}")
    return job_type
