"""What is wrong with paginate is told where it stands, before anything is sent."""

from __future__ import annotations

import pytest

from tests.manifest.conftest import Desk

LIST = "version: 1\njobs:\n  - name: list\n    type: request\n    url: https://example.org/o\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "paginate: {page: {param: p}}",
            "6:15: 'page' ends at the first page without items, so it needs 'items'",
        ),
        ("paginate: {offset: {param: o, limit: 5}}", "6:15: 'offset' ends at the first page without items"),
        (
            "paginate: {next: link, page: {param: p}, items: d}",
            "6:15: expected one way to the next page, found 'next'",
        ),
        ("paginate: {next: 'a['}", "6:22: not a JMESPath expression: 'a['"),
        ("paginate: {items: 'a.'}", "6:23: not a JMESPath expression: 'a.'"),
        ("paginate: {cursor: {jmespath: '', param: c}}", "6:35: expected at least 1 character"),
        ("paginate: {cursor: {jmespath: a}}", "6:24: missing key 'param'"),
        (
            "paginate: {cursor: {jmespath: a, param: c, in: body}}",
            "6:52: expected 'query' or 'json', found 'body'",
        ),
        ("paginate: {cursor: {jmespath: a, param: c, in: json}}", "6:15: a cursor with 'in: json' goes into"),
        ("paginate: {max_pages: 0}", "6:27: expected"),
        ("paginate: {max_page: 3}", "6:16: unknown key 'max_page'; did you mean 'max_pages'?"),
        ("paginate: {page: {param: p, start: -1}, items: d}", "6:40: expected"),
        ("paginate: {offset: {param: o, limit: 0}, items: d}", "6:42: expected"),
        ("paginate: {items: '${row.items}'}", "6:23: expected"),
        ("paginate: link", "6:15: expected"),
        ("capture: {a: b}\n    paginate: {items: d}", "7:15: 'capture' takes values out of one answer"),
        ("paginate: {items: d}\n    capture: {a: b}", "6:15: 'capture' takes values out of one answer"),
        ("method: HEAD\n    paginate: {items: d}", "7:15: the answer to HEAD has no body"),
        ("method: HEAD\n    save: a\n    paginate: {}", "8:15: the answer to HEAD has no body"),
    ],
)
def test_a_mistake_is_told_where_it_stands(desk: Desk, line: str, problem: str) -> None:
    [found] = desk.problems(f"{LIST}    {line}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "line",
    [
        "paginate: {}",
        "paginate: null",
        "paginate: {next: links.next}",
        "method: HEAD\n    paginate: {}",
        "paginate: {page: {param: p, start: 0}, items: '@'}",
        "json: {a: '${job}'}\n    paginate: {cursor: {jmespath: a, param: b.c, in: json}}",
        "paginate: {cursor: {jmespath: 'has_more && data[-1].id', param: after}, items: data, max_pages: 1}",
    ],
)
def test_what_is_right_is_taken(desk: Desk, line: str) -> None:
    assert desk.load(f"{LIST}    {line}\n").jobs[0].name == "list"


def test_a_download_turns_no_pages(desk: Desk) -> None:
    text = "version: 1\njobs:\n  - {name: a, type: download, urls: ['https://h/'], paginate: {}}\n"
    [found] = desk.problems(text)
    assert "unknown key 'paginate'" in found
