-- What concerns the reader and the types of messages are written with each message, and filled again like every other such index:
-- they follow the log no more.
DELETE FROM followers WHERE name IN ('activity', 'kinds');
