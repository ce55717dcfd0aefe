-- What is remembered of a manifest. Statements only; version and application id are set by database.py.

-- One row a run. A round is one pass over the manifest; its runs have consecutive ids, so a row of
-- another table belongs to the round under way exactly if its run is not below the round's first.
CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    run_id    TEXT NOT NULL UNIQUE,
    round     INTEGER NOT NULL,
    manifest  TEXT NOT NULL,
    started   REAL NOT NULL,               -- seconds since the epoch
    finished  REAL,                        -- NULL: under way, or killed
    exit_code INTEGER,
    complete  INTEGER NOT NULL DEFAULT 0,  -- 1: it came to the end of the manifest
    totals    TEXT                         -- JSON object of counts
) STRICT;

-- One row a task that has ended at least once: its last outcome, and the facts of its file. They are
-- separate things: a 404 today does not take away the good file of yesterday.
CREATE TABLE task (
    id            INTEGER PRIMARY KEY,
    job           TEXT NOT NULL,
    key           TEXT NOT NULL,
    url           TEXT NOT NULL,           -- redacted
    ordinal       INTEGER NOT NULL,
    run           INTEGER NOT NULL,        -- that settled the outcome
    outcome       TEXT NOT NULL
                  CHECK (outcome IN ('new', 'changed', 'unchanged', 'skipped', 'failed', 'unknown')),
    status        INTEGER,
    attempts      INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    seconds       REAL NOT NULL,
    finished      REAL NOT NULL,           -- seconds since the epoch
    error_kind    TEXT,
    error_message TEXT,
    retryable     INTEGER NOT NULL,
    target        TEXT,                    -- from here on: the file that we have, if any
    size          INTEGER,
    mtime_ns      INTEGER,
    sha256        TEXT,
    etag          TEXT,
    last_modified TEXT,
    file_url      TEXT,                    -- where it came from, if that is not the url above: a mirror, say
    UNIQUE (job, key)
) STRICT;

-- No index on the outcome of what went well: only what needs attention is ever looked for.
CREATE INDEX task_failed ON task (id) WHERE outcome IN ('failed', 'unknown');

-- One row a task that was begun and has not ended well: what the next run must know to continue it.
CREATE TABLE begun (
    job           TEXT NOT NULL,
    key           TEXT NOT NULL,
    run           INTEGER NOT NULL,
    url           TEXT NOT NULL DEFAULT '',    -- redacted
    target        TEXT,
    sending       INTEGER NOT NULL DEFAULT 0,  -- 1: a non-idempotent request may have left
    offset        INTEGER,                     -- durable bytes of the part file, of this version:
    gaps          TEXT,                        -- what is not among them, "start-end,…" (end excluded); NULL:
                                               -- they are the first ones
    etag          TEXT,
    last_modified TEXT,
    source        TEXT,                        -- the final URL that the bytes came from
    total         INTEGER,
    sha256        TEXT,                        -- set: whole, verified, about to get its final name
    size          INTEGER,
    file_etag     TEXT,                        -- of that whole file, weak ones too
    file_last_modified TEXT,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;
