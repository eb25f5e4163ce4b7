-- Lists are read in their order, and what they are narrowed to most stands beside it, so that a
-- page reads no more bodies than it shows, and a count none.
DROP INDEX incidents_updated;
DROP INDEX incidents_status;
CREATE INDEX incidents_updated ON incidents (updated, id, status, severity);
CREATE INDEX incidents_score ON incidents (score, id, status, severity);
CREATE INDEX incidents_by_opened ON incidents ((COALESCE(opened, 0)), id, status, severity);
CREATE INDEX incidents_status ON incidents (status, severity, id);
