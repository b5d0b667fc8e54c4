-- A log as hubs of schema 2 made it.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, first INTEGER NOT NULL,
    since INTEGER NOT NULL DEFAULT 0, unchecked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE record (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, created_s REAL NOT NULL, expires_ms INTEGER,
    control INTEGER NOT NULL, targets TEXT NOT NULL, payload BLOB NOT NULL, checksum INTEGER
) STRICT;
CREATE INDEX control ON record (expires_ms) WHERE control = 1;
CREATE TABLE target (
    target TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (target, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
    position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, id TEXT NOT NULL,
    created_s REAL NOT NULL, checksum INTEGER
) STRICT;
INSERT INTO meta VALUES (1, 'jyjfsnpeqy', 1, 0, 0);
INSERT INTO record VALUES (1, 'first', 1799999000.25, NULL, 0, '["e"]', CAST('{"id":"first"}' AS BLOB), 2588132637290634339);
INSERT INTO record VALUES (2, 'second', 1799999000.25, 1800086400000, 1, '["c"]', CAST('{"id":"second"}' AS BLOB), 5529275591515233225);
INSERT INTO record VALUES (3, 'third', 1799999000.25, NULL, 0, '["u\u001facme\u001fanna"]', CAST('{"id":"third"}' AS BLOB), -8943576218909387270);
INSERT INTO target VALUES ('c', 2);
INSERT INTO target VALUES ('e', 1);
INSERT INTO target VALUES ('u' || char(31) || 'acme' || char(31) || 'anna', 3);
INSERT INTO idempotency VALUES (1, CAST('key' AS BLOB), CAST('body' AS BLOB), 'first', 1799999000.25, 2187919756);
PRAGMA application_id = 1752523372;
PRAGMA user_version = 2;
