"""The table of job types knows their names without importing them."""

from __future__ import annotations

import subprocess
import sys

from crawler.job_types.table import JOB_TYPES

PROGRAM = """
import sys
from crawler.job_types.table import JOB_TYPES
names = [name for name in JOB_TYPES if name in JOB_TYPES]
assert len(names) == len(JOB_TYPES) and "download " not in JOB_TYPES
assert JOB_TYPES["websocket"] is JOB_TYPES["websocket"]
made = {"crawler.job_types." + each for each in ("download", "request", "upload", "crawl", "websocket")}
print(*made & set(sys.modules))
"""


def test_asking_for_names_imports_nothing_and_asking_for_one_type_only_that() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["crawler.job_types.websocket"]


def test_each_type_stands_under_its_own_name() -> None:
    assert [each.name for each in JOB_TYPES.values()] == list(JOB_TYPES)
