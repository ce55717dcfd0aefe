from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from crawler.job_types import ranges
from crawler.job_types.ranges import MIB
from crawler.model import Checkpoint

SIZES = st.integers(1, 10**13) | st.integers(1, 300)
BEGUN = Checkpoint(offset=0, etag='"v"', last_modified=None, url="http://h/f", total=1000)
BYTES = {"Accept-Ranges": "bytes"}


@given(start=st.integers(0, 10**12), length=SIZES, count=st.integers(1, 64))
def test_segments_cover_the_rest_once_and_are_equally_long(start: int, length: int, count: int) -> None:
    found = ranges.split(start, start + length, count)
    assert found[0][0] == start
    assert found[-1][1] == start + length
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    sizes = [end - begin for begin, end in found]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 0
    assert len(found) == min(count, length)


@given(
    wanted=st.integers(1, 64) | st.just("auto"),
    left=SIZES,
    done=st.integers(0, 10**12),
    offered=st.booleans(),
)
def test_no_segment_is_smaller_than_is_worth_a_request(
    wanted: ranges.Segments, left: int, done: int, offered: bool
) -> None:
    count = ranges.parts(wanted, left=left, total=left + done, offered=offered)
    assert 1 <= count <= (4 if wanted == "auto" else wanted)
    assert count == 1 or left // count >= (8 * MIB if wanted == "auto" else MIB)


def test_auto_splits_only_large_files_of_servers_that_offer_ranges() -> None:
    assert ranges.parts("auto", left=64 * MIB, total=64 * MIB, offered=True) == 4
    assert ranges.parts("auto", left=64 * MIB - 1, total=64 * MIB - 1, offered=True) == 1
    assert ranges.parts("auto", left=64 * MIB, total=64 * MIB, offered=False) == 1
    assert ranges.parts(8, left=64 * MIB, total=64 * MIB, offered=False) == 8


@given(done=st.sets(st.integers(0, 99), max_size=100))
def test_a_checkpoint_says_exactly_what_is_missing(done: set[int]) -> None:
    """Whatever pattern of bytes is there, one at a time; the part file must reach to the last of them."""
    version = Checkpoint(offset=0, etag='"v"', last_modified=None, url="u", total=100)
    at = ranges.reached(version, [(byte, byte + 1) for byte in range(100) if byte not in done])
    assert at.offset == len(done)
    assert {byte for start, end in ranges.missing(at) for byte in range(start, end)} == set(range(100)) - done
    assert ranges.extent(at) == max(done, default=-1) + 1
    assert all(before[1] < after[0] for before, after in zip(at.gaps, at.gaps[1:], strict=False))


def test_a_file_without_holes_is_recorded_as_one_stream() -> None:
    assert ranges.reached(BEGUN, [(400, 700), (700, 1000), (300, 300)]).gaps == ()
    assert ranges.reached(BEGUN, [(400, 700), (700, 1000)]).offset == 400
    assert ranges.reached(BEGUN, []).offset == 1000


def test_what_an_earlier_attempt_left_is_fetched_as_it_is_whatever_the_manifest_says_now() -> None:
    left = ranges.reached(BEGUN, [(10, 20), (500, 1000)])
    for wanted in (1, 2, 64):
        assert ranges.plan(left, wanted, BYTES) == [(10, 20), (500, 1000)]
    assert ranges.most(64, ranges.plan(left, 64, BYTES)) == 2
