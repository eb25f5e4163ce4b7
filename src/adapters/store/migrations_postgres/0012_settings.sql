-- What is set through the API beside exceptions, by its name; `value` is JSON, null where the
-- configuration counts again. `published` says whether the detectors have been told.
CREATE TABLE settings (
    name      TEXT COLLATE "C" PRIMARY KEY,
    value     TEXT COLLATE "C" NOT NULL,
    changed   BIGINT NOT NULL,
    who       TEXT COLLATE "C" NOT NULL,
    published BIGINT NOT NULL
);
