-- What is known of the code host's own record, beside the events: which webhooks
-- there are, what became of each delivery, where refs stand.

-- +goose Up

-- Up to which event moves, hooks and known_repositories were filled in.
INSERT INTO counters (name, value) VALUES ('indexed', 0);

-- Webhooks through which events came, or that the operator named.
CREATE TABLE hooks (
    vendor      TEXT   NOT NULL,
    id          BIGINT NOT NULL,
    target_type TEXT   NOT NULL,
    target_id   BIGINT NOT NULL,
    repo        TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    -- every delivery before it is in deliveries; 0: none
    cursor_at   BIGINT NOT NULL DEFAULT 0,
    tried       BIGINT NOT NULL DEFAULT 0,
    unread_from BIGINT NOT NULL DEFAULT 0,
    unread_to   BIGINT NOT NULL DEFAULT 0,
    problem     TEXT   NOT NULL DEFAULT '',
    hint        TEXT   NOT NULL DEFAULT '',
    refused     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor, id)
);

-- What became of one event at one webhook.
CREATE TABLE deliveries (
    vendor  TEXT   NOT NULL,
    hook    BIGINT NOT NULL,
    guid    TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    code    BIGINT NOT NULL,
    state   TEXT   NOT NULL,
    reason  TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (vendor, hook, guid)
);
CREATE INDEX deliveries_at ON deliveries (at);
CREATE INDEX deliveries_guid ON deliveries (guid);
CREATE INDEX deliveries_missing ON deliveries (at) WHERE state = 'missing';

-- Events that say where a ref points at now.
CREATE TABLE moves (
    seq        BIGINT NOT NULL PRIMARY KEY REFERENCES events (seq) ON DELETE CASCADE,
    vendor     TEXT   NOT NULL,
    repo_id    BIGINT NOT NULL,
    ref        TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    before_sha TEXT   NOT NULL,
    sha        TEXT   NOT NULL,
    provenance TEXT   NOT NULL,
    found      BIGINT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX moves_ref ON moves (repo_id, ref, seq);
CREATE INDEX moves_found ON moves (at) WHERE found = 1;

-- Repositories of which an event came.
CREATE TABLE known_repositories (
    vendor   TEXT   NOT NULL,
    id       BIGINT NOT NULL,
    repo     TEXT   NOT NULL,
    seen     BIGINT NOT NULL,
    tried    BIGINT NOT NULL DEFAULT 0,
    refs_at  BIGINT NOT NULL DEFAULT 0,
    pulls_at BIGINT NOT NULL DEFAULT 0,
    problem  TEXT   NOT NULL DEFAULT '',
    hint     TEXT   NOT NULL DEFAULT '',
    refused  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor, id)
);

-- Where refs stood when their repository was looked at. next is what one points
-- at without an event that says so, since next_at.
CREATE TABLE heads (
    vendor  TEXT   NOT NULL,
    repo_id BIGINT NOT NULL,
    ref     TEXT   NOT NULL,
    sha     TEXT   NOT NULL,
    next    TEXT   NOT NULL DEFAULT '',
    next_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor, repo_id, ref)
);

-- Whose turn it is to do what one agent does for all.
CREATE TABLE turns (
    name   TEXT   NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
);
