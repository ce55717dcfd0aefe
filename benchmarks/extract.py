"""`extract:` over the documentation of Python and PostgreSQL, against an independent parse by lxml.

    python benchmarks/extract.py [--output DIR]

Crawls both and extracts the title, the first heading and every block of code of each page; then reads each
mirrored file with lxml.html and compares. Exits with 1 if a page is missing or a field differs in more than
white space.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import html

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.documentation import LEAD_NOWHERE, crawler, documentation, manifest
from benchmarks.measure import run

EXTRACT = """    extract:
      to: fields.jsonl
      fields:
        title: title
        heading: h1
        code: {css: pre, many: true}
"""


def expected(body: bytes) -> dict[str, Any]:
    """What lxml reads of a page."""
    tree: Any = html.document_fromstring(body, parser=html.HTMLParser(encoding="utf-8"))
    title, heading = tree.find(".//title"), tree.find(".//h1")
    return {
        "title": None if title is None else words(title.text_content()),
        "heading": None if heading is None else words(heading.text_content()),
        "code": [words(block.text_content()) for block in tree.iter("pre")],
    }


def words(text: str) -> str:
    """The text without what white space it has."""
    return " ".join(text.split())


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(each) for each in value]
    return words(value) if isinstance(value, str) else value


def differences(output: Path, lines: list[dict[str, Any]]) -> Iterator[str]:
    """Where our fields are not lxml's."""
    for line in lines:
        parts = urlsplit(line["url"])
        path = unquote(parts.path)
        [host] = [each for each in output.iterdir() if each.name.startswith(f"{parts.hostname}")]
        file = host / (path[1:] + ("index.html" if path.endswith("/") else ""))
        wanted = expected(file.read_bytes())
        for name, value in wanted.items():
            if plain(line[name]) != value:
                ours, theirs = str(plain(line[name]))[:200], str(value)[:200]
                yield f"{line['url']}: {name} is {ours!r}, to lxml {theirs!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=arguments.output) as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        output = Path(work) / "out"
        with documentation(Path(sources)) as start:
            jobs = manifest(Path(work), start, more=EXTRACT)
            cost = run(crawler(jobs, output), well=[LEAD_NOWHERE])
        lines = [json.loads(line) for line in (output / "fields.jsonl").read_bytes().splitlines()]
        wrong = list(differences(output, lines))
        pages = len(list(output.rglob("*.html")))
    print(f"crawled and extracted in {cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU")
    blocks = sum(len(line["code"]) for line in lines)
    print(f"{len(lines)} lines of {pages} pages, {blocks} blocks of code, {len(wrong)} fields not as lxml's")
    for each in wrong[:20]:
        print(f"  {each}")
    well = not wrong and len(lines) == pages
    print("as lxml reads it" if well else "NOT AS LXML READS IT")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
