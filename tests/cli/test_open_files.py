"""A low limit of open files costs speed, and one warning, and no task."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import finals, manifest, started
from tests.server import ThreadedServer

HOSTS = 1000


def limited(files: int) -> tuple[str, ...]:
    return ("sh", "-c", f'ulimit -n {files}; exec "$@"', "-")


@pytest.mark.parametrize("workers", [16, 256])
def test_a_thousand_hosts_with_64_open_files(tmp_path: Path, workers: int) -> None:
    with ThreadedServer("0.0.0.0") as server:
        rows = [f"http://127.0.{n // 250}.{n % 250 + 1}:{server.port}/file/100/{n}" for n in range(HOSTS)]
        (tmp_path / "urls.txt").write_text("\n".join(rows))
        path = manifest(tmp_path, "  - {name: a, type: download, from: urls.txt, to: '${host}/f'}")
        with started(
            "run", path, "-o", "out", "--workers", str(workers), "--json", cwd=tmp_path, wrapper=limited(64)
        ) as process:
            out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    totals = json.loads(out.splitlines()[-1])["totals"]
    assert (totals["new"], totals["retries"]) == (HOSTS, 0)
    assert len(finals(tmp_path / "out")) == HOSTS
    assert err.count("warning") == 1
    assert re.search(rf"limit of 64 open files allows \d+ tasks at once, not {workers} \(workers\)", err)


def test_processes_leave_the_first_one_open_files_to_work_with(tmp_path: Path) -> None:
    with ThreadedServer("0.0.0.0") as server:
        rows = [f"http://127.0.0.{n + 1}:{server.port}/file/100/{n}" for n in range(50)]
        (tmp_path / "urls.txt").write_text("\n".join(rows))
        segments = "{name: b, type: download, from: urls.txt, segments: 4, to: 'b/${index}/f'}"
        jobs = f"  - {{name: a, type: download, from: urls.txt, to: 'a/${{index}}/f'}}\n  - {segments}"
        path = manifest(tmp_path, jobs)
        with started(
            "run", path, "-o", "out", "--processes", "30", "--json", cwd=tmp_path, wrapper=limited(64)
        ) as process:
            out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    totals = json.loads(out.splitlines()[-1])["totals"]
    assert (totals["new"], totals["retries"]) == (100, 0)
    assert re.search(r"limit of 64 open files allows \d+ process(es)?, not 30", err)


PROGRAM = """
import asyncio, os, resource, sys, uvloop
from pathlib import Path
from crawler.request import Request
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.policy import urls
from crawler.store.output import OutputRoot

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

async def main():
    files = OutputRoot(Path("out"), durability="none", chunk_size=1024, journal=None)
    transport = AiohttpTransport(TransportSettings())  # knows of no limit
    files.on_shortage(transport.close_idle)

    async def fetch(url):
        async with transport.open(Request(url=url), slot=urls.slot(url)) as response:
            return len(b"".join([chunk async for chunk in response.chunks()]))

    base = sys.argv[1]
    fetched = await asyncio.gather(*(fetch(base % (number + 1)) for number in range(200)))
    assert fetched == [2000] * 200, fetched
    for number in range(20):  # one by one, so that this many are idle now
        await fetch(base % (number + 1))
    taken = []
    while True:
        try:
            taken.append(os.dup(0))
        except OSError:
            break
    assert transport.connections > 10, transport.connections
    parts = []
    for number in range(4):
        part = await files.open(f"{number}/f", job="a", key=str(number))
        await part.write(bytes(5000))
        await part.checkpoint()
        parts.append(part)
    for part in parts:
        await part.finish(replace=False)
    await asyncio.sleep(0.05)
    assert await fetch(base % 1) == 2000
    await transport.close()
    for fd in taken:
        os.close(fd)
    files.close()

for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    for number in range(4):
        os.unlink(f"out/{number}/f")
print("done")
"""


def test_where_the_count_is_wrong_idle_connections_are_closed_and_it_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with ThreadedServer("0.0.0.0") as server:
        url = f"http://127.0.0.%d:{server.port}/file/2000"
        done = subprocess.run(
            [sys.executable, "program.py", url],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "done\n", done.stderr
