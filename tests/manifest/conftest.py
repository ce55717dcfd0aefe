"""Loading a manifest from a text, as a person wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import dedent

import pytest

from crawler.config import Config
from crawler.errors import ManifestInvalid
from crawler.manifest.load import load
from crawler.manifest.manifest import Manifest

NOW = datetime(2024, 3, 9, 23, 30)


@dataclass
class Desk:
    """A folder with one manifest in it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    config: Config = field(default_factory=Config)

    def load(
        self, text: str, *, settings: Mapping[str, str] | None = None, only: Sequence[str] = ()
    ) -> Manifest:
        path = self.folder / "m.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return load(
            path, config=self.config, environ=self.environ, settings=settings or {}, only=only, now=NOW
        )

    def jobs(self, text: str, **options: object) -> Manifest:
        """A manifest of which only the ``jobs`` list is given."""
        return self.load("version: 1\njobs:\n" + dedent(text), **options)  # type: ignore[arg-type]

    def problems(self, text: str, **options: object) -> list[str]:
        """The problems of a manifest as ``line:column: message``."""
        with pytest.raises(ManifestInvalid) as caught:
            self.load(text, **options)  # type: ignore[arg-type]
        found = caught.value.problems
        assert {problem.file for problem in found} == {str(self.folder / "m.yaml")}
        return [f"{problem.line}:{problem.column}: {problem.message}" for problem in found]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts a file beside the manifest."""

    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write
