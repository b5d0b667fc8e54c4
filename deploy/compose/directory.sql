-- The two tables that the hub reads, two users, and a role that may read them and nothing else; for the profile
-- `directory`. Yours have more columns; docs/operations/directory.md says how to name them.
CREATE TABLE accounts (id text PRIMARY KEY, status text NOT NULL DEFAULT 'active');
CREATE TABLE users (
    id text PRIMARY KEY,
    account_id text REFERENCES accounts (id),
    role text NOT NULL DEFAULT 'user',
    is_active boolean NOT NULL DEFAULT true
);
\getenv password POSTGRES_PASSWORD
CREATE ROLE hub_reader LOGIN PASSWORD :'password';
GRANT SELECT ON accounts, users TO hub_reader;
INSERT INTO accounts VALUES ('00000000000101'), ('00000000000202');
INSERT INTO users VALUES ('00000000001', '00000000000101', 'buyer'), ('00000000002', '00000000000202', 'seller');
