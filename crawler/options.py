"""What a person asked of one run, whether on the command line or from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every choice of ``crawler run``; what is ``None`` is left to environment, manifest and config.

    ``deadline`` is in seconds; ``events`` and ``report`` are files, ``-`` for events is stdout.
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
    report: Path | None = None
    events: str | None = None
    progress: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0

    @property
    def name(self) -> str:
        """What messages and the report call the manifest."""
        return str(self.manifest)

    def overrides(self) -> dict[str, object]:
        """The config keys that flags set; they are the strongest of all."""
        given: dict[str, object] = {
            "output": None if self.output is None else str(self.output),
            "state": None if self.state is None else str(self.state),
            "workers": self.workers,
            "progress": self.progress,
        }
        return {key: value for key, value in given.items() if value is not None}
