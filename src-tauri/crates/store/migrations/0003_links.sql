-- Which messages speak of something, by relation (index "links"). target: first eight bytes of key or hash.
CREATE TABLE links (
    target   INTEGER NOT NULL,
    relation TEXT    NOT NULL,
    row      INTEGER NOT NULL,
    PRIMARY KEY (target, relation, row)
) STRICT, WITHOUT ROWID;

-- Everybody's newest vote on a message (index "votes").
CREATE TABLE votes (
    target   INTEGER NOT NULL,                  -- first eight bytes of the hash
    author   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    likes    INTEGER NOT NULL,
    PRIMARY KEY (target, author)
) STRICT, WITHOUT ROWID;
