"""What the documents say is so: manifests pass the check, commands parse, every key is named."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import BaseModel

from crawler.cli import COMMANDS, cli
from crawler.config import config_json_schema
from crawler.demo.run import site
from crawler.job_types.crawling.extract_spec import ExtractSpec, FieldSpec
from crawler.job_types.crawling.spec import CrawlSpec, ScopeSpec, WarcSpec
from crawler.job_types.download import DownloadSpec
from crawler.job_types.paginate_spec import PaginateSpec
from crawler.job_types.spec import BudgetSpec, JobSpec
from crawler.job_types.table import JOB_TYPES
from crawler.job_types.upload import UploadSpec
from crawler.job_types.websocket import WebSocketSpec
from crawler.manifest.schema import manifest_json_schema
from crawler.model import Outcome
from crawler.syntax import sandbox
from crawler.syntax.fields import HostRuleSpec
from tests.conftest import RunCrawler, crawler_environment
from tests.test_layers import LEVELS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
MANIFEST, OPERATIONS = ROOT / "docs/MANIFEST.md", ROOT / "docs/OPERATIONS.md"
README, ARCHITECTURE = ROOT / "README.md", ROOT / "docs/ARCHITECTURE.md"

# Row files that the manifests in the documents read.
ROWS = {
    "images.csv": "id,image_url\n1,https://example.org/1.png\n",
    "ids.jsonl": '{"id": 1}\n',
    "failed.jsonl": '{"url": "https://example.org/a"}\n',
    "photos.csv": "image_url,album,sha256,mirror_1,mirror_2,page\nhttps://example.org/1.png,a,,,,\n",
    "SHA256SUMS": "",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: which page and line it begins on, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match[1], match[2]))
    return found


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def named(page: Path) -> set[str]:
    """Every word that stands in code on the page."""
    codes = re.findall(r"`([^`\n]+)`", prose(page)) + [block.text for block in blocks() if block.page == page]
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", " ".join(codes)))


def keys(schema: Any) -> set[str]:
    """Every key that a JSON Schema knows, at any depth."""
    if isinstance(schema, list):
        return set().union(*map(keys, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(keys, schema.values()))


def test_every_key_of_a_manifest_is_named() -> None:
    known = keys(manifest_json_schema())
    assert known > {"urls", "mirrors", "until", "sock_read"}
    assert known - named(MANIFEST) == set()


def section(page: Path, title: str) -> str:
    """What stands under a heading, without the sections below it."""
    [found] = re.findall(rf"^#+ {title}$(.*?)(?=^#+ |\Z)", prose(page), re.MULTILINE | re.DOTALL)
    return str(found)


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables in the text, each as its cells."""
    for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]


def own(spec: type[BaseModel]) -> set[str]:
    """The keys that a spec adds to those of every job."""
    fields = {name: field for name, field in spec.model_fields.items() if name not in JobSpec.model_fields}
    return {field.alias or name for name, field in fields.items()}


