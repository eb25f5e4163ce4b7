-- Reads by category and hour of event time, in hours since 1970. `upto` is how far event time had
-- got when the row was last added to.
CREATE TABLE reads (
    hour     BIGINT NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    reads    BIGINT NOT NULL,
    upto     BIGINT NOT NULL,
    PRIMARY KEY (hour, category)
);
