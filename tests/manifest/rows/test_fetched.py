"""Rows that come from a URL: told as something to fetch, read once it is there."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler.job_types.base import Fetch, Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.plan import Plan
from crawler.manifest.preview import Preview
from crawler.model import Task
from crawler.policy.hosts import HostRules
from crawler.request import Auth
from tests.manifest.rows.reading import download, sources, told
from tests.manifest.rows.samples import SHA

Answers = dict[str, bytes]


def index(*urls: str) -> bytes:
    inside = "".join(f"<sitemap><loc>{url}</loc></sitemap>\n" for url in urls)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{inside}</sitemapindex>'.encode()


def urlset(*urls: str) -> bytes:
    inside = "".join(f"<url><loc>{url}</loc></url>\n" for url in urls)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{inside}</urlset>'.encode()


def run(
    folder: Path, from_: object, answers: Answers, **keys: Any
) -> tuple[list[Fetch], list[Task | Misfit]]:
    """What was fetched, as an engine does it, and what the job came to."""
    made: Iterator[Task | Misfit | Fetch] = iter(
        JOB_TYPES["download"].tasks(download(folder, from_, **keys), sources(folder))
    )
    fetched, found = [], []
    for item in made:
        if isinstance(item, Fetch):
            fetched.append(item)
            if item.url in answers:
                item.into.parent.mkdir(exist_ok=True)
                item.into.write_bytes(answers[item.url])
        else:
            found.append(item)
    return fetched, found


def test_a_list_at_a_url_is_fetched_with_the_jobs_headers_and_then_read(tmp_path: Path) -> None:
    url = "https://a.example/list.csv.gz?v=1"
    fetched, found = run(
        tmp_path,
        url.replace("//", "//me:pw@"),
        {url: gzip.compress(b"url,id\nhttp://h/1,one\n")},
        headers={"X-Key": "k", "X-Row": "${row.id}"},
        params={"page": "1"},
    )
    (fetch,) = fetched
    assert fetch.request.headers == (("X-Key", "k"),)
    assert fetch.request.params == (("page", "1"),)
    assert fetch.request.auth == Auth("basic", "me", "pw")
    assert fetch.into.parent == tmp_path / "spool"
    assert pickle.loads(pickle.dumps(fetch)) == fetch
    (task,) = found
    assert isinstance(task, Task)
    assert (task.url, task.ordinal) == ("http://h/1", 0)
    assert ("X-Row", "one") in task.request.headers


def test_a_plan_fetches_nothing_and_says_that_it_cannot_count(tmp_path: Path) -> None:
    job = download(tmp_path, "https://a.example/list.txt")
    plan = Plan([job], HostRules([], concurrency=4))
    for foreseen in Preview([job], sources(tmp_path), str, lambda *_: None):
        plan.add(foreseen)
    (planned,) = plan.jobs
    assert (planned.open, planned.tasks, planned.fetches) == (True, 0, ["https://a.example/list.txt"])
    assert not (tmp_path / "spool").exists()


def test_a_file_that_could_not_be_fetched_brings_nothing(tmp_path: Path) -> None:
    fetched, found = run(tmp_path, "https://a.example/list.txt", {})
    assert (len(fetched), found) == (1, [])


def test_an_index_leads_to_its_sitemaps_and_numbers_go_on(tmp_path: Path) -> None:
    site = "https://a.example/"
    answers = {
        f"{site}sitemap.xml": index(f"{site}1.xml", f"{site}gone.xml", f"{site}2.xml.gz", f"{site}1.xml"),
        f"{site}1.xml": urlset(f"{site}a", f"{site}b"),
        f"{site}2.xml.gz": gzip.compress(urlset(f"{site}c")),
    }
    fetched, found = run(tmp_path, f"{site}sitemap.xml", answers)
    assert [fetch.url.removeprefix(site) for fetch in fetched] == [
        "sitemap.xml",
        "1.xml",
        "gone.xml",
        "2.xml.gz",
    ]
    assert [(item.ordinal, told(item).removeprefix(site)) for item in found] == [(0, "a"), (1, "b"), (2, "c")]


def test_a_local_index_leads_to_urls_too(tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_bytes(index("https://a.example/1.xml"))
    fetched, found = run(tmp_path, "sitemap.xml", {"https://a.example/1.xml": urlset("https://a.example/a")})
    assert [fetch.url for fetch in fetched] == ["https://a.example/1.xml"]
    assert [told(item) for item in found] == ["https://a.example/a"]


def test_a_sitemap_at_another_origin_gets_no_credentials(tmp_path: Path) -> None:
    start = "https://a.example/sitemap.xml"
    answers = {start: index("https://a.example/1.xml", "https://evil.example/2.xml")}
    fetched, _ = run(tmp_path, start, answers, headers={"X-Key": "k"}, auth={"token": "t"})
    assert [(fetch.request.headers, fetch.request.auth) for fetch in fetched] == [
        ((("X-Key", "k"),), Auth("bearer", "", "t")),
        ((("X-Key", "k"),), Auth("bearer", "", "t")),
        ((), None),
    ]


def test_rings_and_endless_levels_of_indexes_end(tmp_path: Path) -> None:
    ring = {"https://a.example/a.xml": index("https://a.example/b.xml")}
    ring["https://a.example/b.xml"] = index("https://a.example/a.xml", "https://a.example/b.xml")
    fetched, found = run(tmp_path, "https://a.example/a.xml", ring)
    assert [fetch.url for fetch in fetched] == list(ring)
    assert found == []
    deep = {f"https://a.example/{n}.xml": index(f"https://a.example/{n + 1}.xml") for n in range(50)}
    fetched, found = run(tmp_path, "https://a.example/0.xml", deep)
    assert len(fetched) == 6
    assert [told(item) for item in found] == [
        "https://a.example/5.xml:2: more than 5 levels; https://a.example/6.xml is left out"
    ]


def test_an_address_that_no_request_can_have_is_a_located_failure(tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_bytes(index("ftp://a.example/1.xml", "https://[/"))
    _, found = run(tmp_path, "sitemap.xml", {})
    assert [told(item).partition(": ")[0] for item in found] == ["sitemap.xml:2", "sitemap.xml:3"]


def test_names_in_a_fetched_checksum_file_are_urls_beside_it(tmp_path: Path) -> None:
    url = "https://a.example/pub/SHA256SUMS"
    _, (task,) = run(tmp_path, url, {url: f"{SHA}  sub/a b#1.iso\n".encode()})
    assert isinstance(task, Task)
    assert task.url == "https://a.example/pub/sub/a%20b%231.iso"
    assert str(task.checksum) == f"sha256:{SHA}"  # type: ignore[attr-defined]


def test_a_page_that_is_not_found_is_a_located_failure(tmp_path: Path) -> None:
    url = "https://a.example/sitemap.xml"
    _, found = run(tmp_path, url, {url: b"<!DOCTYPE html><html><body>404</body></html>"})
    assert [told(item) for item in found] == [f"{url}:1: a document type declaration (DTD) is not accepted"]
