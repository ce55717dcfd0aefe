"""From YAML to a ``Manifest``, checked whole before the first byte is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from crawler.config import Config
from crawler.errors import ManifestInvalid, Problem, UnsafePath
from crawler.manifest.assemble import assemble
from crawler.manifest.captures import check_captures
from crawler.manifest.drafts import read_jobs
from crawler.manifest.environ import ReadEnviron
from crawler.manifest.files import check_files
from crawler.manifest.findings import Findings
from crawler.manifest.host_rules import host_rules
from crawler.manifest.manifest import Manifest
from crawler.manifest.names import Names, load_names
from crawler.manifest.needs import resolve_needs
from crawler.manifest.schema import HeadSpec
from crawler.manifest.secrets import secrets
from crawler.manifest.targets import check_tasks
from crawler.policy.names import safe_target
from crawler.syntax import yaml
from crawler.syntax.checked import check
from crawler.syntax.nodes import Node
from crawler.syntax.words import shown

STDIN = "-"
_NONE: Mapping[str, str] = MappingProxyType({})


def load(
    source: Path | Literal["-"],
    *,
    config: Config,
    environ: Mapping[str, str],
    now: datetime,
    settings: Mapping[str, str] = _NONE,
    only: Sequence[str] = (),
) -> Manifest:
    """The manifest in a file, or on stdin for ``-``.

    ``settings`` replace vars of the same name. ``only`` names the jobs to run; what they need counts
    as satisfied. ``now`` is local time, for ``${today}``. Raises ``ManifestInvalid`` with every problem.
    """
    file = str(source)
    try:
        with open(0, "rb", closefd=False) if file == STDIN else Path(source).open("rb") as stream:
            text = stream.read(yaml.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ManifestInvalid([Problem(file, 0, 0, f"cannot be read: {reason}")]) from None
    folder = Path() if file == STDIN else Path(source).parent
    return parse(
        text, file, folder=folder, config=config, environ=environ, now=now, settings=settings, only=only
    )


def parse(
    text: bytes | str,
    file: str,
    *,
    folder: Path,
    config: Config,
    environ: Mapping[str, str],
    now: datetime,
    settings: Mapping[str, str] = _NONE,
    only: Sequence[str] = (),
) -> Manifest:
    """The same from text; ``file`` is what messages call it, relative paths start at ``folder``."""
    root, problems = yaml.read(text, file)
    if not isinstance(root.value, dict):
        message = f"expected a manifest with 'version' and 'jobs', found {shown(root.value)}"
        raise ManifestInvalid([*problems, Problem(file, root.line, root.column, message)])
    findings = Findings(file)
    for problem in problems:
        findings.unrendered(problem, consequence=False)
    environment = ReadEnviron(environ)
    names, values = load_names(root.value.get("vars"), settings, environment, now, findings)
    head = _head(root, names, values, findings)
    name = _name(root, head, file, findings)
    drafts = read_jobs(root.value.get("jobs"), root.value.get("defaults"), names, findings)
    order = resolve_needs(drafts, only, findings)
    asks = check_captures(drafts, order, only, findings)
    jobs = assemble(order, asks, config, folder)
    check_files(order.chosen, folder, findings, stdin_taken=file == STDIN)
    check_tasks(jobs, findings)
    findings.refuse_if_any(environment.hidden)
    assert head is not None
    return Manifest(
        name=name,
        file=file,
        folder=folder,
        jobs=tuple(job for _, job in jobs),
        hosts=host_rules(order.chosen, head.hosts, config),
        secrets=secrets(
            [config, *head.hosts.values(), *(job.spec for _, job in jobs)], environment.read, values
        ),
        values=values,
        budget=head.budget.budget(),
    )


def _head(root: Node, names: Names, values: Mapping[str, object], findings: Findings) -> HeadSpec | None:
    """The checked keys beside the jobs' own; ``None`` if something is wrong with them."""
    assert isinstance(root.value, dict)
    given: dict[str, object] = {}
    for key, node in root.value.items():
        if isinstance(node.value, dict) and key == "vars":
            given[key] = dict(values)
        elif isinstance(node.value, list) and key == "jobs":
            given[key] = node.value
        else:
            given[key] = names.render(node, findings)
    try:
        return check(HeadSpec, root, given, findings.file)
    except ManifestInvalid as error:
        findings.extend(error.problems)
        return None


def _name(root: Node, head: HeadSpec | None, file: str, findings: Findings) -> str:
    """What the ledger and the report are called; a name is also a file's, so it must be safe as one."""
    if head is None or head.name is None:
        return safe_target(Path(file).stem or "manifest") if file != STDIN else "stdin"
    try:
        if "/" not in head.name and safe_target(head.name) == head.name:
            return head.name
    except UnsafePath:
        pass
    assert isinstance(root.value, dict)
    findings.add(root.value["name"], f"{shown(head.name)} cannot name a file; use letters, digits and . _ -")
    return head.name
