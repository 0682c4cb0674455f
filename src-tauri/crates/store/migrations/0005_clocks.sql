-- What each device told us that it holds, and what we told it: notes as numbers, as replication writes them.
CREATE TABLE devices (
    device INTEGER PRIMARY KEY,
    key    BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE clocks (
    device INTEGER NOT NULL,
    feed   INTEGER NOT NULL,
    held   INTEGER,
    told   INTEGER,
    PRIMARY KEY (device, feed)
) STRICT, WITHOUT ROWID;
