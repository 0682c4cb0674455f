-- The log without ids: a message's id is computed from its body. New bodies are packed; those from before stay as they are.
ALTER TABLE messages RENAME TO log;
ALTER TABLE log DROP COLUMN id;

-- Keys and hashes are found by their first six bytes (there were eight): the body decides.
ALTER TABLE message_ids RENAME TO message_ids_by_eight;
CREATE TABLE message_ids (
    prefix INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    PRIMARY KEY (prefix, row)
) STRICT, WITHOUT ROWID;
INSERT INTO message_ids (prefix, row) SELECT prefix >> 16, row FROM message_ids_by_eight ORDER BY 1, 2;
DROP TABLE message_ids_by_eight;

-- relation: a small integer for those that every client writes (src/relation.rs), text for others. Filled from the log, as
-- timeline and votes are, whose keys have become shorter.
DROP TABLE links;
CREATE TABLE links (
    target   INTEGER NOT NULL,                  -- first six bytes of key or hash
    relation ANY     NOT NULL,
    row      INTEGER NOT NULL,
    PRIMARY KEY (target, relation, row)
) STRICT, WITHOUT ROWID;
