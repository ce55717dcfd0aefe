"""aiohttp, its own two TLS contexts without the system's authorities: nothing here uses them."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def import_aiohttp() -> None:
    """Import aiohttp, which would read the system's authorities twice, 20 ms each time, in every run.

    The one of the two that verifies then trusts nobody: a connection that came to it would fail. Ours have
    the context of ``tls.py``. Only for a process of our own, where nobody else uses aiohttp; if it was
    imported before, it stays as it is.
    """
    if "aiohttp" in sys.modules:
        return
    with _trusting_nobody():
        import aiohttp  # noqa: F401


@contextmanager
def _trusting_nobody() -> Iterator[None]:
    """Contexts made meanwhile are made without the system's authorities."""
    name = "set_default_verify_paths"
    before = vars(ssl.SSLContext).get(name)  # None: it has the one of its base
    setattr(ssl.SSLContext, name, _read_nothing)
    try:
        yield
    finally:
        if before is None:
            delattr(ssl.SSLContext, name)
        else:
            setattr(ssl.SSLContext, name, before)


def _read_nothing(context: ssl.SSLContext) -> None:
    """Nothing is trusted."""
