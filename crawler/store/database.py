"""The ledger's SQLite file: made whole or not at all, refused if damaged or newer, never recreated."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from crawler.errors import StorageFailed

APPLICATION_ID = 0x63726C72  # "crlr", as file(1) will show it
SCHEMA_VERSION = 3
OLDEST_SCHEMA = 1  # that ``upgrade`` brings up to date; a reader can do without what came later
OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables
TABLES = frozenset({"run", "task", "begun"})  # of every version

BUSY = 30.0  # seconds to wait for a person's sqlite3 shell to let go
CHECKED_WHOLE = 32 << 20  # bytes; a larger ledger is not read through at start (measured: 50 ms)
_PROBE = 64 * 1024  # bytes: more than what a full disk keeps in reserve for small files
CHECKPOINT_PAGES = 4000  # 16 MiB of log before it is copied into the database


def path_of(state: Path, name: str) -> Path:
    """The ledger of the manifest called ``name`` (already safe as a file name)."""
    return state / f"{name}.sqlite"


def exists(path: Path) -> bool:
    """Whether there is a ledger. Raises ``StorageFailed`` where that cannot be seen."""
    try:
        return path.exists()
    except OSError as error:  # a folder on the way that may not be entered, a name that is too long
        raise explain(error, path) from error


def explain(error: sqlite3.Error | OSError, path: Path) -> StorageFailed:
    """The error as one sentence that names the cause and the file."""
    if isinstance(error, OSError):
        return StorageFailed(f"the ledger {path} failed: {_words(error)}")
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(path, str(error))
    if name == "SQLITE_FULL":
        return StorageFailed(f"the ledger {path} could not be written: ENOSPC: no space left on its disk")
    if name.startswith("SQLITE_IOERR"):
        refused = _refusal(path.parent)
        if refused is not None:
            return StorageFailed(f"the ledger {path} failed: {name}: {refused}")
        return StorageFailed(
            f"the ledger {path} failed: {name}: its disk refused (EIO, EDQUOT or EROFS; SQLite does not say "
            "which, the kernel log and the quota do) and works again now"
        )
    if name.startswith("SQLITE_READONLY"):
        return StorageFailed(f"the ledger {path} could not be written: {name}: it or its folder is read-only")
    if name.startswith("SQLITE_BUSY"):
        return StorageFailed(f"the ledger {path} was held by another program for {BUSY:.0f} s ({name})")
    return StorageFailed(f"the ledger {path} failed: {name}: {error}")


def damaged(path: Path, found: str) -> StorageFailed:
    """The refusal of a ledger that cannot be trusted."""
    return StorageFailed(
        f"the ledger {path} is damaged: {found}. It was left untouched: restore it from a copy, "
        "or move it away to begin without memory of earlier runs"
    )


def _refusal(folder: Path) -> str | None:
    """What the disk says to a file without a name; ``None`` if it takes it, or knows no such files.

    SQLite keeps the errno to itself, and Python's module has no way to ask for it.
    """
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        return None if error.errno in (errno.EOPNOTSUPP, errno.EISDIR) else _words(error)
    try:
        os.write(fd, bytes(_PROBE))
        os.fsync(fd)
    except OSError as error:
        return _words(error)
    finally:
        os.close(fd)
    return None


def _words(error: OSError) -> str:
    code = error.errno or 0
    return f"{errno.errorcode.get(code, f'errno {code}')} ({os.strerror(code)})"


def create(path: Path) -> None:
    """Make an empty ledger beside ``path`` and move it there whole, so that a kill leaves none or all.

    Raises ``StorageFailed``. The caller holds the lock.
    """
    _check_library()
    stray = path.with_name(f"{path.name}-wal")
    if stray.exists():
        raise damaged(path, f"the file itself is gone, but its log {stray.name} is still there")
    draft = path.with_name(f"{path.name}.new")
    try:
        for leftover in (draft, draft.with_name(f"{draft.name}-wal"), draft.with_name(f"{draft.name}-shm")):
            leftover.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            schema = _statements("schema.sql") + _added_since(1)
            connection.executescript(f"BEGIN; {schema}; COMMIT;")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        _sync(draft)
        draft.rename(path)
        _sync(path.parent)
        _sync(path.parent.parent)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


def upgrade(path: Path) -> None:
    """Bring a sound ledger of an older version up to date, at once or not at all. Raises ``StorageFailed``.

    The caller holds the lock, and a reader has found the file sound.
    """
    try:
        with closing(_connect(path, "rw")) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < SCHEMA_VERSION:
                added = f"{_added_since(version)}; PRAGMA user_version = {SCHEMA_VERSION}"
                connection.executescript(f"BEGIN IMMEDIATE; {added}; COMMIT;")
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _added_since(version: int) -> str:
    return "".join(_statements(f"schema_{later}.sql") for later in range(version + 1, SCHEMA_VERSION + 1))


def _statements(file: str) -> str:
    return resources.files("crawler.store").joinpath(file).read_text("utf-8")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot sync a folder
            raise
    finally:
        os.close(fd)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that never writes, to a ledger that was found sound. Raises ``StorageFailed``."""
    _check_library()
    try:
        _check_header(path)
        connection = _connect(path, "ro")
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -2048")
        _check_content(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except StorageFailed:
        connection.close()
        raise
    return connection


def open_writer(path: Path, *, durable: bool) -> sqlite3.Connection:
    """The one writing connection, to a ledger that a reader has checked. Raises ``StorageFailed``.

    Not ``durable`` means NORMAL rather than OFF: a power cut may then take the last commits, but a
    ledger that OFF let it tear would stop every later run, to save one sync in thousands of tasks.
    """
    try:
        connection = _connect(path, "rw")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA fullfsync = {int(durable)}")
        connection.execute(f"PRAGMA checkpoint_fullfsync = {int(durable)}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("PRAGMA cache_size = -4096")
        connection.execute("BEGIN IMMEDIATE")  # a folder that cannot be written must show now
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY, check_same_thread=False)


def _check_library() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StorageFailed(
            f"Python's SQLite is {sqlite3.sqlite_version}; the ledger needs {oldest} or newer"
        )


def _check_header(path: Path) -> None:
    # By hand, before SQLite sees the file: what is not ours must not even be opened.
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise damaged(path, f"it is no SQLite database ({len(header)} bytes of header read)")
    _check_identity(path, int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big"))


def _check_identity(path: Path, application: int, version: int) -> None:
    if application != APPLICATION_ID:
        raise StorageFailed(
            f"{path} is the database of another program (application id {application:#x}, "
            f"expected {APPLICATION_ID:#x}); it was left untouched"
        )
    if version > SCHEMA_VERSION:
        raise StorageFailed(
            f"the ledger {path} was written by a newer version (schema {version}; this one knows "
            f"{SCHEMA_VERSION}); it was left untouched: use the newer program"
        )
    if version < OLDEST_SCHEMA:
        raise damaged(path, f"it has schema {version}, which no version ever wrote")


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _check_identity(path, application, version)  # again, with what the log may hold
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if missing := TABLES - tables:
        raise damaged(path, f"it lacks the tables {', '.join(sorted(missing))}")
    if path.stat().st_size <= CHECKED_WHOLE:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(path, " ".join(verdict.split()))
