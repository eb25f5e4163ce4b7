-- Silences made through the API. `ends` is when one holds no more: its own end, or when somebody
-- ended it. Times are milliseconds of the wall clock.
CREATE TABLE silences (
    id     TEXT COLLATE "C" PRIMARY KEY,
    starts BIGINT NOT NULL,
    ends   BIGINT NOT NULL,
    body   TEXT COLLATE "C" NOT NULL
);
CREATE INDEX silences_ends ON silences (ends, starts);

-- The silence that keeps a notice back; empty for none, and for one of the configuration.
ALTER TABLE notices ADD COLUMN silence TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX notices_silence ON notices (silence);
