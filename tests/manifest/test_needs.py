"""Which job waits for which, and which jobs run at all."""

from __future__ import annotations

import pytest

from tests.manifest.conftest import Desk

POST = "type: post, url: 'https://x/'"


def test_needs_are_a_name_or_a_list_of_names(desk: Desk) -> None:
    manifest = desk.jobs(
        f"- {{name: a, {POST}}}\n- {{name: b, {POST}, needs: a}}\n- {{name: c, {POST}, needs: [b, a]}}"
    )
    assert [job.needs for job in manifest.jobs] == [(), ("a",), ("b", "a")]
    assert [job.ordinal for job in manifest.jobs] == [0, 1, 2]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (
            f"- {{name: aa, {POST}, needs: [ab]}}\n- {{name: abc, {POST}}}",
            "there is no job 'ab' to wait for; did",
        ),
        (f"- {{name: a, {POST}, needs: [zzz]}}", "there is no job 'zzz' to wait for; the jobs are a"),
        (f"- {{name: a, {POST}, needs: [a]}}", "jobs wait for each other: a → a"),
        (
            "\n".join(f"- {{name: {name}, {POST}, needs: {need}}}" for name, need in ("ac", "ba", "cb")),
            "jobs wait for each other: a → c → b → a",
        ),
        (
            f"- {{name: a, {POST}, needs: [b]}}\n- {{name: b, {POST}, enabled: false}}",
            "job 'b' is disabled, so nothing can wait for it",
        ),
        (
            f"- {{name: a, {POST}, needs: ['b (9)']}}\n- {{name: b, {POST}, matrix: {{x: [1]}}}}",
            "there is no job 'b (9)' to wait for; did you mean 'b (1)'?",
        ),
    ],
)
def test_needs_that_can_never_be_met_are_refused(desk: Desk, jobs: str, expected: str) -> None:
    (found,) = desk.problems("version: 1\njobs:\n" + jobs)
    assert found.startswith("3:")
    assert found.partition(": ")[2].startswith(expected)


def test_a_job_with_mistakes_of_its_own_still_counts_as_a_job(desk: Desk) -> None:
    found = desk.problems(
        f"version: 1\njobs:\n- {{name: a, {POST}, needs: [b, 'b (1)']}}\n- {{name: b, type: x}}\n"
    )
    assert len(found) == 1
    assert "unknown job type 'x'" in found[0]


def test_a_long_chain_of_needs_is_no_trouble(desk: Desk) -> None:
    chain = "".join(f"- {{name: j{n}, {POST}, needs: [j{n + 1}]}}\n" for n in range(1500))
    manifest = desk.jobs(chain + f"- {{name: j1500, {POST}}}")
    assert len(manifest.jobs) == 1501


def test_disabled_jobs_are_left_out_but_still_checked(desk: Desk) -> None:
    manifest = desk.jobs(f"- {{name: a, {POST}}}\n- {{name: b, {POST}, enabled: false}}")
    assert [job.name for job in manifest.jobs] == ["a"]
    found = desk.problems(f"version: 1\njobs:\n- {{name: b, {POST}, enabled: false, hedaers: {{}}}}\n")
    assert "did you mean 'headers'?" in found[0]


def test_only_runs_the_named_jobs_and_takes_their_needs_as_met(desk: Desk) -> None:
    jobs = (
        f"- {{name: a, {POST}, enabled: false}}\n- {{name: b, {POST}, needs: [a]}}\n"
        f"- {{name: c, {POST}, needs: [b], matrix: {{x: [1, 2]}}}}\n- {{name: d, {POST}, needs: [c]}}"
    )
    manifest = desk.jobs(jobs, only=["c", "d"])
    assert [(job.name, job.needs) for job in manifest.jobs] == [
        ("c (1)", ()),
        ("c (2)", ()),
        ("d", ("c (1)", "c (2)")),
    ]
    assert [job.name for job in desk.jobs(jobs, only=["c (2)"]).jobs] == ["c (2)"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("reprots", "0:0: --only reprots: there is no such job; did you mean 'reports'?"),
        ("off", "0:0: --only off: the job is disabled (enabled: false)"),
    ],
)
def test_only_must_name_jobs_that_can_run(desk: Desk, only: str, expected: str) -> None:
    text = f"version: 1\njobs:\n- {{name: reports, {POST}}}\n- {{name: 'off', {POST}, enabled: false}}\n"
    assert desk.problems(text, only=[only]) == [expected]


UPLOAD = "type: upload, url: 'https://x/'"
FETCHED = "type: download, urls: ['https://x/a']"


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (
            f"- {{name: up, {UPLOAD}, files: {{job: fetsh}}}}\n- {{name: fetch, {FETCHED}}}",
            "3:60: there is no job 'fetsh' to take files from; did you mean 'fetch'?",
        ),
        (
            f"- {{name: up, {UPLOAD}, files: {{job: up}}}}",
            "3:60: 'up' is this job itself; expected one that it needs",
        ),
        (
            f"- {{name: up, {UPLOAD}, files: {{job: fetch}}}}\n- {{name: fetch, {FETCHED}, enabled: false}}",
            "3:60: job 'fetch' is disabled, so there is nothing to take from it",
        ),
        (
            f"- {{name: up, {UPLOAD}, files: {{job: fetch}}}}\n- {{name: fetch, {FETCHED}}}",
            "3:60: job 'fetch' need not have ended when this one starts; name it in 'needs' too",
        ),
        (
            f"- {{name: up, {UPLOAD}, files: {{job: b}}, needs: ['b (1)']}}\n"
            f"- {{name: b, {FETCHED}, to: '${{matrix.x}}', matrix: {{x: [1, 2]}}}}",
            "3:60: job 'b (2)' need not have ended when this one starts; name it in 'needs' too",
        ),
    ],
)
def test_files_of_a_job_that_cannot_have_made_them_are_refused(desk: Desk, jobs: str, expected: str) -> None:
    assert desk.problems("version: 1\njobs:\n" + jobs) == [expected]


def test_files_are_taken_from_a_job_that_is_needed_through_others_and_from_a_whole_matrix(desk: Desk) -> None:
    manifest = desk.jobs(
        f"- {{name: b, {FETCHED}, to: '${{matrix.x}}', matrix: {{x: [1, 2]}}}}\n"
        f"- {{name: hook, {POST}, needs: b}}\n"
        f"- {{name: up, {UPLOAD}, files: {{job: b}}, needs: hook}}\n"
        f"- {{name: one, {UPLOAD}, files: {{job: b (2)}}, needs: b (2)}}"
    )
    assert [job.takes_from for job in manifest.jobs] == [(), (), (), ("b (1)", "b (2)"), ("b (2)",)]


def test_only_takes_the_files_of_a_job_that_is_not_chosen(desk: Desk) -> None:
    jobs = f"- {{name: a, {FETCHED}}}\n- {{name: up, {UPLOAD}, files: {{job: a}}, needs: a}}"
    (job,) = desk.jobs(jobs, only=["up"]).jobs
    assert (job.needs, job.takes_from) == ((), ("a",))
