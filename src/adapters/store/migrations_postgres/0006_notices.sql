-- Notices that wait for a sink, or are dead letters; deleted once the sink has them. `state` is
-- `waiting` or `dead`. Times are milliseconds of the wall clock.
CREATE TABLE notices (
    sink         TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    payload      TEXT COLLATE "C" NOT NULL,
    created      BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL,
    last_error   TEXT COLLATE "C" NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (sink, key)
);
CREATE INDEX notices_due ON notices (sink, state, next_attempt);
