-- Two counts by which a run that brings somebody down is told from the others.

-- +goose Up

-- tries counts leases that nobody gave back, the one that is held included.
ALTER TABLE runs ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
-- lost counts attempts that ended because the engine went away.
ALTER TABLE runs ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;
