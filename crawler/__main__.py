"""The ``crawler`` command."""

from __future__ import annotations

import os

from crawler.signals import Signals


def main() -> None:
    """Run the command line; never returns."""
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
