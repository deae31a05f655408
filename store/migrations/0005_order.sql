-- In which order runs go, what stops them, and which calls must not overlap.

-- +goose Up

-- grp names what runs stand in an order by: one branch's pushes, one pull
-- request's events; empty: the run stands alone. tip is the event's commit, moves
-- tells that the event says that the group is there now.
ALTER TABLE runs ADD COLUMN grp TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN tip TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN moves BIGINT NOT NULL DEFAULT 0;
-- ord is the order that the repository's settings ask for; empty: not read yet.
ALTER TABLE runs ADD COLUMN ord TEXT NOT NULL DEFAULT '';
-- place: 0 none, 1 waits until others have ended, 2 may go.
ALTER TABLE runs ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
-- aside: it waits for a person, and is in nobody's way.
ALTER TABLE runs ADD COLUMN aside BIGINT NOT NULL DEFAULT 0;
-- cancel is why the run is to end before its time.
ALTER TABLE runs ADD COLUMN cancel TEXT NOT NULL DEFAULT '';
-- slots: it has rows in the table of that name.
ALTER TABLE runs ADD COLUMN slots BIGINT NOT NULL DEFAULT 0;

CREATE INDEX runs_group ON runs (repo_id, grp, seq) WHERE due IS NOT NULL AND grp <> '';
CREATE INDEX runs_moves ON runs (repo_id, grp, seq) WHERE moves = 1;
CREATE INDEX runs_goes ON runs (repo_id, grp) WHERE place = 2;
CREATE INDEX runs_waits ON runs (repo_id, grp, ord, seq) WHERE place = 1;

-- Places in named groups of functions: held, or waited for in the order of seq.
-- One that is held counts for as long as the lease with this fence lasts.
CREATE TABLE slots (
    repo_id  BIGINT NOT NULL,
    grp      TEXT   NOT NULL,
    seq      BIGINT NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    module   TEXT   NOT NULL,
    function TEXT   NOT NULL,
    fence    BIGINT NOT NULL,
    held     BIGINT NOT NULL,
    most     BIGINT NOT NULL,
    PRIMARY KEY (repo_id, grp, seq, module, function)
);
CREATE INDEX slots_run ON slots (seq);
