"""Which proxy a run's requests go through, each seen in who was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import manifest
from tests.conftest import RunCrawler
from tests.server import Server

DEAD = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("head", "keys", "variables"),
    [
        ("", ", proxy: null", {}),
        ("defaults: {proxy: null}", "", {}),
        ('hosts: {"127.0.0.1": {proxy: null}}', "", {}),
        ("", "", {"CRAWLER_PROXY": "null"}),
        ("", f', proxy: "{DEAD}"', {"CRAWLER_PROXY": "null"}),
    ],
)
def test_no_proxy_means_none_though_the_config_has_one(
    head: str,
    keys: str,
    variables: dict[str, str],
    threaded_server: Server,
    tmp_path: Path,
    run_crawler: RunCrawler,
) -> None:
    (tmp_path / "c.yaml").write_text(f"proxy: {DEAD}\nretry: {{attempts: 1}}\n")
    job = f'  - {{name: a, type: download, urls: ["{threaded_server.url("/file/10")}"], to: a{keys}}}'
    path = manifest(tmp_path, job, head=head or "defaults: {}")
    ran = run_crawler("run", path, "-o", "out", "-c", "c.yaml", "-q", env=variables)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_proxy_of_the_config_carries_every_kind_of_request(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "c.yaml").write_text(f"proxy: {threaded_server.base}\n")
    path = manifest(
        tmp_path,
        """\
  - {name: get, type: download, urls: ["http://127.0.0.2/file/10"], to: got.txt}
  - {name: ask, type: post, url: "http://127.0.0.3/echo", json: {}}
  - {name: send, type: upload, needs: [get], url: "http://127.0.0.4/echo", files: got.txt}
  - {name: walk, type: crawl, start: "http://127.0.0.5/echo", scope: {max_pages: 1}}
""",
    )
    run_crawler("run", path, "-o", "out", "-c", "c.yaml")
    hosts = {seen.target.split("/")[2] for seen in threaded_server.log}
    assert hosts == {f"127.0.0.{n}" for n in range(2, 6)}
    assert "http://127.0.0.5/robots.txt" in {seen.target for seen in threaded_server.log}
