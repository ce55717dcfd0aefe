"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

# Of the cgroup that a container sees as its own: quota and period in microseconds (Linux, Control Group v2).
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """Those it may run on, or fewer if a container's ``quota`` gives it less than their whole time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no such cgroup, or "max": no quota
        most, period = map(int, quota.read_text().split())
        return max(1, min(allowed, math.ceil(most / period)))
    return allowed
