"""How a process of our own is set up; in somebody's program all of this is theirs to choose."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it exists: less CPU a request, the same for large bodies (benchmarks/)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop  # not built for this platform
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def settle_memory() -> None:
    """Spare the collector what start-up made.

    Tasks come and go without cycles: rare collections are enough, and frequent ones take a tenth of the CPU
    of a run of small files (benchmarks/).
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
