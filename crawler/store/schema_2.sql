-- What version 2 added: crawled sites, and what is known of hosts. Statements only.

-- One row a URL that a crawl has found. Its round is the last one that found it; ``place`` counts the
-- URLs of that round in the order in which they were found, and is how a crawl reads on after a stop.
-- New rows go to the end, and only the index, a sixth as large, is written all over the place: a crawl
-- of a million URLs would slow down otherwise.
CREATE TABLE found (
    job         TEXT NOT NULL,
    round       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,           -- of the canonical URL, signed 64 bits
    url         TEXT NOT NULL,
    use         INTEGER NOT NULL,           -- 0 page, 1 requisite, 2 sitemap
    depth       INTEGER NOT NULL,
    hops        INTEGER NOT NULL,           -- redirects in a row that led to it
    PRIMARY KEY (job, round, place)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX found_url ON found (job, fingerprint);

-- One row a crawled URL that was answered: what a task's row does not hold.
CREATE TABLE page (
    job         TEXT NOT NULL,
    fingerprint INTEGER NOT NULL,
    round       INTEGER NOT NULL,           -- in which it was answered last
    key         TEXT NOT NULL,              -- of its task
    url         TEXT NOT NULL,
    digest      TEXT,                       -- sha256 of the body as it came
    media       TEXT,                       -- Content-Type
    target      TEXT,
    name        INTEGER,                    -- hash of the target as a file system that confuses case sees it
    moved_to    TEXT,                       -- where a redirect led
    links       BLOB NOT NULL,              -- the rules it was read by, and fingerprints of what it led to
    extracted   BLOB,                       -- a JSON object
    converted   INTEGER NOT NULL,           -- a mark of where the rewritten links lead; 0: none, 1: unknown, -1: outdated
    archived    TEXT,                       -- the WARC record of the body
    UNIQUE (job, fingerprint)
) STRICT;

CREATE INDEX page_name ON page (job, name) WHERE name IS NOT NULL;

-- One row a host, or group of hosts, that needs care tomorrow too.
CREATE TABLE host (
    key          TEXT PRIMARY KEY,
    noted        REAL NOT NULL,             -- seconds since the epoch
    paused_until REAL NOT NULL,
    level        INTEGER NOT NULL,          -- pauses in a row
    given_up     INTEGER NOT NULL,
    window       REAL                       -- learned concurrency
) STRICT, WITHOUT ROWID;

CREATE TABLE robots (
    origin  TEXT PRIMARY KEY,
    fetched REAL NOT NULL,                  -- seconds since the epoch
    status  TEXT NOT NULL CHECK (status IN ('rules', 'allow', 'unreachable')),
    body    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
