"""The ``crawler`` command."""

from __future__ import annotations

from crawler.signals import Signals


def main() -> None:
    """Run the command line; never returns."""
    signals = Signals()
    signals.install()
    from crawler.cli import start  # after the handlers: imports take long enough for a signal to arrive

    start(signals)


if __name__ == "__main__":
    main()
