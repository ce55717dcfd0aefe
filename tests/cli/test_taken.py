"""Uploads of what an earlier job of the run has brought, seen by the server that gets them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.running import manifest
from tests.conftest import RunCrawler
from tests.server import Server


def test_the_files_of_every_combination_of_a_matrix_are_sent(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    base = threaded_server.base
    path = manifest(
        tmp_path,
        f"""\
  - {{name: get, type: download, matrix: {{n: [1, 2]}}, urls: ["{base}/file/${{matrix.n}}"]}}
  - {{name: up, type: upload, needs: get, url: "{base}/echo/${{name}}", files: {{job: get}}, as: raw}}
""",
    )
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert sorted(seen.path for seen in threaded_server.log if seen.method == "PUT") == ["/echo/1", "/echo/2"]
