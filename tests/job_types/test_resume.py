from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from crawler.job_types import resume
from crawler.model import Checkpoint, Known

URL = "http://h.example/f?sig=s3cret"
OLD, NEW = "Tue, 14 Nov 2023 22:13:20 GMT", "Wed, 15 Nov 2023 22:13:20 GMT"
REACHED = Checkpoint(offset=100, etag='"v1"', last_modified=None, url=resume.version_url(URL), total=1000)
FITTING = {"Content-Range": "bytes 100-999/1000", "ETag": '"v1"'}


@given(st.text(max_size=60))
def test_any_header_text_is_parsed_or_refused(value: str) -> None:
    span = resume.content_range(value)
    assert span is None or value.strip().lower().startswith("bytes")


@given(first=st.integers(0, 10**15), length=st.integers(1, 10**15), rest=st.integers(0, 10**6) | st.none())
def test_a_well_formed_range_is_read_back(first: int, length: int, rest: int | None) -> None:
    last = first + length - 1
    total = None if rest is None else last + 1 + rest
    span = resume.content_range(f"bytes {first}-{last}/{'*' if total is None else total}")
    assert span == resume.ContentRange(first, last, total)


@pytest.mark.parametrize(
    "value",
    [
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes */*",
        "bytes 1-/10",
        "items 0-1/2",
        "bytes 0-1",
        "bytes ١-٢/٣",
        "",
    ],
)
def test_ranges_that_contradict_themselves_are_refused(value: str) -> None:
    assert resume.content_range(value) is None


def test_the_rest_of_the_same_version_is_taken() -> None:
    assert resume.holds(REACHED, 100, 1000, URL, FITTING)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (URL, {**FITTING, "Content-Range": "bytes 99-999/1000"}),
        (URL, {**FITTING, "Content-Range": "bytes 100-998/1000"}),
        (URL, {**FITTING, "Content-Range": "bytes 100-999/*"}),
        (URL, {**FITTING, "Content-Range": "bytes 100-1000/1001"}),
        (URL, {**FITTING, "ETag": '"v2"'}),
        (URL, {**FITTING, "ETag": 'W/"v1"'}),
        (URL, {"Content-Range": "bytes 100-999/1000"}),
        ("http://h.example/f?sig=other", FITTING),
    ],
)
def test_a_206_that_is_not_exactly_the_rest_is_refused(url: str, headers: dict[str, str]) -> None:
    assert not resume.holds(REACHED, 100, 1000, url, headers)


BY_DATE = replace(REACHED, etag=None, last_modified=OLD)
BY_BOTH = replace(REACHED, last_modified=OLD)


@pytest.mark.parametrize(
    ("begun", "named", "same"),
    [
        (BY_DATE, {"Last-Modified": OLD}, True),
        (BY_DATE, {"Last-Modified": NEW}, False),
        (BY_DATE, {"Last-Modified": OLD, "ETag": 'W/"v2"'}, False),
        (BY_DATE, {"Last-Modified": OLD, "ETag": '"v2"'}, False),
        (BY_BOTH, {"Last-Modified": OLD, "ETag": '"v1"'}, True),
        (BY_BOTH, {"ETag": '"v1"'}, True),
        (BY_BOTH, {"Last-Modified": NEW, "ETag": '"v1"'}, False),
        (BY_BOTH, {"Last-Modified": OLD}, False),
        (REACHED, {"Last-Modified": NEW, "ETag": '"v1"'}, True),
    ],
)
def test_an_answer_is_of_our_version_only_if_it_names_no_other(
    begun: Checkpoint, named: dict[str, str], same: bool
) -> None:
    assert resume.same_version(begun, named) is same
    assert resume.holds(begun, 100, 1000, URL, {"Content-Range": "bytes 100-999/1000", **named}) is same


def test_a_416_means_whole_only_at_our_own_size_and_version() -> None:
    whole = replace(REACHED, offset=1000)
    assert resume.already_whole(whole, URL, {"Content-Range": "bytes */1000", "ETag": '"v1"'})
    assert not resume.already_whole(whole, URL, {"Content-Range": "bytes */1000"})
    assert not resume.already_whole(whole, URL, {"Content-Range": "bytes */1001", "ETag": '"v1"'})
    assert not resume.already_whole(whole, URL, {"ETag": '"v1"'})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ETag": 'W/"weak"'},
        {"ETag": "unquoted"},
        {"ETag": 'W/"weak"', "Last-Modified": OLD, "Date": NEW},
        {"ETag": "unquoted", "Last-Modified": OLD, "Date": NEW},
        {"Last-Modified": OLD},
        {"Last-Modified": OLD, "Date": OLD},
        {"Last-Modified": "yesterday", "Date": NEW},
        {"ETag": '"v1"', "Accept-Ranges": "none"},
    ],
)
def test_without_a_strong_validator_nothing_can_be_continued(headers: dict[str, str]) -> None:
    assert resume.beginning(URL, headers, length=10, encoded=False) is None


def test_a_last_modified_that_is_clearly_older_than_the_answer_is_strong() -> None:
    begun = resume.beginning(URL, {"Last-Modified": OLD, "Date": NEW}, length=10, encoded=False)
    assert begun is not None
    assert resume.if_range(begun) == OLD


def test_an_encoded_or_endless_body_cannot_be_continued() -> None:
    assert resume.beginning(URL, {"ETag": '"v1"'}, length=10, encoded=True) is None
    assert resume.beginning(URL, {"ETag": '"v1"'}, length=None, encoded=False) is None


def test_a_signature_in_the_query_does_not_reach_the_record() -> None:
    begun = resume.beginning(URL, {"ETag": '"v1"'}, length=10, encoded=False)
    assert begun is not None
    assert "s3cret" not in repr(begun)


def test_only_the_checkpoint_of_the_targets_own_part_file_is_used() -> None:
    known = Known(outcome=None, checkpoint=REACHED, part="a")
    assert resume.usable(known, "a") == REACHED
    assert resume.usable(known, "b") is None
    assert resume.usable(structs.replace(known, checkpoint=replace(REACHED, offset=0)), "a") is None
    assert resume.usable(structs.replace(known, checkpoint=replace(REACHED, etag=None)), "a") is None
    assert resume.usable(None, "a") is None
