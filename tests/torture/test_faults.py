"""A disk's refusal is named, ends the run with exit 3, and leaves nothing half done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import ThreadedServer
from tests.torture import strace
from tests.torture.faults import Refusal, refuse
from tests.torture.kills import Torturer
from tests.torture.workload import Workload
from tests.warm import Warm

# ``python -m tests.torture.faults`` tries many more.
REFUSALS = {
    "a ledger that is made": Refusal("new", "fdatasync", "EIO", 1, stays=True),
    "a ledger's place": Refusal("new", "rename", "EROFS", 1, stays=True),
    "the ledger's fdatasync": Refusal("changed", "fdatasync", "EIO", 3, stays=True),
    "the ledger's disk, full": Refusal("changed", "pwrite64", "ENOSPC", 9, stays=True),
    "the ledger's disk, read-only": Refusal("changed", "pwrite64", "EROFS", 5, stays=True),
    "a file's fsync": Refusal("changed", "fsync", "EIO", 1, stays=False),
    "every fsync": Refusal("changed", "fsync", "EIO", 20, stays=True),
    "a file's bytes": Refusal("new", "writev", "ENOSPC", 2, stays=False),
    "a quota": Refusal("changed", "writev", "EDQUOT", 1, stays=False),
    "a final name": Refusal("new", "renameat2", "EIO", 4, stays=False),
    "a folder's fsync": Refusal("new", "fsync", "EIO", 1, stays=True, folder="small/0"),
    "a replacement": Refusal("changed", "renameat", "EROFS", 4, stays=True),
    "a folder": Refusal("new", "mkdirat", "ENOSPC", 1, stays=True),
}


@pytest.fixture(scope="module")
def torturer(tmp_path_factory: pytest.TempPathFactory, warm: Warm | None) -> Iterator[Torturer]:
    if reason := strace.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("faults")
    with ThreadedServer() as server:
        yield Torturer(folder, Workload(server, folder / "work", checkpointed=False, warm=warm))


@pytest.mark.parametrize("what", REFUSALS)
def test_what_the_disk_refuses_is_named_and_the_next_run_completes(what: str, torturer: Torturer) -> None:
    refused = refuse(torturer, REFUSALS[what])
    assert refused.problems == ()
    assert refused.place in ("ledger", "output")
    assert refused.named, refused.said
