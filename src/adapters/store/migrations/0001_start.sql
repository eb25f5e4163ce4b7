-- Incidents as last settled. `body` is the served JSON; the columns beside it are what lists
-- filter and sort by. Times are milliseconds since the epoch.
CREATE TABLE incidents (
    id          TEXT PRIMARY KEY,
    opened      BIGINT,
    updated     BIGINT NOT NULL,
    last_finding BIGINT NOT NULL,
    severity    INTEGER NOT NULL,
    score       INTEGER NOT NULL,
    status      TEXT NOT NULL,
    search      TEXT NOT NULL,
    body        TEXT NOT NULL,
    revision    BIGINT NOT NULL
);
CREATE INDEX incidents_updated ON incidents (updated, id);
CREATE INDEX incidents_status ON incidents (status, severity);
CREATE INDEX incidents_revision ON incidents (revision);

-- Who and what an incident touches: actor, source, dataset.
CREATE TABLE incident_keys (
    incident TEXT NOT NULL,
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (kind, value, incident)
);

CREATE TABLE findings (
    id        TEXT PRIMARY KEY,
    incident  TEXT NOT NULL,
    time      BIGINT NOT NULL,
    detector  TEXT NOT NULL,
    severity  INTEGER NOT NULL,
    actor     TEXT,
    source_ip TEXT,
    body      TEXT NOT NULL,
    revision  BIGINT NOT NULL
);
CREATE INDEX findings_incident ON findings (incident, time);
CREATE INDEX findings_time ON findings (time, id);
CREATE INDEX findings_revision ON findings (revision);

-- Timeline entries, in the order they were stored.
CREATE TABLE entries (
    number   INTEGER PRIMARY KEY,
    incident TEXT NOT NULL,
    time     BIGINT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX entries_incident ON entries (incident, time);

-- How far the correlator has read its topics; written with what it made of them.
CREATE TABLE positions (
    topic     TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next      BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- Records to be published; deleted once the broker has them.
CREATE TABLE outbox (
    number  INTEGER PRIMARY KEY,
    topic   TEXT NOT NULL,
    key     TEXT NOT NULL,
    payload TEXT NOT NULL
);
