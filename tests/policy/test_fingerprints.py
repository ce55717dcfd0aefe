"""A set of 64-bit integers that is right for every input and small for hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.fingerprints import Fingerprints, fingerprint

INT64 = st.integers(-(2**63), 2**63 - 1)
# Equal low bits and equal slots: what an open table finds hardest.
ALIKE = st.integers(-300, 300).map(lambda each: each * 256)


@given(st.lists(st.one_of(INT64, ALIKE, st.sampled_from([0, -1, 2**63 - 1, -(2**63)])), max_size=200))
def test_it_is_a_set(values: list[int]) -> None:
    model: set[int] = set()
    found = Fingerprints()
    for value in values:
        assert found.add(value) is (value not in model)
        model.add(value)
        assert len(found) == len(model)
        assert value in found
    assert all((value + 1 in found) is (value + 1 in model) for value in values if value < 2**63 - 1)


def test_an_entry_takes_at_most_sixteen_bytes_however_many_there_are() -> None:
    found = Fingerprints()
    shares = []
    for number in range(60_000):
        assert found.add(fingerprint(str(number)))
        if number >= 20_000 and number % 500 == 0:
            shares.append(found.memory / len(found))
    assert max(shares) <= 16
    assert len(found) == 60_000
    assert all(fingerprint(str(number)) in found for number in range(60_000))
    assert not any(fingerprint(str(number)) in found for number in range(60_000, 70_000))


def test_it_is_filled_from_what_a_ledger_remembers() -> None:
    found = Fingerprints([3, 0, -5, 3])
    assert len(found) == 3
    assert not found.add(0)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_fingerprint_fits_a_column_of_sqlite(url: str) -> None:
    assert -(2**63) <= fingerprint(url) < 2**63


def test_a_fingerprint_is_the_same_in_every_run() -> None:
    by_b2sum = bytes.fromhex("4a6965d8262a22b0")  # printf http://h/ | b2sum -l 64
    assert fingerprint("http://h/").to_bytes(8, "little", signed=True) == by_b2sum
    assert fingerprint("http://h/") != fingerprint("http://h/a")


def test_more_than_64_bits_are_refused() -> None:
    with pytest.raises(OverflowError):
        Fingerprints().add(2**63)
