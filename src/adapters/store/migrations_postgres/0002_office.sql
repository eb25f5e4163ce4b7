-- Which correlator may write: one row, a number that grows with each that takes over.
CREATE TABLE office (number BIGINT NOT NULL);
INSERT INTO office (number) VALUES (0);
