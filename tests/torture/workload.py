"""The work that is interrupted: one manifest of every job type, run as a command of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import crawler_environment
from tests.server import Server, file_bytes
from tests.warm import Warm

ROOT = Path(__file__).parents[2]
NAME = "torture"
TICKS = 40

# Around the sizes where the store changes its ways: nothing, written on the loop, a block, checkpoints.
LARGE = {"empty": 0, "70k": 70_000, "1m": 1_100_000, "3m": 3 << 20}
CHECKPOINTED = {"34m": 34 << 20}
SPLIT = {"18m": 18 << 20}  # fetched in ranges side by side, with a checkpoint

MANIFEST = """
version: 1
name: torture
hosts: {{"127.0.0.1": {{concurrency: 12}}}}  # the ranges of one file need connections that are free
defaults: {{retry: {{attempts: 2, backoff: 10ms, max_backoff: 20ms}}}}
jobs:
  - {{name: small, type: download, from: {{file: small.txt}}, to: "small/${{path[15:]}}"}}
  - {{name: large, type: download, from: {{file: large.txt}}, to: "large/${{name}}"}}
  - {{name: split, type: download, from: {{file: split.txt}}, to: "split/${{name}}", segments: 4}}
  - {{name: answer, type: request, url: "{base}/versions/answer", save: answer.bin}}
  - {{name: push, type: upload, needs: [small], url: "{base}/counter/push", files: small/5/5.bin}}
  - {{name: announce, type: post, url: "{base}/counter/announce", json: {{ok: true}}}}
  - name: ticks
    type: websocket
    url: "{ws}/ws/ticks/{offered}"
    until: {{messages: {ticks}}}
    to: ticks.jsonl
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of the command ended; ``told`` is its events."""

    code: int
    errors: str
    told: tuple[dict[str, Any], ...]

    @property
    def last_line(self) -> str:
        lines = self.errors.strip().splitlines()
        return lines[-1] if lines else ""

    def outcomes(self, job: str) -> list[str]:
        return [event["outcome"] for event in self.told if event["job"] == job]


class Workload:
    """A manifest in ``folder`` whose sources lie on ``server``: ``small`` files, and some larger ones.

    ``checkpointed`` adds those that are large enough for checkpoints. ``warm`` starts the runs that have no
    wrapper around them.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        *,
        small: int = 24,
        checkpointed: bool = True,
        warm: Warm | None = None,
    ) -> None:
        self.server = server
        self.folder = folder
        self.warm = warm
        self.manifest = folder / "torture.yaml"
        large = LARGE | (CHECKPOINTED if checkpointed else {})
        few = {f"{n % 6}/{n}.bin": 37 * (n % 24 + 1) ** 2 for n in range(small)}
        self._sizes = {f"small/{name}": size for name, size in few.items()}
        split = SPLIT if checkpointed else {}
        self._sizes |= {f"large/{name}": size for name, size in large.items()}
        self._sizes |= {f"split/{name}": size for name, size in split.items()}
        self._sizes["answer.bin"] = 20_000
        folder.mkdir(exist_ok=True)
        (folder / "home").mkdir(exist_ok=True)
        (folder / "small.txt").write_text("".join(f"{self.url(f'small/{name}')}\n" for name in few))
        (folder / "large.txt").write_text("".join(f"{self.url(f'large/{name}')}\n" for name in large))
        (folder / "split.txt").write_text("".join(f"{self.url(f'split/{name}')}\n" for name in split))
        self.manifest.write_text(
            MANIFEST.format(base=server.base, ws=server.ws(""), offered=TICKS + 20, ticks=TICKS)
        )
        self.version = 0
        self.contents: dict[int, dict[str, bytes]] = {}
        self.offer(1)

    def url(self, target: str) -> str:
        return self.server.url(
            f"/versions/{target.removesuffix('.bin') if target == 'answer.bin' else target}"
        )

    def offer(self, version: int) -> None:
        """Put that version of every file on the server, and forget what was asked and delivered."""
        if version not in self.contents:
            self.contents[version] = {
                target: file_bytes(size, f"{version} {target}") for target, size in self._sizes.items()
            }
        if version != self.version:
            for target, data in self.contents[version].items():
                name = "answer" if target == "answer.bin" else target
                etag = f"{target}-{version}".replace("/", "-")
                # Without a wait the first stream has the whole file before a second one begins.
                delay = 0.003 if target.startswith("split/") else 0.0
                self.server.set_file(name, data, etag=etag, delay=delay)
            self.version = version
        self.server.log.clear()
        self.server.state.counters.clear()

    @property
    def expected(self) -> dict[str, bytes]:
        """By target, what the server offers now; ``ticks.jsonl`` is not among it."""
        return self.contents[self.version]

    def is_whole(self, target: str, data: bytes) -> bool:
        """Whether these bytes are any version of the target, from its first byte to its last."""
        if target == "ticks.jsonl":
            return is_capture(data)
        return any(contents.get(target) == data for contents in self.contents.values())

    def arguments(self, output: Path, *more: str | Path) -> list[str]:
        """What makes the command run the manifest into ``output``; its events go beside the manifest."""
        return [
            *("run", str(self.manifest), "-o", str(output)),
            *("--events", str(self.events), "--progress", "none", *map(str, more)),
        ]

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    def run(self, output: Path, *more: str | Path, wrapper: tuple[str, ...] = (), **env: str) -> Ended:
        """Run the manifest to its end, whichever that is."""
        self.events.unlink(missing_ok=True)
        arguments, environment = self.arguments(output, *more), self.environment(**env)
        if self.warm is not None and not wrapper:
            done = self.warm.run(arguments, cwd=self.folder, env=environment, timeout=120)
        else:
            done = subprocess.run(
                [*wrapper, sys.executable, "-m", "crawler", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        return Ended(done.returncode, done.stderr, self.told())

    def environment(self, **extra: str) -> dict[str, str]:
        """Nothing of this machine's user; this checkout's crawler; no bytecode files written on the way."""
        own = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **extra}
        return crawler_environment(self.folder / "home", own)

    def told(self) -> tuple[dict[str, Any], ...]:
        """The events of the last run."""
        return parse_events(self.events.read_bytes()) if self.events.exists() else ()


def parse_events(lines: bytes) -> tuple[dict[str, Any], ...]:
    """Events by line; a last line that was cut off is none."""
    return tuple(json.loads(line) for line in lines.split(b"\n")[:-1])


def is_capture(data: bytes) -> bool:
    """Whether these are the lines of a whole capture: as many messages as were wanted, none torn."""
    try:
        rows = [json.loads(line) for line in data.decode().splitlines()]
    except ValueError:
        return False
    texts = [row for row in rows if row["kind"] == "text"]
    return data.endswith(b"\n") and len(texts) == TICKS


def finals(output: Path) -> dict[str, bytes]:
    """Every file under a final name below ``output``, by its target."""
    return {name: path.read_bytes() for name, path in _files(output) if not name.endswith(".part")}


def leftovers(output: Path) -> list[str]:
    """Every part file, and whatever else the state folder holds besides the ledger and its lock."""
    parts = [name for name, _ in _files(output) if name.endswith(".part")]
    state = output / ".crawler"
    ours = {f"{NAME}.{suffix}" for suffix in ("sqlite", "sqlite-wal", "sqlite-shm", "lock")}
    strays = [path.name for path in state.iterdir() if path.name not in ours] if state.exists() else []
    return sorted(parts + strays)


def _files(output: Path) -> list[tuple[str, Path]]:
    found = []
    for folder, below, names in os.walk(output):
        below[:] = [name for name in below if name not in (".crawler", "lost+found")]
        for name in names:
            path = Path(folder, name)
            found.append((str(path.relative_to(output)), path))
    return found
