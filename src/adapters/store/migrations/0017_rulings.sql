-- Rulings on incidents, by actor, of which the detectors' topic may hold a record: each is to be
-- withdrawn from it once the ruling no longer stands.
CREATE TABLE rulings (
    incident TEXT NOT NULL,
    actor    TEXT NOT NULL,
    PRIMARY KEY (incident, actor)
);
