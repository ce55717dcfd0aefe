"""End a crawl at random moments, run it again each time, and look: ``python -m tests.torture.crawl_kills``.

Whatever it was ended by, the last run must leave what an undisturbed crawl leaves, nothing may have been
fetched twice beyond what was under way, and the server must have had its peace between any two requests.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.running import finals, manifest, parts, started
from tests.serving.arrivals import Arrivals
from tests.serving.site import Site, pages
from tests.store.archives import bodies as archived
from tests.store.archives import everything, warcio_check

PAGES = 40
DELAY = 0.02  # seconds
# Pages that a run may have had whose records were not committed when it was ended: those of one commit. That
# is one or two, but a disk that is busy with other things may take its time over a commit.
UNCOMMITTED = 10
KINDS = {
    "files": "",
    "archive": "to: null\nwarc: true",
    "everything": "warc: true\nconvert_links: true\nextract: {fields: {title: h1}}",
}
ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)


@dataclass
class Crawl:
    """One site, one manifest, one output folder."""

    folder: Path
    server: Arrivals
    kind: str
    ends: list[int] = field(default_factory=list)  # exit codes, in order

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "home").mkdir()
        lines = "".join(f"    {line}\n" for line in KINDS[self.kind].splitlines())
        job = f"  - name: site\n    type: crawl\n    start: {self.server.url('/')}\n{lines}"
        head = f'hosts: {{"*": {{delay: {DELAY}}}}}'
        self.manifest = manifest(self.folder, job, head=head)

    def run(self, end: signal.Signals | None = None, after: int = 0, later: float = 0.0) -> int:
        """Run it, and send ``end`` so many requests and seconds after its start; the exit code."""
        begun = len(self.server.log)
        with started("run", self.manifest, "-q", cwd=self.folder) as process:
            if end is not None:
                while len(self.server.log) - begun < after and process.poll() is None:
                    time.sleep(0.002)
                time.sleep(later)
                process.send_signal(end)
            assert process.stderr is not None
            said = process.stderr.read()
            self.ends.append(process.wait(60))
        # A SIGTERM that comes before or after the run itself ends Python as it ends any program.
        if self.ends[-1] not in (0, -signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGTERM):
            raise RuntimeError(f"exit {self.ends[-1]}: {said}")
        return self.ends[-1]

    @property
    def left(self) -> dict[str, bytes]:
        """Its files, archives aside."""
        every = finals(self.folder / "data")
        return {name: body for name, body in every.items() if not name.startswith("warc/")}


def disturbed(crawl: Crawl, kills: int, chance: random.Random) -> Iterator[str]:
    """End it so often, let it come to its end, and tell every promise that was broken on the way."""
    ended = -1
    for _ in range(kills):
        after = chance.randint(0, max(2, 2 * PAGES // kills))
        ended = crawl.run(chance.choice(ENDS), after, chance.random() * 0.06)
        if ended == 0:
            break
        yield from _torn(crawl)
    if ended != 0 and crawl.run() != 0:
        yield f"the last run ended with {crawl.ends[-1]}"
    yield from _asked(crawl)


def compared(crawl: Crawl, whole: Crawl, bodies: dict[str, bytes]) -> Iterator[str]:
    """What differs from an undisturbed crawl; ``bodies`` are the pages by URL."""
    ours, theirs = _plain(crawl), _plain(whole)
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            yield f"{name} differs"
    if left := parts(crawl.folder / "data"):
        yield f"part files are left: {left}"
    if "warc" in KINDS[crawl.kind]:
        archives = sorted((crawl.folder / "data" / "warc").glob("*"))
        if odd := [path.name for path in archives if path.suffix not in (".gz", ".cdxj")]:
            yield f"archives are left open: {odd}"
        code, said = warcio_check(*(path for path in archives if path.suffix == ".gz"))
        if code:
            yield f"warcio check: {said}"
        found = archived(everything(crawl.folder / "data"))
        for url, body in bodies.items():
            if found.get(url) != body:
                yield f"{url} is not in the archive as it came"


def _plain(crawl: Crawl) -> dict[str, bytes]:
    """Its files; lines of fields without regard to their order."""
    left = {name.partition("/")[2] or name: body for name, body in crawl.left.items()}
    if "site.jsonl" in left:
        lines = left["site.jsonl"].splitlines()
        left["site.jsonl"] = b"\n".join(sorted(json.loads(each)["title"].encode() for each in lines))
    return left


def _torn(crawl: Crawl) -> Iterator[str]:
    """Nothing incomplete under a final name."""
    for name, body in crawl.left.items():
        if name.endswith(".html") and not body.endswith(b"</html>\n"):
            yield f"{name} is torn"


def _asked(crawl: Crawl) -> Iterator[str]:
    # A run that was killed when it was over is followed by the next round, which asks for changes only.
    times = Counter(each.path for each in crawl.server.log if "if-none-match" not in each.headers)
    broken_off = sum(end != 0 for end in crawl.ends)
    twice = sum(times.values()) - len(times)
    if twice > UNCOMMITTED * broken_off:
        again = [path for path, count in times.items() if count > 1]
        yield f"{twice} requests too many after {broken_off} ends: {again}"
    if (least := min(crawl.server.gaps(), default=DELAY)) < DELAY:
        yield f"two requests came {least * 1000:.1f} ms apart"


def torture(folder: Path, kind: str, kills: int, chance: random.Random) -> tuple[list[str], list[int]]:
    """Broken promises, and how the runs ended."""
    site = Site()
    paths = pages(site, PAGES)
    with Arrivals(site) as calm, Arrivals(site) as troubled:
        whole, crawl = Crawl(folder / "whole", calm, kind), Crawl(folder / "crawl", troubled, kind)
        whole.run()
        problems = list(disturbed(crawl, kills, chance))
        bodies = {troubled.url(path): site.documents[path].body for path in paths}
        return [*problems, *compared(crawl, whole, bodies)], crawl.ends


def main() -> int:
    """End crawls of every kind; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    broken = 0
    for number in range(options.rounds):
        for kind in KINDS:
            folder = Path(tempfile.mkdtemp(prefix="crawler-crawl-kills."))
            chance = random.Random(f"{options.seed} {number} {kind}")
            problems, ends = torture(folder, kind, options.kills, chance)
            broken += bool(problems)
            told = "; ".join(problems) or "whole"
            print(f"{kind}: {len(ends)} runs, ended {ends}; {told} ({folder})", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
