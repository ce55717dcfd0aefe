"""Vars, environment, date and matrix: what ``${…}`` stands for when a manifest loads."""

from __future__ import annotations

import pickle

import pytest

from crawler.manifest.manifest import Manifest
from tests.manifest.conftest import Desk


def urls(manifest: Manifest) -> list[object]:
    return [entry.url for job in manifest.jobs for entry in job.spec.urls]


def test_names_stand_for_vars_environment_date_and_job(desk: Desk) -> None:
    desk.environ = {"HOST": "example.org\n"}
    manifest = desk.load(
        """\
        version: 1
        vars: {base: "https://${env.HOST}", deep: "${base}/d", n: 3}
        jobs:
          - name: a
            type: download
            urls: ["${deep}/${vars.n}/${today}/${job}", "${base}/$${x}"]
        """
    )
    assert urls(manifest) == ["https://example.org/d/3/2024-03-09/a", "https://example.org/${x}"]
    assert manifest.values == {"base": "https://example.org", "deep": "https://example.org/d", "n": 3}


def test_a_value_keeps_its_kind_where_the_whole_text_is_one_expression(desk: Desk) -> None:
    manifest = desk.load(
        """\
        version: 1
        vars: {tries: 7, on: true, body: {a: [1, x]}}
        jobs:
          - {name: a, type: post, url: "https://x/", retry: {attempts: "${tries}"}, json: "${body}"}
          - {name: b, type: post, url: "https://x/", enabled: "${not on}"}
        """
    )
    (job,) = manifest.jobs
    assert job.retry.attempts == 7
    assert job.spec.json_ == {"a": [1, "x"]}


def test_set_replaces_a_var_even_one_that_has_no_value(desk: Desk) -> None:
    text = """\
        version: 1
        vars: {day: "${env.NOPE}", next: "${day}+1"}
        jobs: [{name: a, type: download, urls: ["https://x/${day}/${next}"]}]
        """
    assert urls(desk.load(text, settings={"day": "mon"})) == ["https://x/mon/mon+1"]
    found = desk.problems(text, settings={"dya": "mon"})
    assert found[-1] == "0:0: --set dya: the manifest has no such var; did you mean 'day'?"


@pytest.mark.parametrize(
    ("vars_", "expected"),
    [
        ("{a: '${b}', b: 1}", "2:11: var 'b' stands below; a var can use only the vars above it"),
        ("{a: '${b}', b: '${a}'}", "2:11: var 'b' stands below; a var can use only the vars above it"),
        ("{a: '${a}'}", "2:11: var 'a' cannot use itself"),
        ("{a: '${vars.a}'}", "2:11: var 'a' cannot use itself"),
        ("{a: '${row.x}'}", "2:11: ${row.x}: unknown name 'row'"),
        ("{a: '${env}'}", "2:11: ${env} is no value; expected the name of a variable, as in ${env.HOME}"),
        ("{a: {b: ['${env}']}}", "2:16: ${env} is no value"),
        ("{a: '${oops'}", "2:11: '${' is never closed by '}'"),
    ],
)
def test_a_var_that_cannot_have_a_value_is_reported_where_it_stands(
    desk: Desk, vars_: str, expected: str
) -> None:
    found = desk.problems(
        f"version: 1\nvars: {vars_}\njobs: [{{name: x, type: download, urls: ['https://x/${{a}}']}}]\n"
    )
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_all_vars_at_once_are_no_value_while_one_of_them_has_none(desk: Desk) -> None:
    found = desk.problems("version: 1\nvars: {a: 1, auth: '${vars.b}'}\nhosts: {x: '${vars}'}\njobs: []\n")
    assert [problem.partition(" ")[0] for problem in found] == ["2:20:", "4:7:"]


def test_what_differs_from_task_to_task_stays_a_template_with_known_values_put_in(desk: Desk) -> None:
    desk.environ = {"KEY": "k3y-value"}
    manifest = desk.load(
        """\
        version: 1
        vars: {base: b}
        jobs: [{name: a, type: download, urls: [https://x/], to: "${base}-${env.KEY}-${stem}"}]
        """
    )
    to = pickle.loads(pickle.dumps(manifest.jobs[0].spec.to))
    assert to.names == {"stem"}
    assert to.render({"stem": "s"}) == "b-k3y-value-s"
    assert "k3y-value" in manifest.secrets  # KEY in its name


def test_a_matrix_makes_one_job_of_each_combination(desk: Desk) -> None:
    manifest = desk.load(
        """\
        version: 1
        vars: {langs: [en, de]}
        jobs:
          - name: get
            type: download
            matrix: {lang: "${langs}", year: [2024, 2025]}
            urls: ["https://x/${matrix.lang}/${matrix.year}/${job}"]
          - {name: tell, type: post, needs: get, url: "https://x/"}
          - {name: one, type: post, needs: "get (de, 2024)", url: "https://x/"}
        """
    )
    names = ["get (en, 2024)", "get (en, 2025)", "get (de, 2024)", "get (de, 2025)"]
    assert [job.name for job in manifest.jobs] == [*names, "tell", "one"]
    assert manifest.jobs[4].needs == tuple(names)
    assert manifest.jobs[5].needs == ("get (de, 2024)",)
    assert manifest.jobs[1].spec.urls[0].url == "https://x/en/2025/get (en, 2025)"
    assert manifest.jobs[1].spec.name == "get (en, 2025)"


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ("{a: [1, 1]}", "19: matrix.a holds 1 twice"),
        ("{a: []}", "15: matrix.a is empty"),
        ("{a: [[1]]}", "16: expected text or a number, found a list"),
        ("[a]", "11: expected a mapping of names to lists of values, found a list"),
        (
            "{" + ", ".join(f"k{i}: [0,1,2,3,4,5,6,7,8,9]" for i in range(5)) + "}",
            "11: 100000 combinations; at most 10000 are allowed",
        ),
    ],
)
def test_a_matrix_that_makes_no_sense_is_refused(desk: Desk, matrix: str, expected: str) -> None:
    found = desk.problems(
        f"version: 1\njobs:\n- name: a\n  matrix: {matrix}\n  type: download\n  urls: [https://x/]\n"
    )
    assert len(found) == 1
    assert found[0].startswith(f"4:{expected}")


def test_jobs_of_a_matrix_that_write_one_file_are_refused(desk: Desk) -> None:
    found = desk.problems(
        "version: 1\njobs:\n- {name: a, type: download, matrix: {x: [1, 2]}, urls: [https://x/], to: same}\n"
    )
    assert len(found) == 1
    assert "target 'same' is also one of job 'a (1)'" in found[0]


def test_a_variable_that_is_missing_is_found_even_in_an_expression_that_waits_for_its_task(
    desk: Desk,
) -> None:
    job = "jobs: [{name: x, type: download, urls: ['https://x/'], to: '%s'}]\n"
    found = desk.problems("version: 1\n" + job % "${env.NOPE ~ stem}")
    assert found == ["2:60: ${env.NOPE ~ stem}: the environment variable NOPE is not set"]
    assert len(desk.load("version: 1\n" + job % "${(env.NOPE | default(stem)) ~ stem}").jobs) == 1
