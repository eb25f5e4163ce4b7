-- In which incidents' entries a session or a subject's token stands: for their own pages. Entries
-- stored before this have none. What was moved to another incident may leave a key behind.
CREATE TABLE entry_keys (
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    incident TEXT NOT NULL,
    PRIMARY KEY (kind, value, incident)
);
CREATE INDEX entry_keys_incident ON entry_keys (incident);
