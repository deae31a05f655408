-- What agents together send with a credential of the code host's.

-- +goose Up

-- last numbers the permits; limited is until when the code host takes nothing.
CREATE TABLE credentials (
    name    TEXT   NOT NULL PRIMARY KEY,
    last    BIGINT NOT NULL DEFAULT 0,
    limited BIGINT NOT NULL DEFAULT 0
);

-- Requests that were allowed of late: n of them, at is when the last one can have
-- arrived, which may be yet to come.
CREATE TABLE permits (
    credential TEXT   NOT NULL,
    id         BIGINT NOT NULL,
    n          BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (credential, id)
);
