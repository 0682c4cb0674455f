-- The follow graph: everybody's newest word about everybody, by sequence (index "contacts").
CREATE TABLE contacts (
    author   INTEGER NOT NULL,
    subject  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    relation INTEGER NOT NULL,                  -- 0 none, 1 follows, 2 blocks
    PRIMARY KEY (author, subject)
) STRICT, WITHOUT ROWID;

-- Names and pictures: for each author the newest word on each field (index "abouts"). Descriptions stay in the log.
CREATE TABLE abouts (
    subject         INTEGER NOT NULL,
    author          INTEGER NOT NULL,
    name            TEXT,
    name_row        INTEGER,                    -- the message that gave it
    description_row INTEGER,
    image           BLOB,                       -- format tag, 32 bytes of hash
    image_row       INTEGER,
    PRIMARY KEY (subject, author)
) STRICT, WITHOUT ROWID;

CREATE INDEX abouts_names  ON abouts (subject, name_row)  WHERE name_row IS NOT NULL;
CREATE INDEX abouts_images ON abouts (subject, image_row) WHERE image_row IS NOT NULL;

-- Who is interested in which channel (index "channels").
CREATE TABLE channels (
    channel    TEXT    NOT NULL,
    author     INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    subscribed INTEGER NOT NULL,
    PRIMARY KEY (channel, author)
) STRICT, WITHOUT ROWID;
