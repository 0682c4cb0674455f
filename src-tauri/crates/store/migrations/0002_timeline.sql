-- Posts by the time shown: the earlier of the author's claim and the receipt, fixed at receipt (index "timeline").
CREATE TABLE timeline (
    time     INTEGER NOT NULL,                  -- Unix milliseconds
    row      INTEGER NOT NULL,
    author   INTEGER NOT NULL,
    thread   INTEGER NOT NULL,                  -- first eight bytes of the hash of the thread's first post
    is_reply INTEGER NOT NULL,
    channel  TEXT,
    PRIMARY KEY (time, row)
) STRICT, WITHOUT ROWID;

-- A thread's posts, newest activity last; covers the question who wrote them.
CREATE INDEX timeline_threads  ON timeline (thread, time, row, author, is_reply);
CREATE INDEX timeline_authors  ON timeline (author, time, row);
CREATE INDEX timeline_channels ON timeline (channel, time, row) WHERE channel IS NOT NULL;
