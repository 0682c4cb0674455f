-- Indexes that follow the log, each in transactions of its own: up to which row they have come, by which version of their
-- rules. A row of the log that is not behind a follower is in none of its tables.
CREATE TABLE followers (
    name    TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    row     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Full text (follower "search"). The words come folded and with single spaces between them (social::search): the tokenizer
-- has only to cut. Their texts are in the log. Numbers of documents go with the time shown: day since 1970 * 2^24 + a number
-- in that day, so that the newest come first without sorting and a span of days is a span of numbers.
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', columnsize = 0, tokenize = 'ascii');

-- The words of the index, for completing one that is being typed.
CREATE VIRTUAL TABLE search_words USING fts5vocab (search, 'instance');

-- Which message a document is.
CREATE TABLE search_docs (
    doc INTEGER PRIMARY KEY,
    row INTEGER NOT NULL
) STRICT;
