"""What a person asked of one run, whether on the command line or from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

AnyPath = str | os.PathLike[str]
JsonBytes = Callable[[object], bytes]


class Choices(TypedDict, total=False):
    """The keyword arguments of ``crawler.run``; ``deadline`` is in seconds."""

    config: AnyPath | None
    output: AnyPath | None
    state: AnyPath | None
    settings: Mapping[str, str]
    only: Sequence[str]
    retry_failed: bool
    force: bool
    deadline: float | None
    workers: int | None
    processes: int | Literal["auto"] | None
    report: AnyPath | None
    events: AnyPath | None
    progress: Literal["auto", "bar", "plain", "none"]
    quiet: bool
    json_bytes: JsonBytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every choice of ``crawler run``; what is ``None`` is left to environment, manifest and config.

    ``deadline`` is in seconds; ``events`` and ``report`` are files, ``-`` for events is stdout.
    ``embedded`` in somebody's program, ``quiet`` means not a word, and logging is the host's business.
    """

    manifest: Path  # "-" is stdin
    text: str | None = None  # the manifest itself, instead of a file
    config: Path | None = None
    output: Path | None = None
    state: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    retry_failed: bool = False
    force: bool = False
    deadline: float | None = None
    workers: int | None = None
    processes: int | str | None = None
    report: Path | None = None
    events: str | None = None
    progress: str | None = None
    quiet: bool = False
    verbose: int = 0
    embedded: bool = False
    json_bytes: JsonBytes | None = None  # serializes JSON bodies instead of msgspec

    @property
    def name(self) -> str:
        """What messages and the report call the manifest."""
        return str(self.manifest)

    def overrides(self) -> dict[str, object]:
        """The config keys that flags set; they are the strongest of all. ``quiet`` is no progress at all."""
        given: dict[str, object] = {
            "output": None if self.output is None else str(self.output),
            "state": None if self.state is None else str(self.state),
            "workers": self.workers,
            "processes": self.processes,
            "progress": "none" if self.quiet else self.progress,
        }
        return {key: value for key, value in given.items() if value is not None}


def chosen(
    manifest: AnyPath,
    *,
    config: AnyPath | None = None,
    output: AnyPath | None = None,
    state: AnyPath | None = None,
    settings: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    report: AnyPath | None = None,
    events: AnyPath | None = None,
    progress: str = "none",
    quiet: bool = True,
    retry_failed: bool = False,
    force: bool = False,
    deadline: float | None = None,
    workers: int | None = None,
    processes: int | str | None = None,
    json_bytes: JsonBytes | None = None,
) -> Options:
    """The arguments of ``crawler.run`` as ``Options``. Raises TypeError for a name it does not know."""
    if isinstance(only, str):
        raise TypeError(f"only: expected a sequence of job names, found the text {only!r}")
    return Options(
        manifest=Path(manifest),
        config=_path(config),
        output=_path(output),
        state=_path(state),
        settings=dict(settings or {}),
        only=tuple(only),
        retry_failed=retry_failed,
        force=force,
        deadline=deadline,
        workers=workers,
        processes=processes,
        report=_path(report),
        events=None if events is None else os.fspath(events),
        progress=progress,
        quiet=quiet,
        embedded=True,
        json_bytes=json_bytes,
    )


def _path(given: AnyPath | None) -> Path | None:
    return None if given is None else Path(given)
