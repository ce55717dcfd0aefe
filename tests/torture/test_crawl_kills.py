"""A crawl that is ended at any moment is continued to what an undisturbed one leaves."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.crawl_kills import torture

KILLS = 4  # ``python -m tests.torture.crawl_kills`` does more


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["files", "everything"])
def test_a_crawl_that_is_ended_again_and_again_comes_to_the_same(kind: str, tmp_path: Path) -> None:
    problems, ends = torture(tmp_path, kind, KILLS, random.Random(f"7 {kind}"))
    assert problems == []
    assert any(ends), ends  # at least one was in time
