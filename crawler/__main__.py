"""The ``crawler`` command."""

from __future__ import annotations

import gc
import os

from crawler.signals import Signals


def main() -> None:
    """Run the command line; never returns."""
    # Start-up makes what stays, tasks come and go without cycles: rare collections are enough, and frequent
    # ones take a tenth of the CPU of a run of small files (benchmarks/).
    gc.set_threshold(50_000, 20, 50)
    _fill_standard_streams()
    signals = Signals()
    signals.install()
    from crawler.cli import start  # after the handlers: imports take long enough for a signal to arrive

    start(signals)


def _fill_standard_streams() -> None:
    """Where a standard stream was closed (``2>&-``), no file of ours may get its number and its messages."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


if __name__ == "__main__":
    main()
