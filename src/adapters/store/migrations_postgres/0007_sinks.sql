-- What a notice is about: one incident, or empty for none and for several. `state` may also be
-- `silenced`, `folding` (old news, until it is told in one) or `folded`.
ALTER TABLE notices ADD COLUMN incident TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX notices_incident ON notices (incident, sink);

-- What each sink was last told about an incident that is still open. Deleted once that is over.
CREATE TABLE told (
    sink     TEXT COLLATE "C" NOT NULL,
    incident TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    payload  TEXT COLLATE "C" NOT NULL,
    time     BIGINT NOT NULL,
    PRIMARY KEY (sink, incident)
);

-- For the alert load: what opened, and who did something, in the last day.
CREATE INDEX incidents_opened ON incidents (opened);
CREATE INDEX acts_time ON acts (time);
