-- What each device told us that it holds, and what we told it: notes as numbers, as replication writes them.
CREATE TABLE devices (
    device  INTEGER PRIMARY KEY,
    key     BLOB    NOT NULL UNIQUE,
    saved   INTEGER NOT NULL,                   -- counts upwards: the device whose clock was saved last has the highest
    entries INTEGER NOT NULL                    -- its rows in clocks
) STRICT;

-- Feeds stand here by id: what strangers speak of gets no number in the table of feeds.
CREATE TABLE clocks (
    device INTEGER NOT NULL,
    feed   BLOB    NOT NULL,                    -- format tag, 32 bytes of key
    held   INTEGER,
    told   INTEGER,
    PRIMARY KEY (device, feed)
) STRICT, WITHOUT ROWID;
