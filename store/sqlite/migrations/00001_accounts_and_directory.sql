-- +goose Up
-- Times are milliseconds since 1970. What came from outside is in BLOBs, text too.

CREATE TABLE accounts (
  user_id  BLOB    NOT NULL PRIMARY KEY, -- 16 bytes
  handle   BLOB    UNIQUE,               -- NULL until one is chosen
  skeleton BLOB    UNIQUE,               -- NULL with it
  claimed  INTEGER NOT NULL,             -- 1: the directory has it, for ever
  created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_unclaimed ON accounts (created) WHERE claimed = 0;

CREATE TABLE logins (
  id        INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were added
  kind      INTEGER NOT NULL,
  login_key BLOB    NOT NULL,
  user_id   BLOB    NOT NULL REFERENCES accounts ON DELETE CASCADE,
  provider  BLOB    NOT NULL,
  label     BLOB    NOT NULL,
  data      BLOB    NOT NULL,
  created   INTEGER NOT NULL,
  used      INTEGER NOT NULL,
  UNIQUE (kind, login_key)
) STRICT;

CREATE INDEX logins_user ON logins (user_id);

CREATE TABLE sessions (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  token     BLOB    NOT NULL UNIQUE, -- SHA-256 of it
  endpoint  BLOB    NOT NULL UNIQUE, -- 16 bytes
  user_id   BLOB    NOT NULL REFERENCES accounts ON DELETE CASCADE,
  device    BLOB    NOT NULL,        -- 16 bytes; zeros: not bound
  name      BLOB    NOT NULL,
  method    BLOB    NOT NULL,
  signed_in INTEGER NOT NULL,
  seen      INTEGER NOT NULL,
  expires   INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE backups (
  user_id BLOB    NOT NULL PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  counter INTEGER NOT NULL,
  sealed  BLOB    NOT NULL,
  auths   BLOB    NOT NULL, -- 32 bytes each
  stored  INTEGER NOT NULL
) STRICT;

CREATE TABLE tries (
  try_key BLOB    NOT NULL PRIMARY KEY,
  tried   INTEGER NOT NULL,
  ends    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tries_ends ON tries (ends);

-- One row is one leaf of the log. Rows are never changed or deleted.
CREATE TABLE epochs (
  number        INTEGER NOT NULL PRIMARY KEY, -- from 0, without gaps
  leaf          BLOB    NOT NULL,
  distinguished INTEGER NOT NULL
) STRICT;

CREATE INDEX epochs_distinguished ON epochs (number) WHERE distinguished = 1;

-- What the map is built from at the start, in that order and apart from the
-- records, so that it is read fast. Rows are never changed or deleted.
CREATE TABLE leaves (
  epoch      INTEGER NOT NULL REFERENCES epochs,
  label      BLOB    NOT NULL UNIQUE, -- 32 bytes
  commitment BLOB    NOT NULL,        -- 32 bytes
  PRIMARY KEY (epoch, label)
) STRICT, WITHOUT ROWID;

-- What a leaf is about. Rows are never changed or deleted.
CREATE TABLE entries (
  id        INTEGER PRIMARY KEY,
  namespace INTEGER NOT NULL,
  name      BLOB    NOT NULL,
  version   INTEGER NOT NULL,
  epoch     INTEGER NOT NULL, -- and label: of the leaf
  label     BLOB    NOT NULL,
  proof     BLOB    NOT NULL, -- 80 bytes
  value     BLOB    NOT NULL,
  skeleton  BLOB    UNIQUE,   -- NULL: none
  UNIQUE (namespace, name, version)
) STRICT;

-- +goose Down
DROP TABLE entries;
DROP TABLE leaves;
DROP TABLE epochs;
DROP TABLE tries;
DROP TABLE backups;
DROP TABLE sessions;
DROP TABLE logins;
DROP TABLE accounts;
