-- Rulings on incidents, by actor, of which the detectors' topic may hold a record: each is to be
-- withdrawn from it once the ruling no longer stands.
CREATE TABLE rulings (
    incident TEXT COLLATE "C" NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (incident, actor)
);
