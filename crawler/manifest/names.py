"""The names that ``${…}`` may use while a manifest loads: vars, env, today, and what a job adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from crawler.errors import TemplateFailed
from crawler.manifest.environ import ReadEnviron
from crawler.manifest.findings import Findings
from crawler.syntax.environ import Environ
from crawler.syntax.nodes import Node
from crawler.syntax.resolved import resolved
from crawler.syntax.template import TASK_NAMES, Template
from crawler.syntax.words import shown, suggestion

_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
_CONSTANTS = frozenset({"true", "false", "none", "True", "False", "None"})
RESERVED = TASK_NAMES | _KEYWORDS | _CONSTANTS | {"vars", "env", "today", "matrix", "job"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Names(Mapping[str, object]):
    """Values by name; an ``absent`` name exists but has no value here, and says why."""

    def __init__(self, values: Mapping[str, object], absent: Mapping[str, str]) -> None:
        self._values = values
        self._absent = absent

    def __getitem__(self, name: str) -> object:
        if name in self._absent:
            raise TemplateFailed(self._absent[name])
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from self._absent

    def __len__(self) -> int:
        return len(self._values) + len(self._absent)

    def plus(self, **values: object) -> Names:
        """The same names and some more."""
        return Names({**self._values, **values}, self._absent)

    def render(self, node: Node, findings: Findings, *, deferred: frozenset[str] = TASK_NAMES) -> object:
        """The node's plain value with these names put in; ``deferred`` ones stay templates.

        What cannot be rendered is reported and stays as written.
        """
        value, problems = resolved(node, self, deferred, findings.file)
        for problem in problems:
            findings.unrendered(problem, consequence=problem.message.endswith(_REPORTED))
        _check_environ(node, value, self._values.get("env"), findings)
        return value


_REPORTED = "has no value: its own problem is reported where it stands"


def _check_environ(node: Node, value: object, environ: object, findings: Findings) -> None:
    """What the environment must not do: come as a whole, or be found missing in the middle of a run."""
    if isinstance(value, Environ):
        findings.add(node, "${env} is no value; expected the name of a variable, as in ${env.HOME}")
    elif isinstance(value, Template) and isinstance(environ, ReadEnviron):
        if "default" not in value.source and (reason := environ.missing(value.source)) is not None:
            findings.add(node, f"{value.source}: {reason}")
    elif isinstance(node.value, dict) and isinstance(value, dict):
        for key, item in node.value.items():
            _check_environ(item, value[key], environ, findings)
    elif isinstance(node.value, list) and isinstance(value, list):
        for item, inner in zip(node.value, value, strict=True):
            _check_environ(item, inner, environ, findings)


def load_names(
    vars_node: Node | None,
    settings: Mapping[str, str],
    environ: ReadEnviron,
    now: datetime,
    findings: Findings,
) -> tuple[Names, dict[str, object]]:
    """What the whole manifest may name, and the vars alone.

    ``settings`` replace vars of the same name; a var may use ``env``, ``today`` and the vars above it,
    so there can be no cycle.
    """
    written = vars_node.value if vars_node and isinstance(vars_node.value, dict) else {}
    for name in sorted(settings.keys() - written.keys()):
        hint = suggestion(name, written) or "; declare it under vars"
        findings.add(None, f"--set {name}: the manifest has no such var{hint}")
    fixed: dict[str, object] = {"env": environ, "today": now.date().isoformat()}
    values: dict[str, object] = {}
    absent = {name: f"var {name!r} stands below; a var can use only the vars above it" for name in written}
    for name, node in written.items():
        assert vars_node is not None
        if (reason := _bad_name(name)) is not None:
            findings.at(vars_node.key_positions[name], reason)
            del absent[name]
            continue
        absent[name] = f"var {name!r} cannot use itself"
        before = len(findings)
        value: object = settings.get(name)
        if value is None:
            value = _together(values, absent, fixed).render(node, findings, deferred=frozenset())
        if len(findings) == before:
            values[name] = value
            del absent[name]
        else:
            absent[name] = f"var {name!r} {_REPORTED}"
    return _together(values, absent, fixed), values


def _together(values: dict[str, object], absent: dict[str, str], fixed: dict[str, object]) -> Names:
    inner = Names(dict(values), dict(absent)) if absent else dict(values)
    return Names({**values, **fixed, "vars": inner}, dict(absent))


def _bad_name(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{shown(name)} is no name for a var; expected letters, digits and _, no digit first"
    if name in RESERVED:
        return f"the name {name!r} is reserved; call the var something else"
    return None
