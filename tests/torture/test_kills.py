"""Nothing lost, nothing torn, nothing done twice, wherever a run is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import strace
from tests.torture.kills import table, torture
from tests.warm import Warm

# Each of the eleven calls that a run makes, once and anywhere. ``python -m tests.torture.kills`` does more.
KILLS = 11


@pytest.mark.timeout(300)
def test_a_run_killed_at_any_of_its_system_calls_is_continued_whole(
    tmp_path: Path, warm: Warm | None
) -> None:
    if reason := strace.missing():
        pytest.skip(reason)
    struck = list(torture(tmp_path, KILLS, seed=3, warm=warm))
    assert [problem for each in struck for problem in (each.plan, *each.problems) if each.problems] == []
    assert sum(each.place is not None for each in struck) >= KILLS * 3 // 4, table(struck)
    assert {each.place for each in struck} >= {"ledger", "output"}, table(struck)
    hit = {each.plan.call for each in struck if each.place is not None}
    assert hit >= {"pwrite64", "fdatasync", "fsync", "renameat2", "renameat"}, table(struck)
