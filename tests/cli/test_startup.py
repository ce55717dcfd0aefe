"""A run imports what its manifest needs, and nothing of the job types that it does not name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import manifest
from tests.conftest import RunCrawler, crawler_environment
from tests.server import Server
from tests.test_layers import ROOT

DOWNLOAD = '{{name: a, type: download, urls: ["{url}"]}}'
REQUEST = '{{name: a, type: request, url: "{url}"}}'
CRAWL = '{{name: a, type: crawl, start: "{url}", robots: false}}'

_IMPORTED = re.compile(r"^import time:.*\| +(\S+)$", re.MULTILINE)


def imported(folder: Path, home: Path, *args: str | Path) -> set[str]:
    """Every module that the command imports, until it has ended well."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "crawler", *args],
        cwd=folder,
        env=crawler_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(_IMPORTED.findall(done.stderr))


def below(modules: set[str], *roots: str) -> set[str]:
    return {each for each in modules if any(each == root or each.startswith(f"{root}.") for root in roots)}


@pytest.fixture
def url(threaded_server: Server) -> str:
    return threaded_server.url("/file/1000")


TYPES = {f"crawler.job_types.{name}" for name in ("download", "request", "upload", "crawl", "websocket")}


@pytest.mark.parametrize(
    ("job", "needed"),
    [
        pytest.param(DOWNLOAD, "download", id="download"),
        pytest.param(REQUEST, "request", id="request"),
    ],
)
def test_a_run_without_a_crawl_imports_nothing_of_crawls_and_of_other_types(
    tmp_path: Path, home: Path, url: str, job: str, needed: str
) -> None:
    path = manifest(tmp_path, f"  - {job.format(url=url)}")
    modules = imported(tmp_path, home, "run", path, "-o", "out", "--progress", "none")
    assert modules & TYPES == {f"crawler.job_types.{needed}"}
    strangers = below(
        modules,
        *("crawler.pages", "crawler.job_types.crawling", "crawler.store.warc", "crawler.demo"),
        *("crawler.manifest.reading", "crawler.policy.canonical", "crawler.policy.scope"),
        *("lxml", "selectolax", "charset_normalizer", "jmespath", "pyarrow", "protego", "publicsuffixlist"),
        *("tqdm", "jinja2"),
    )
    assert strangers == set()


def test_a_crawl_imports_no_archive_and_no_converter_of_links_that_it_was_not_asked_for(
    tmp_path: Path, home: Path, url: str
) -> None:
    path = manifest(tmp_path, f"  - {CRAWL.format(url=url)}")
    modules = imported(tmp_path, home, "run", path, "-o", "out", "--progress", "none")
    assert modules & TYPES == {"crawler.job_types.crawl"}
    assert (
        below(modules, "crawler.store.warc.archive", "crawler.pages.rewriting", "lxml", "jmespath") == set()
    )


def test_help_imports_no_loop_and_no_models(tmp_path: Path, home: Path) -> None:
    modules = imported(tmp_path, home, "--help")
    assert below(modules, "asyncio", "pydantic", "aiohttp", "yaml", "crawler.job_types") == set()


def test_the_child_on_the_second_core_imports_what_reads_documents_and_not_the_engine() -> None:
    read = "crawler.engine.second_core_child, crawler.job_types.crawling.documents, crawler.pages.html_links"
    program = f"import sys, {read}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    ours = {each for each in modules if each.startswith("crawler.")}
    heavy = ("asyncio", "pydantic", "aiohttp", "msgspec", "yarl", "crawler.model", "crawler.job_types.base")
    assert below(modules, *heavy) == set()
    assert len(ours) < len(list(ROOT.rglob("*.py"))) / 10


def test_a_plugin_for_pydantic_that_lies_about_is_not_loaded(
    tmp_path: Path, run_crawler: RunCrawler, url: str
) -> None:
    strange = tmp_path / "strange"
    (strange / "lying-1.0.dist-info").mkdir(parents=True)
    (strange / "lying-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lying\nVersion: 1.0\n"
    )
    (strange / "lying-1.0.dist-info" / "entry_points.txt").write_text("[pydantic]\nlying = lying:plugin\n")
    (strange / "lying.py").write_text("raise SystemExit('a plugin was loaded')\n")
    path = manifest(tmp_path, f"  - {DOWNLOAD.format(url=url)}")
    ran = run_crawler("run", path, "-o", "out", cwd=tmp_path, env={"PYTHONPATH": str(strange)})
    assert ran.returncode == 0, ran.stderr


EMBEDDED = """
import sys
import crawler
report = crawler.run(sys.argv[1], output="out")
import aiohttp.connector as its
contexts = its._SSL_CONTEXT_VERIFIED, its._SSL_CONTEXT_UNVERIFIED
print(report.exit_code, *(len(each.get_ca_certs()) for each in contexts))
"""


def test_a_host_programs_aiohttp_keeps_its_authorities(tmp_path: Path, home: Path, url: str) -> None:
    import trustme

    system = tmp_path / "system.pem"
    trustme.CA().cert_pem.write_to_path(str(system))
    path = manifest(tmp_path, f"  - {DOWNLOAD.format(url=url)}")
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED, path],
        cwd=tmp_path,
        env=crawler_environment(home, {"SSL_CERT_FILE": str(system)}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0", "1", "1"]
