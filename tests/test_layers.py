"""The walls of the house: who may import whom, and what each room must never touch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "crawler"

# Imports point to a smaller number only; rooms that share a number do not know each other.
LEVELS = {
    "__main__": 14,
    "__init__": 13,
    "cli": 13,
    "app": 12,
    "session": 11,
    "archives": 10,
    "children": 10,
    "closing": 10,
    "listeners": 10,
    "options": 9,
    "signals": 10,
    "demo": 9,
    "engine": 9,
    "manifest": 9,
    "job_types": 8,
    "net": 7,
    "store": 7,
    "pages": 7,
    "report": 6,
    "events": 5,
    "policy": 5,
    "config": 4,
    "syntax": 3,
    "errors": 2,
    "crawled": 1,
    "model": 1,
    "request": 0,
}
# Libraries with one home each, so that each can be replaced in one place.
HOMES = {
    "aiohttp": {"net", "demo"},
    "sqlite3": {"store"},
    "click": {"cli"},
    "tqdm": {"report"},
    "lxml": {"pages"},
    "selectolax": {"pages"},
    "jmespath": {"pages"},
    "charset_normalizer": {"pages"},
}
VAGUE = {"utils", "util", "helpers", "helper", "manager", "handler", "data", "info", "common", "misc"}

PURE_ROOMS = ("policy", "syntax")
PURE_LIBRARIES = {
    *(
        "__future__",
        "abc",
        "array",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
    ),
    *("datetime", "decimal", "difflib", "email", "enum", "fnmatch", "functools", "hashlib", "heapq", "html"),
    *("ipaddress", "itertools", "json", "math", "operator", "posixpath", "re", "string", "struct", "types"),
    *("typing", "unicodedata", "urllib", "warnings"),
    *(
        "annotated_types",
        "jinja2",
        "markupsafe",
        "msgspec",
        "protego",
        "publicsuffixlist",
        "pydantic",
        "pydantic_core",
        "typing_extensions",
        "yaml",
        "yarl",
    ),
}
CLOCKS = {"now", "today", "utcnow"}  # of datetime and date
SLOW_TO_IMPORT = {"aiohttp", "aiofiles", "tqdm", "sqlite3", "lxml", "pyarrow"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: of ``module`` (dotted, absolute), by the file ``by`` at ``line``."""

    by: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.by.relative_to(ROOT.parent)}:{self.line}: {self.module}"


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    """``crawler/net/transport.py`` → ``net``, ``crawler/app.py`` → ``app``."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[Import]:
    """Every import in the file, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield Import(path, node.lineno, f"{node.module}.{alias.name}")


def imported_room(module: str) -> str | None:
    """The room a module of ours belongs to; the package itself is ``__init__``, the version is everyone's."""
    first, *rest = module.split(".")
    if first != "crawler" or rest == ["__version__"]:
        return None
    return rest[0] if rest and rest[0] in LEVELS else "__init__"


@pytest.fixture(scope="module")
def every_import() -> list[Import]:
    return [found for path in files() for found in imports(path)]


def test_every_room_has_a_level() -> None:
    assert {room(path) for path in files()} - set(LEVELS) == set()


def test_imports_point_down_only(every_import: list[Import]) -> None:
    upwards = []
    for found in every_import:
        here, there = room(found.by), imported_room(found.module)
        if there is not None and there != here and LEVELS[there] >= LEVELS.get(here, 0):
            upwards.append(str(found))
    assert upwards == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_in_its_home_only(library: str, every_import: list[Import]) -> None:
    users = [found for found in every_import if found.module.split(".")[0] == library]
    assert [str(found) for found in users if room(found.by) not in HOMES[library]] == []


def test_no_name_is_vague() -> None:
    assert [str(path) for path in ROOT.rglob("*") if path.stem.strip("_").lower() in VAGUE] == []


def test_pure_rooms_import_nothing_that_waits_reads_or_guesses(every_import: list[Import]) -> None:
    impure = [
        str(found)
        for found in every_import
        if room(found.by) in PURE_ROOMS and found.module.split(".")[0] not in PURE_LIBRARIES | {"crawler"}
    ]
    assert impure == []


def test_pure_rooms_never_await_open_or_look_at_a_clock() -> None:
    deeds = []
    for path in files():
        if room(path) not in PURE_ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            waits = isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
            opens = isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"open", "print", "input"}
            looks = isinstance(node, ast.Attribute) and node.attr in CLOCKS
            if waits or opens or looks:
                deeds.append(f"{path.relative_to(ROOT.parent)}:{getattr(node, 'lineno', 0)}")
    assert deeds == []


def test_a_manifest_can_be_checked_without_loading_what_is_slow_to_import() -> None:
    """``crawler check`` and ``--help`` must feel instant, so these rooms load nothing heavy."""
    light = ("manifest", "job_types", "config", "syntax", "app", "options")
    names = [
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in files()
        if room(path) in light
    ]
    names += ["crawler.__main__", "crawler.cli.check", "crawler.cli.run", "crawler.cli.schema"]
    program = f"import sys, {', '.join(names)}; print(*{SLOW_TO_IMPORT} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.split()) == ("", [])
