-- Which rows of the log hold messages of which type (follower "kinds"): for each 1,024 rows one bit each.
CREATE TABLE kinds (
    kind  TEXT    NOT NULL,
    block INTEGER NOT NULL,                     -- row / 1024
    rows  BLOB    NOT NULL,                     -- 128 bytes; row % 1024 is bit % 8 of byte / 8
    PRIMARY KEY (kind, block)
) STRICT, WITHOUT ROWID;
