-- What others did that concerns the reader (follower "activity"), by the time shown.
CREATE TABLE activity (
    time INTEGER NOT NULL,                      -- Unix milliseconds
    row  INTEGER NOT NULL,
    kind INTEGER NOT NULL,                      -- 0 mentions the reader, 1 answers, 2 follows, 3 likes
    PRIMARY KEY (time, row)
) STRICT, WITHOUT ROWID;

-- How far the reader has read in each place: everything at or below is read.
CREATE TABLE reads (
    place TEXT    NOT NULL PRIMARY KEY,
    time  INTEGER NOT NULL,
    row   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
