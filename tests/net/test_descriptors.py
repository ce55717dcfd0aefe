"""Shares of the limit of open files: they fit, nobody gets nothing, and the warning's advice is right."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from crawler.net import descriptors

limits = st.integers(8, 200_000)
taken = st.integers(5, 300)
asked = st.integers(1, 4096)
totals = st.none() | st.integers(1, 10_000)


@given(limits, taken, asked, totals)
def test_files_and_connections_fit_into_the_limit_wherever_one_task_does(
    limit: int, taken: int, asked: int, total: int | None
) -> None:
    shares = descriptors.share(limit=limit, taken=taken, workers=asked, total=total)
    assert 1 <= shares.workers <= shares.asked <= asked
    assert shares.connections >= shares.workers
    assert shares.lowered == (shares.workers < shares.asked)
    if shares.workers > 1:
        assert taken + shares.workers + shares.connections < limit
    if total is not None:
        assert shares.connections <= total


@given(limits, taken, asked, totals)
def test_the_limit_that_the_warning_names_is_enough(
    limit: int, taken: int, asked: int, total: int | None
) -> None:
    first = descriptors.share(limit=limit, taken=taken, workers=asked, total=total)
    again = descriptors.share(limit=first.needed, taken=taken, workers=asked, total=total)
    assert not again.lowered
    if first.lowered:
        assert first.needed > limit
        assert f"{first.needed} would" in first.warning


@given(limits, taken, st.integers(0, 255))
def test_further_processes_take_no_more_than_a_part_of_what_is_left(
    limit: int, taken: int, wanted: int
) -> None:
    given = descriptors.processes(limit=limit, taken=taken, wanted=wanted)
    assert 0 <= given <= wanted
    if given:
        assert descriptors.PER_PROCESS * given <= (limit - taken) / 4


def test_at_ordinary_limits_nothing_is_lowered_and_lookups_have_threads() -> None:
    shares = descriptors.share(limit=1024, taken=200, workers=16)
    assert (shares.workers, shares.lowered) == (16, False)
    assert shares.connections > 500
    assert descriptors.processes(limit=1024, taken=200, wanted=16) == 16
    assert shares.dns_threads >= 16


def test_open_files_are_counted() -> None:
    before = descriptors.in_use()
    reader, writer = os.pipe()
    try:
        assert descriptors.in_use() == before + 2
    finally:
        os.close(reader)
        os.close(writer)


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource; from crawler.net import descriptors;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 500)); descriptors.raise_limit();"
        "print(descriptors.limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert hard == resource.RLIM_INFINITY or hard >= 500
    assert done.stdout.split() == ["500", "500"]
