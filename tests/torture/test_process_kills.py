"""Whichever process of a run is killed, and whenever: nothing lost, nothing torn, nothing sent twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.process_kills import VICTIMS, torture


@pytest.mark.timeout(300)
def test_a_run_of_several_processes_survives_the_loss_of_any(tmp_path: Path) -> None:
    struck = list(torture(tmp_path, len(VICTIMS), seed=4))
    assert [problem for each in struck for problem in each.problems] == []
    assert [each.victims for each in struck] == list(VICTIMS)
