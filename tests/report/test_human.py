from __future__ import annotations

import pytest

from crawler.report.clock import rfc3339
from crawler.report.human import plural, rate, size, span


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (12 * 1024 + 512, "12.5 KiB"),
        (999 * 1024, "999 KiB"),
        (1000 * 1024, "0.98 MiB"),
        (2 * 1024**3, "2 GiB"),
        (5 * 1024**6, "5120 PiB"),
    ],
)
def test_sizes_have_three_digits_and_a_binary_unit(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_use_the_two_units_that_matter(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_a_rate_over_no_time_is_nothing() -> None:
    assert (rate(2048, 2), rate(5, 0)) == ("1 KiB/s", "0 B/s")


def test_nouns_agree_with_their_number() -> None:
    assert (plural(1, "task"), plural(0, "task"), plural(10_000, "task")) == (
        "1 task",
        "0 tasks",
        "10,000 tasks",
    )


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_795_339_800.9999) == "2026-11-22T09:30:00.999Z"
