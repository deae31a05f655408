-- Who approved what, what comments asked for, and what they were answered.

-- +goose Up

-- approval is by whose word the run has a commit that is not the repository's
-- own, command what the event, a comment, asked for: JSON, or empty.
ALTER TABLE runs ADD COLUMN approval TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN command TEXT NOT NULL DEFAULT '';

-- One row per comment that approved a commit. Never changed.
CREATE TABLE approvals (
    event_id   TEXT   NOT NULL PRIMARY KEY,
    repo_id    BIGINT NOT NULL,
    pull       BIGINT NOT NULL,
    sha        TEXT   NOT NULL,
    base_ref   TEXT   NOT NULL,
    base_sha   TEXT   NOT NULL,
    by_id      BIGINT NOT NULL,
    by_login   TEXT   NOT NULL,
    comment_id BIGINT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX approvals_sha ON approvals (repo_id, sha);

-- One row per comment that was answered, or spared an answer. ended 0: it was
-- begun, and its end is not known.
CREATE TABLE replies (
    event_id TEXT   NOT NULL PRIMARY KEY,
    repo_id  BIGINT NOT NULL,
    pull     BIGINT NOT NULL,
    account  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    spared   BIGINT NOT NULL DEFAULT 0,
    ended    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX replies_at ON replies (repo_id, at);

-- Events of a repository, whatever it was called.
CREATE INDEX events_repo_id ON events (repo_id, seq);
