-- Indexes that are being filled anew, from the newest row of the log to the oldest: rows below `below` are to come. Messages
-- that come meanwhile write their own rows.
CREATE TABLE rebuilds (
    name    TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,                   -- of the rules by which it is being filled
    below   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The follow graph decides whose messages are wanted, so the one there is stays until this one is whole.
CREATE TABLE contacts_rebuilt (
    author   INTEGER NOT NULL,
    subject  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    relation INTEGER NOT NULL,
    PRIMARY KEY (author, subject)
) STRICT, WITHOUT ROWID;
