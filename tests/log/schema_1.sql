-- A log as hubs of schema 1 made it.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, first INTEGER NOT NULL
) STRICT;
CREATE TABLE record (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, created_s REAL NOT NULL, expires_ms INTEGER,
    control INTEGER NOT NULL, targets TEXT NOT NULL, payload BLOB NOT NULL
) STRICT;
CREATE INDEX control ON record (expires_ms) WHERE control = 1;
CREATE TABLE target (
    target TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (target, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
    position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, id TEXT NOT NULL,
    created_s REAL NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 'a2b3c4d5e6', 2);
INSERT INTO record VALUES (2, 'second', 1799999000.25, NULL, 0, '["e"]', CAST('{"id":"second"}' AS BLOB)),
    (3, 'third', 1799999001.5, 1800086400000, 1, '["c"]', CAST('{"id":"third"}' AS BLOB));
INSERT INTO target VALUES ('e', 2), ('c', 3);
INSERT INTO idempotency VALUES (2, CAST('key' AS BLOB), CAST('body' AS BLOB), 'second', 1799999000.25);
PRAGMA application_id = 1752523372;
PRAGMA user_version = 1;
