"""Durations, sizes and rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.syntax import units

READERS: list[Callable[[object], float]] = [units.duration, units.size, units.rate, units.byte_rate]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *(("500ms", 0.5), ("1s", 1), ("2m", 120), ("1h", 3600), ("1d", 86400), ("1.5h", 5400)),
        *((" 2 s ", 2), (5, 5), (0.25, 0.25), (0, 0), ("10", 10)),
    ],
)
def test_durations_are_seconds(written: object, seconds: float) -> None:
    assert units.duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [
        *(("64KiB", 65536), ("10MB", 10_000_000), ("1GiB", 1 << 30), ("1tib", 1 << 40), ("7B", 7)),
        *(("0.1MB", 100_000), ("1.5KiB", 1536), (10**17 + 1, 10**17 + 1), (3.0, 3), ("5 kB", 5000)),
    ],
)
def test_sizes_are_bytes_in_decimal_or_binary_units(written: object, size: int) -> None:
    assert units.size(written) == size
    assert type(units.size(written)) is int


@pytest.mark.parametrize(
    ("written", "per_second"),
    [("10/s", 10), ("600/min", 10), ("5000/h", 5000 / 3600), ("86400/d", 1), ("1.5 / s", 1.5), (2, 2)],
)
def test_rates_are_per_second(written: object, per_second: float) -> None:
    assert units.rate(written) == pytest.approx(per_second)


@pytest.mark.parametrize(
    ("written", "rate"), [("1KiB/s", 1024), ("64KiB", 65536), (1024, 1024), ("2MB / s", 2e6)]
)
def test_byte_rates_are_sizes_with_or_without_a_period(written: object, rate: float) -> None:
    assert units.byte_rate(written) == rate


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "wrong",
    [True, False, None, -1, -0.5, math.nan, math.inf, 10**19, "", "x", "1w", "-1s", "nan", "1e3", [], {}],
)
def test_what_is_no_such_value_is_refused(read: Callable[[object], float], wrong: object) -> None:
    with pytest.raises(ValueError, match=r"^expected .* found "):
        read(wrong)


@pytest.mark.parametrize("zero", [0, 0.0, "0/s"])
def test_a_rate_of_zero_is_refused(zero: object) -> None:
    with pytest.raises(ValueError, match="above zero"):
        units.rate(zero)


@pytest.mark.parametrize("ambiguous", ["10M", "64k", 1.5, "0.5"])
def test_a_size_that_is_not_whole_or_not_clear_is_refused(ambiguous: object) -> None:
    with pytest.raises(ValueError, match="64KiB, 10MB, 1GiB"):
        units.size(ambiguous)


def test_a_message_says_what_was_found_cut_short() -> None:
    with pytest.raises(ValueError, match=r"expected a duration \(.*\), found 'xxx") as caught:
        units.duration("x" * 1000)
    assert len(str(caught.value)) < 150


@given(st.text(max_size=20) | st.floats() | st.integers() | st.text("0123456789./ smhdKMGTiB", max_size=8))
def test_anything_is_read_or_refused_and_never_negative(value: object) -> None:
    for read in READERS:
        try:
            number = read(value)
        except ValueError:
            continue
        assert 0 <= number < math.inf


@given(st.integers(0, 10**6), st.sampled_from(["KiB", "MiB", "GiB", "KB", "MB", "GB"]))
def test_a_size_with_a_unit_is_the_number_times_the_unit(number: int, unit: str) -> None:
    base = 1024 if "i" in unit else 1000
    assert units.size(f"{number}{unit}") == number * base ** ("KMG".index(unit[0]) + 1)
