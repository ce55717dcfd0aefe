"""Whatever is done in whatever order, over several runs, the ledger says what a dictionary would say."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import structs

from crawler.model import Checkpoint, Known, Outcome
from crawler.store.ledger import Ledger
from tests.store.ledgers import ended, record, settled

KEYS = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["x", "y"])
KEEPS_FACTS = {Outcome.SKIPPED, Outcome.FAILED, Outcome.UNKNOWN}


class Ledgers(RuleBasedStateMachine):
    """A task is modelled as the ``Known`` it should be found as, and the outcome of earlier rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.runner = asyncio.Runner()
        self.known: dict[str, Known] = {}
        self.past: dict[str, Outcome | None] = {}  # by key; what an older round said
        self.run = 0
        self.ledger = self.opened()

    def opened(self) -> Ledger:
        self.run += 1
        ledger = Ledger.open(self.state, "nightly", durability="none")
        ledger.begin(f"run {self.run}", 1e9, manifest="nightly.yaml", jobs=["images"])
        return ledger

    def begun(self, key: str) -> Known:
        known = self.known.get(key, Known(outcome=None, url="http://example.test/" + key))
        if not known.current:
            known = structs.replace(known, outcome=None, current=True)
        return known

    @rule(key=KEYS, outcome=st.sampled_from(list(Outcome)), place=NAMES, etag=st.none() | NAMES)
    def settle(self, key: str, outcome: Outcome, place: str, etag: str | None) -> None:
        facts: dict[str, Any] = {"target": place, "size": 1, "mtime_ns": 2, "sha256": "ab", "etag": etag}
        known = self.begun(key)
        self.runner.run(settled(self.ledger, record(key, outcome, **facts)))
        if outcome is Outcome.UNCHANGED:
            facts["etag"] = etag or known.etag
        known = structs.replace(known, outcome=outcome, sending=False)
        if outcome not in KEEPS_FACTS:
            known = structs.replace(known, **facts)
        if outcome is not Outcome.FAILED:
            known = structs.replace(known, checkpoint=None, part=None, begun=False)
        self.known[key] = known

    @rule(key=KEYS, offset=st.integers(0, 9), place=NAMES)
    def checkpoint(self, key: str, offset: int, place: str) -> None:
        at = Checkpoint(offset, "v", None, "http://cdn.test/", 9)
        url = f"http://example.test/{key}"
        self.runner.run(self.ledger.checkpoint("images", key, url, place, at))
        self.known[key] = structs.replace(self.begun(key), checkpoint=at, part=place, begun=True)

    @rule(key=KEYS)
    def send(self, key: str) -> None:
        self.runner.run(self.ledger.sending("images", key, f"http://example.test/{key}"))
        known = self.begun(key)
        begun = known.checkpoint is not None
        self.known[key] = structs.replace(known, sending=True, begun=begun)

    @rule(complete=st.booleans())
    def next_run(self, complete: bool) -> None:
        self.runner.run(self.ledger.finish(ended(f"run {self.run}", complete=complete)))
        self.runner.run(self.ledger.close())
        self.ledger = self.opened()
        if complete:
            for key, known in self.known.items():
                outcome = known.outcome if known.outcome is not None else self.past.get(key)
                self.past[key] = outcome
                self.known[key] = structs.replace(known, outcome=outcome, current=False, begun=False)

    @invariant()
    def agrees(self) -> None:
        for key in ("a", "b"):
            found = self.ledger.find("images", key)
            found = found and structs.replace(found, row=None)  # the ledger's own affair
            assert found == self.known.get(key)

    def teardown(self) -> None:
        self.runner.run(self.ledger.close())
        self.runner.close()
        shutil.rmtree(self.state)


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
