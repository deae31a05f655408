-- One text for SQLite and PostgreSQL. Times are nanoseconds since 1970 (UTC), 0
-- is "not yet". Names are folded to lower case where code hosts ignore case.

-- +goose Up

-- Counters are rows, not sequences: they move with the transaction, so numbers
-- are given in the order of commits and none is missing.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('seq', 0), ('health', 0);

-- Who had an owner/name first.
CREATE TABLE repositories (
    vendor TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    id     BIGINT NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (vendor, name)
);

-- The keys by which an event is known again. They outlive the events.
CREATE TABLE seen (
    id     TEXT   NOT NULL PRIMARY KEY,
    digest BYTEA  UNIQUE,
    at     BIGINT NOT NULL
);
CREATE INDEX seen_at ON seen (at);

-- What happened. Never changed.
CREATE TABLE events (
    seq         BIGINT NOT NULL PRIMARY KEY,
    id          TEXT   NOT NULL UNIQUE,
    vendor      TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    repo_id     BIGINT NOT NULL,
    repo        TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    data        TEXT   NOT NULL
);
CREATE INDEX events_repo ON events (repo, seq);

-- The vendor's object, gzip; size is that of the original.
CREATE TABLE payloads (
    seq  BIGINT NOT NULL PRIMARY KEY REFERENCES events (seq) ON DELETE CASCADE,
    size BIGINT NOT NULL,
    data BYTEA  NOT NULL
);

-- What we did about it.
CREATE TABLE runs (
    seq         BIGINT NOT NULL PRIMARY KEY REFERENCES events (seq) ON DELETE CASCADE,
    repo_id     BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    waits       TEXT   NOT NULL DEFAULT '',
    attempt     BIGINT NOT NULL DEFAULT 0,
    trust       TEXT   NOT NULL DEFAULT '',
    sha         TEXT   NOT NULL DEFAULT '',
    changed     BIGINT NOT NULL DEFAULT -1,
    problem     TEXT   NOT NULL DEFAULT '',
    outcome     TEXT   NOT NULL DEFAULT '',
    note        TEXT   NOT NULL DEFAULT '',
    begun       BIGINT NOT NULL DEFAULT 0,
    ended       BIGINT NOT NULL DEFAULT 0,
    version     BIGINT NOT NULL DEFAULT 1,
    -- due is when the run may be handed out: at once, later, when its lease and
    -- the grace after it are over, or (the largest number) when it is woken.
    -- Final runs have none.
    due         BIGINT,
    fence       BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT   NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    -- woken remembers that a running run was woken, for when it wants to wait.
    woken       BIGINT NOT NULL DEFAULT 0,
    -- look is when the reporter looks at the run: 0 at once, NULL not again.
    look        BIGINT DEFAULT 0
);
CREATE INDEX runs_due ON runs (repo_id, seq, due, state) WHERE due IS NOT NULL;
CREATE INDEX runs_look ON runs (look, seq) WHERE look IS NOT NULL;

-- Decisions are written once: JSON, gzip.
CREATE TABLE decisions (
    seq  BIGINT NOT NULL PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    data BYTEA  NOT NULL
);

-- One row per function that was begun, in the order n. A result is final.
CREATE TABLE calls (
    seq      BIGINT NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    module   TEXT   NOT NULL,
    function TEXT   NOT NULL,
    n        BIGINT NOT NULL,
    data     TEXT   NOT NULL,
    result   TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (seq, module, function)
);

-- What calls printed, gzip.
CREATE TABLE outputs (
    seq      BIGINT NOT NULL,
    module   TEXT   NOT NULL,
    function TEXT   NOT NULL,
    data     BYTEA  NOT NULL,
    PRIMARY KEY (seq, module, function),
    FOREIGN KEY (seq, module, function) REFERENCES calls (seq, module, function) ON DELETE CASCADE
);

-- The outbox: the newest state of each context on each commit.
CREATE TABLE reports (
    repo_id          BIGINT NOT NULL,
    sha              TEXT   NOT NULL,
    context          TEXT   NOT NULL,
    repo             TEXT   NOT NULL,
    seq              BIGINT NOT NULL,
    state            TEXT   NOT NULL,
    description      TEXT   NOT NULL,
    target_url       TEXT   NOT NULL,
    skip             BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    not_before       BIGINT NOT NULL,
    attempts         BIGINT NOT NULL DEFAULT 0,
    dead             TEXT   NOT NULL DEFAULT '',
    in_doubt         BIGINT NOT NULL DEFAULT 0,
    -- what arrived last
    sent_version     BIGINT NOT NULL DEFAULT 0,
    sent_at          BIGINT NOT NULL DEFAULT 0,
    sent_state       TEXT   NOT NULL DEFAULT '',
    sent_description TEXT   NOT NULL DEFAULT '',
    sent_target_url  TEXT   NOT NULL DEFAULT '',
    -- the try that is under way; claim_until 0: none. claim numbers the claims.
    claim            BIGINT NOT NULL DEFAULT 0,
    claim_until      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (repo_id, sha, context)
);
CREATE INDEX reports_due ON reports (not_before) WHERE version > sent_version AND dead = '';
CREATE INDEX reports_dead ON reports (repo_id) WHERE dead <> '';