@pytest.mark.parametrize(
    ("title", "specs"),
    [
        ("download", [DownloadSpec]),
        ("paginate", [PaginateSpec]),
        ("upload", [UploadSpec]),
        ("websocket", [WebSocketSpec]),
        ("crawl", [CrawlSpec]),
        ("scope", [ScopeSpec]),
        ("warc", [WarcSpec]),
        ("extract", [ExtractSpec, FieldSpec]),
        ("Hosts", [HostRuleSpec]),
        ("Budget", [BudgetSpec]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_section_has_a_row_for_each_of_its_keys(title: str, specs: list[type[BaseModel]]) -> None:
    cells = [row[0] for row in rows(section(MANIFEST, title))]
    named_there = set(re.findall(r"`([a-z_]+)`", " ".join(cells)))
    assert set().union(*map(own, specs)) - named_there == set()


def test_the_limits_of_a_scope_are_those_that_the_page_tells() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(section(MANIFEST, "scope"))}
    limits = {key: value for key, value in ScopeSpec() if isinstance(value, int)}
    assert {key: str(value).lower() for key, value in limits.items()} == {key: told[key] for key in limits}
    assert ScopeSpec().hosts == (told["hosts"],)


def test_every_key_of_the_config_is_named() -> None:
    known = keys(config_json_schema())
    assert known > {"per_host", "client_cert"}
    assert known - named(OPERATIONS) == set()


def test_every_job_type_outcome_filter_and_method_is_named() -> None:
    filters = sandbox._PLAIN_FILTERS | set(sandbox._GUARDED_FILTERS)
    methods = sandbox._METHODS | sandbox._PADDING
    assert {*JOB_TYPES, *Outcome, *filters, *methods} - named(MANIFEST) == set()


def test_every_command_and_every_flag_is_named() -> None:
    text = OPERATIONS.read_text()
    missing = []
    for name, (_, load) in COMMANDS.items():
        if f"`crawler {name}" not in text:
            missing.append(name)
        for option in load().params:
            flags = [flag for flag in option.opts if isinstance(option, click.Option)]
            if flags and not any(re.search(rf"`{flag}\b|, `{flag}|'{flag} ", text) for flag in flags):
                missing.append(f"{name} {'/'.join(flags)}")
    assert missing == []


def test_every_room_is_described_and_every_file_that_is_named_exists() -> None:
    text = ARCHITECTURE.read_text()
    assert [room for room in LEVELS if room not in text and room != "__init__"] == []
    files = set(re.findall(r"\w[\w/.]*\.(?:py|sql|yaml)\b", text))
    everything = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if ".venv" not in str(path)]
    assert [name for name in files if not any(f"/{path}".endswith(f"/{name}") for path in everything)] == []


def test_every_manifest_in_the_documents_passes_the_check(tmp_path: Path, run_crawler: RunCrawler) -> None:
    manifests = [b for b in blocks() if b.language == "yaml" and b.text.startswith("version: 1")]
    assert {block.page for block in manifests} >= {README, MANIFEST}
    for name, rows in ROWS.items():
        (tmp_path / name).write_text(rows)
    paths = []
    for block in manifests:
        path = tmp_path / f"{block.page.stem}-{block.line}.yaml"
        path.write_text(block.text)
        paths.append(path)
    ran = run_crawler("check", *paths, env={"HOOK_TOKEN": "not-a-real-one"})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("block", [b for b in blocks() if b.language in ("yaml", "json")], ids=str)
def test_other_yaml_and_json_is_well_formed(block: Block) -> None:
    if block.language == "yaml":
        assert yaml.safe_load(block.text)
    elif block.text.startswith("{\n"):
        assert json.loads(block.text)
    else:
        assert all(json.loads(line) for line in block.text.splitlines())


def commands() -> Iterator[tuple[str, str]]:
    """Every command line that calls the program, and where it stands."""
    pattern = re.compile(rf"(?:^|(?<=[\s/`]))crawler ((?:{'|'.join(COMMANDS)})\b[^`\n]*)", re.MULTILINE)
    for page in PAGES:
        text = page.read_text()
        for match in pattern.finditer(text):
            inside = match[0] + text[match.end() : match.end() + 1]
            line = text.count("\n", 0, match.start()) + 1
            if inside.endswith("`") or _in_block(page, line):
                yield f"{page.name}:{line}", re.split(r'[&;|"]|  ', match[1])[0].strip()


def _in_block(page: Path, line: int) -> bool:
    shells = ("sh", "crontab", "ini")
    return any(
        block.page == page
        and block.language in shells
        and block.line < line <= block.line + block.text.count("\n")
        for block in blocks()
    )


def test_every_command_line_parses() -> None:
    wrong, seen = [], set()
    context = click.Context(cli)
    for place, line in commands():
        name, *arguments = shlex.split(line)
        seen.add(name)
        if not arguments and name != "demo":
            continue  # the command's name alone, in a sentence
        command = cli.get_command(context, name)
        assert command is not None
        try:
            command.make_context(name, arguments, parent=context)
        except click.ClickException as error:
            wrong.append(f"{place}: crawler {line}: {error.format_message()}")
    assert wrong == []
    assert seen == set(COMMANDS)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_fits_a_screen(page: Path) -> None:
    long = [line for line in prose(page).splitlines() if len(line) > 120 and not line.startswith("|")]
    assert long == []


def test_readme_and_operations_tell_the_same_exit_codes() -> None:
    def codes(page: Path) -> list[str]:
        table = page.read_text().partition("| code |")[2].partition("\n\n")[0]
        return re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)

    assert codes(README) == codes(OPERATIONS) != []


def test_the_python_of_the_readme_runs(tmp_path: Path, home: Path) -> None:
    [block] = [block for block in blocks() if block.page == README and block.language == "python"]
    with site(port=0) as base:
        jobs = f"[{{name: a, type: download, urls: ['{base}/files/hello.txt', '{base}/files/absent.txt']}}]"
        (tmp_path / "nightly.yaml").write_text(f"version: 1\njobs: {jobs}\n")
        done = subprocess.run(
            [sys.executable, "-c", block.text],
            cwd=tmp_path,
            env=crawler_environment(home),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == "4 1 1"
    assert second.startswith(f"{base}/files/absent.txt http_status ")
