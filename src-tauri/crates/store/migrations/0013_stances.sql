-- What the reader decided about people on this device and said to nobody. No message says it, so no index holds it: it is not filled
-- from the log and not emptied with anything. Rows stay when they say nothing any more, so that an old one that is found on a damaged
-- disk does not undo a newer decision.
CREATE TABLE stances (
    person   BLOB    NOT NULL PRIMARY KEY,      -- format tag, 32 bytes of key: nobody gets a number in the table of feeds by it
    flags    INTEGER NOT NULL,                  -- 1 blocked, 2 muted
    sequence INTEGER NOT NULL,                  -- how far one's own feed went: only a later sealed word of one's own counts against it
    decided  INTEGER NOT NULL                   -- Unix milliseconds
) STRICT, WITHOUT ROWID;
