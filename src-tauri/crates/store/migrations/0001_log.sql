-- The log: the truth from which every index can be rebuilt.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Every feed whose messages are stored, and every one that a stored message speaks of: indexes name feeds by number.
CREATE TABLE feeds (
    feed           INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE,     -- format tag, 32 bytes of key
    first_sequence INTEGER,                     -- first one stored; 1 until partial logs come
    head_sequence  INTEGER,
    head_id        BLOB,                        -- format tag, 32 bytes of hash
    messages       INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0,  -- of the bodies
    wanted         INTEGER NOT NULL DEFAULT 0,  -- 1: asked for by hand
    frozen         INTEGER NOT NULL DEFAULT 0   -- 1: forked; see forks
) STRICT;

-- row counts upwards in the order of receipt; within a feed that is the order of sequence.
CREATE TABLE messages (
    row      INTEGER PRIMARY KEY,
    feed     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received INTEGER NOT NULL,                  -- Unix milliseconds
    id       BLOB    NOT NULL,                  -- format tag, 32 bytes of hash
    body     BLOB    NOT NULL                   -- the exact encoded bytes
) STRICT;

-- A message by the first eight bytes of its hash; the id in its row decides.
CREATE TABLE message_ids (
    prefix INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    PRIMARY KEY (prefix, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE message_sequences (
    feed     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    PRIMARY KEY (feed, sequence)
) STRICT, WITHOUT ROWID;

-- Both signed messages of each fork, as proof.
CREATE TABLE forks (
    feed  INTEGER PRIMARY KEY,
    proof BLOB NOT NULL
) STRICT;

-- With which version of its rules each index was filled; another version means: rebuild it from the log.
CREATE TABLE index_versions (
    name    TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
