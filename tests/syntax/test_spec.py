"""Models of keys: what one is that says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from crawler.config import Config
from crawler.job_types.expect_spec import ExpectSpec
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.schema import HeadSpec
from crawler.syntax.spec import Spec


def kinds(base: type[Spec] = Spec) -> Iterator[type[Spec]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_one_that_says_nothing_is_what_an_empty_map_gives() -> None:
    assert {each.spec for each in JOB_TYPES.values()} < set(kinds())
    optional = {
        kind
        for kind in kinds()
        if kind.__module__.startswith("crawler.")
        and not any(field.is_required() for field in kind.model_fields.values())
    }
    assert {Config, ExpectSpec} < optional
    assert HeadSpec not in optional
    for kind in optional:
        try:
            empty = kind()
        except ValueError:
            continue  # needs one of several keys
        unset = kind.unset()
        assert (unset, repr(unset), unset.model_fields_set) == (empty, repr(empty), set())
