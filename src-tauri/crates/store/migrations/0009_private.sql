-- Private messages that the reader can open (follower "private"). What they say stays sealed in the log.

-- Who writes to whom: everybody in it, the author of each message among them.
CREATE TABLE conversations (
    conversation INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,       -- hash of the sorted people
    people       BLOB    NOT NULL,              -- sorted, each: format tag, 32 bytes of key
    time         INTEGER NOT NULL,              -- of its newest message as shown, Unix milliseconds
    row          INTEGER NOT NULL               -- that message
) STRICT;

CREATE INDEX conversations_times ON conversations (time, conversation);

CREATE TABLE private_messages (
    conversation INTEGER NOT NULL,
    time         INTEGER NOT NULL,              -- shown, Unix milliseconds
    row          INTEGER NOT NULL,
    author       INTEGER NOT NULL,
    PRIMARY KEY (conversation, time, row)
) STRICT, WITHOUT ROWID;

-- Sealed texts by the first eight bytes of their hash, with the message that brought them first.
CREATE TABLE private_boxes (
    digest INTEGER NOT NULL PRIMARY KEY,
    row    INTEGER NOT NULL
) STRICT;

-- Messages whose sealed text is somebody else's: nothing binds a box to the feed it stands in.
CREATE TABLE private_copies (
    row      INTEGER PRIMARY KEY,
    original INTEGER                            -- NULL where the author is not among those it was sealed for
) STRICT;
