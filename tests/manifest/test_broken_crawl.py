"""What is wrong with a crawl is told before the first request: words, patterns, queries, targets."""

from __future__ import annotations

import pytest

from tests.manifest.conftest import Desk

CRAWL = "version: 1\njobs:\n  - name: site\n    type: crawl\n    start: https://example.org/\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scope: {hosts: same_host}", "6:20: unknown word 'same_host'; did you mean 'same-host'?"),
        (
            "scope: {hosts: [any, Same-Domain]}",
            "6:26: unknown word 'Same-Domain'; did you mean 'same-domain'?",
        ),
        ("scope: {dept: 3}", "6:13: unknown key 'dept'; did you mean 'depth'?"),
        ("scope: {drop_parameters: 'a b'}", "6:30: 'a b' is no parameter name"),
        ("to: ../${name}", "6:9: target '../index.html' climbs out of the output root"),
        ("to: ${row.id}.html", "6:9: ${row.id}: unknown name 'row'; expected one of"),
        ("warc: {folder: ../w}", "6:20: target '../w' climbs out of the output root"),
        ("warc: {max_byte: 1GiB}", "6:12: unknown key 'max_byte'; did you mean 'max_bytes'?"),
        ("extract: {to: ../e.jsonl, fields: {a: h1}}", "6:19: target '../e.jsonl' climbs out"),
        ("extract: {fields: {a: 'h1['}}", "6:27: not a CSS selector: 'h1['"),
        ("extract: {fields: {a: {jmespath: 'a['}}}", "6:27: not a JMESPath expression: 'a['"),
        ("extract: {fields: {a: {attribute: href}}}", "6:27: expected exactly one of 'css' and 'jmespath'"),
        ("extract: {fields: {title: h1, url: h2}}", "6:35: a field cannot be named 'url'"),
        ("extract: {fields: {url: {css: a, type: url}}}", "6:24: a field cannot be named 'url'"),
        ("extract: {fields: {}}", "6:23: expected at least 1 item, found 0"),
        ("sitemaps: ['${row.id}']", "6:16: expected text, found the template '${row.id}'"),
    ],
)
def test_a_mistake_in_a_crawl_is_told_where_it_stands(desk: Desk, line: str, problem: str) -> None:
    [found] = desk.problems(f"{CRAWL}    {line}\n")
    assert found.startswith(problem)


def test_a_wrong_start_url_is_told_once(desk: Desk) -> None:
    text = CRAWL.replace("https://example.org/", "[ftp://example.org/]")
    assert desk.problems(text) == ["5:13: scheme 'ftp' is not supported here; expected http, https"]


def test_a_host_of_one_word_is_a_host_pattern_like_any_other(desk: Desk) -> None:
    loaded = desk.load(f"{CRAWL}    scope: {{hosts: [intranet, '*.example.org', localhost:8080]}}\n")
    assert [job.name for job in loaded.jobs] == ["site"]


def test_a_folder_and_a_file_may_be_named_after_the_job(desk: Desk) -> None:
    lines = ["warc: {folder: 'w/${job}'}", "extract: {to: '${job}/x.jsonl', fields: {a: h1}}"]
    spec = desk.load(CRAWL + "".join(f"    {line}\n" for line in lines)).jobs[0].spec
    assert (spec.warc.folder, spec.extract.to) == ("w/site", "site/x.jsonl")
