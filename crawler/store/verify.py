"""Whether a file on disk is still the one that was fetched."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crawler.store.records import KnownFile


def difference(root: Path, file: KnownFile) -> str | None:
    """What differs, as a sentence; ``None`` if size and sha256 are those of the ledger."""
    path = root / file.target
    try:
        if path.is_symlink():
            return "a symbolic link, expected a file"
        size = path.stat().st_size
        if size != file.size:
            return f"{size} bytes, expected {file.size}"
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if found != file.sha256:
        return f"sha256 is {found}, expected {file.sha256}"
    return None
