-- Events that may hold somebody's command are found apart.

-- +goose Up

-- urgent: the run was not looked at yet, and does not wait for its turn to be.
ALTER TABLE runs ADD COLUMN urgent BIGINT NOT NULL DEFAULT 0;
CREATE INDEX runs_urgent ON runs (repo_id, seq) WHERE urgent = 1;
