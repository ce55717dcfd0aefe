from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy import retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("120", 120.0), (" 7 ", 7.0), ("-5", 0.0), (formatdate(NOW + 30, usegmt=True), 30.0)],
)
def test_seconds_and_dates_are_understood(value: str, seconds: float) -> None:
    assert retry_after.parse(value, NOW) == seconds


def test_a_date_in_the_past_means_now() -> None:
    assert retry_after.parse("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0.0


def test_a_date_without_a_zone_is_greenwich_time() -> None:
    assert retry_after.http_date("Tue, 14 Nov 2023 22:13:20") == NOW


@pytest.mark.parametrize("value", ["", "soon", "1.5", "1e3", "²", "--", "Wed, 99 Foo 2015 07:28:00 GMT"])
def test_what_says_nothing_usable_gives_none(value: str) -> None:
    assert retry_after.parse(value, NOW) is None


@given(st.text() | st.integers().map(str))
def test_any_text_gives_none_or_a_finite_wait(value: str) -> None:
    seconds = retry_after.parse(value, NOW)
    assert seconds is None or 0.0 <= seconds < 1e9


def test_the_year_9999_stays_a_number() -> None:
    assert (retry_after.parse("Fri, 31 Dec 9999 23:59:59 GMT", NOW) or 0.0) > 86400.0


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))
def test_the_usual_form_means_what_the_library_says(moment: datetime) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert retry_after.http_date(format_datetime(whole, usegmt=True)) == whole.timestamp()


@pytest.mark.parametrize("value", ["--5", "5-", "- 5", "٣", "1e3", ""])
def test_what_is_no_number_says_nothing(value: str) -> None:
    assert retry_after.parse(value, 0.0) is None


@pytest.mark.parametrize("value", ["Sun, 31 Feb 2021 00:00:00 GMT", "Sun, 01 Foo 2021 00:00:00 GMT"])
def test_a_date_that_never_was_is_none(value: str) -> None:
    assert retry_after.http_date(value) is None
