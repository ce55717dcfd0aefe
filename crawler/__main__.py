"""The ``crawler`` command."""

from __future__ import annotations

import gc
import os

from crawler.signals import Signals


def main() -> None:
    """Run the command line; never returns."""
    # Start-up makes some 110 000 objects that stay; a collection among them takes 20 ms and finds nothing.
    gc.set_threshold(200_000, 20, 50)
    # Else pydantic looks for plugins of its own in every installed distribution.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
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
