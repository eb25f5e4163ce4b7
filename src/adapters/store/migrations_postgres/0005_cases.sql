-- What people did about incidents, and the monitor on its own: rows are added and never changed,
-- but for `incident`, which follows when one incident absorbs another. It is empty for what is
-- about no incident. `origin` is where it was done.
CREATE TABLE acts (
    number   BIGINT PRIMARY KEY,
    incident TEXT COLLATE "C" NOT NULL,
    origin   TEXT COLLATE "C" NOT NULL,
    time     BIGINT NOT NULL,
    who      TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    body     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX acts_incident ON acts (incident, number);
CREATE INDEX acts_kind ON acts (kind, number);

-- The number of the last act. Whoever adds one changes this row first, and so waits for others.
CREATE TABLE act_number (number BIGINT NOT NULL);
INSERT INTO act_number (number) VALUES (0);

-- What the acts make of each incident they are about; written with them. `resolved_at` is the
-- store's revision when it was resolved, `clocks` 1 where clocks were started.
CREATE TABLE cases (
    incident    TEXT COLLATE "C" PRIMARY KEY,
    state       TEXT COLLATE "C" NOT NULL,
    resolution  TEXT COLLATE "C",
    assignee    TEXT COLLATE "C",
    clocks      BIGINT NOT NULL,
    resolved_at BIGINT,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX cases_state ON cases (state);
CREATE INDEX cases_assignee ON cases (assignee);

-- What resolved incidents were found by: a row for each detector, and for each rule.
CREATE TABLE feedback (
    incident   TEXT COLLATE "C" NOT NULL,
    detector   TEXT COLLATE "C" NOT NULL,
    rule       TEXT COLLATE "C" NOT NULL,
    resolution TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (incident, detector, rule)
);

-- Exceptions made through the API. `published` is 1 once the detectors' topic has it as it is.
CREATE TABLE exceptions (
    id        TEXT COLLATE "C" PRIMARY KEY,
    expires   BIGINT NOT NULL,
    revoked   BIGINT NOT NULL,
    published BIGINT NOT NULL,
    expired   BIGINT NOT NULL,
    body      TEXT COLLATE "C" NOT NULL
);
