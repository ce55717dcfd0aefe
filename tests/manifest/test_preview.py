"""The preview of a run takes tasks in the order of a run, so that both give the same names."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import crawler
from crawler import app
from crawler.job_types.base import READ_AHEAD, Fetch, Misfit
from crawler.manifest.preview import Foreseen, Preview
from crawler.options import chosen
from tests.server import ThreadedServer


@contextmanager
def previewed(path: Path) -> Iterator[Preview]:
    with app.preview(app.prepare(chosen(path, output=path.parent / "out"))) as found:
        yield found


def name(foreseen: Foreseen) -> tuple[str, str, str | None]:
    item = foreseen.item
    assert not isinstance(item, Fetch)
    return item.job, item.key, None if isinstance(item, Misfit) else item.target


def written(folder: Path, jobs: str) -> Path:
    path = folder / "m.yaml"
    path.write_text(f"version: 1\njobs:\n{jobs}")
    return path


def test_a_job_joins_in_once_those_it_needs_were_read(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"http://a.example/{n}\n" for n in range(READ_AHEAD + 36)))
    path = written(
        tmp_path,
        '  - {name: last, type: request, needs: long, url: "http://a.example/"}\n'
        "  - {name: long, type: request, from: long.txt}\n"
        '  - {name: short, type: request, url: "http://a.example/"}\n',
    )
    with previewed(path) as found:
        jobs = [foreseen.job.name for foreseen in found]
    assert jobs == ["long"] * READ_AHEAD + ["short"] + ["long"] * 36 + ["last"]


def test_a_job_that_is_left_is_read_no_further(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"http://a.example/{n}\n" for n in range(100)))
    path = written(
        tmp_path,
        "  - {name: long, type: request, from: long.txt}\n"
        '  - {name: last, type: request, needs: long, url: "http://a.example/"}\n',
    )
    seen = []
    with previewed(path) as found:
        for foreseen in found:
            seen.append(foreseen.job.name)
            if len(seen) == 3:
                found.leave(foreseen.job)
    assert seen == ["long"] * 3 + ["last"]


@pytest.mark.parametrize("seed", range(3))
def test_names_are_those_that_a_run_gives(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    letters = ["a", "A", "é", "e\u0301", "É", "ss", "ß", "con", "x.tar.gz"]
    with ThreadedServer() as server:
        jobs = ""
        for job in ("one", "two", "three"):
            rows = [
                f"{server.url('/file/1')}?{n},{chance.choice(letters)}{chance.choice(letters)}{chance.randrange(3)}"
                for n in range(chance.randrange(20, 160))
            ]
            (tmp_path / f"{job}.csv").write_text("\n".join(["url,to", *rows, "bad", ""]))
            jobs += f"  - {{name: {job}, type: download, from: {{file: {job}.csv, to: to}}}}\n"
        path = written(tmp_path, jobs)
        with previewed(path) as found:
            foreseen = sorted(map(name, found), key=str)
        crawler.run(path, output=tmp_path / "out", events=tmp_path / "e")
    done = [json.loads(line) for line in (tmp_path / "e").read_text().splitlines()]
    assert foreseen == sorted(((each["job"], each["task"], each["path"]) for each in done), key=str)
    assert any("~" in key for _, key, _ in foreseen)
    assert any("#" in key for _, key, _ in foreseen)
