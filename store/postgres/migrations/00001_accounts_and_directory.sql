-- +goose Up
-- Times are milliseconds since 1970. What came from outside is in BYTEA, text too.

CREATE TABLE accounts (
  user_id  BYTEA   NOT NULL PRIMARY KEY, -- 16 bytes
  handle   BYTEA   UNIQUE,               -- NULL until one is chosen
  skeleton BYTEA   UNIQUE,               -- NULL with it
  claimed  BIGINT  NOT NULL,             -- 1: the directory has it, for ever
  created  BIGINT  NOT NULL
);

CREATE INDEX accounts_unclaimed ON accounts (created) WHERE claimed = 0;

CREATE TABLE logins (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order they were added
  kind      BIGINT  NOT NULL,
  login_key BYTEA   NOT NULL,
  user_id   BYTEA   NOT NULL REFERENCES accounts ON DELETE CASCADE,
  provider  BYTEA   NOT NULL,
  label     BYTEA   NOT NULL,
  data      BYTEA   NOT NULL,
  created   BIGINT  NOT NULL,
  used      BIGINT  NOT NULL,
  UNIQUE (kind, login_key)
);

CREATE INDEX logins_user ON logins (user_id);

CREATE TABLE sessions (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token     BYTEA   NOT NULL UNIQUE, -- SHA-256 of it
  endpoint  BYTEA   NOT NULL UNIQUE, -- 16 bytes
  user_id   BYTEA   NOT NULL REFERENCES accounts ON DELETE CASCADE,
  device    BYTEA   NOT NULL,        -- 16 bytes; zeros: not bound
  name      BYTEA   NOT NULL,
  method    BYTEA   NOT NULL,
  signed_in BIGINT  NOT NULL,
  seen      BIGINT  NOT NULL,
  expires   BIGINT  NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE backups (
  user_id BYTEA   NOT NULL PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  counter BIGINT  NOT NULL,
  sealed  BYTEA   NOT NULL,
  auths   BYTEA   NOT NULL, -- 32 bytes each
  stored  BIGINT  NOT NULL
);

CREATE TABLE tries (
  try_key BYTEA   NOT NULL PRIMARY KEY,
  tried   BIGINT  NOT NULL,
  ends    BIGINT  NOT NULL
);

CREATE INDEX tries_ends ON tries (ends);

-- One row is one leaf of the log. Rows are never changed or deleted.
CREATE TABLE epochs (
  number        BIGINT  NOT NULL PRIMARY KEY, -- from 0, without gaps
  leaf          BYTEA   NOT NULL,
  distinguished BIGINT  NOT NULL
);

CREATE INDEX epochs_distinguished ON epochs (number) WHERE distinguished = 1;

-- What the map is built from at the start, in that order and apart from the
-- records, so that it is read fast. Rows are never changed or deleted.
CREATE TABLE leaves (
  epoch      BIGINT  NOT NULL REFERENCES epochs,
  label      BYTEA   NOT NULL UNIQUE, -- 32 bytes
  commitment BYTEA   NOT NULL,        -- 32 bytes
  PRIMARY KEY (epoch, label)
);

-- What a leaf is about. Rows are never changed or deleted.
CREATE TABLE entries (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace BIGINT  NOT NULL,
  name      BYTEA   NOT NULL,
  version   BIGINT  NOT NULL,
  epoch     BIGINT  NOT NULL, -- and label: of the leaf
  label     BYTEA   NOT NULL,
  proof     BYTEA   NOT NULL, -- 80 bytes
  value     BYTEA   NOT NULL,
  skeleton  BYTEA   UNIQUE,   -- NULL: none
  UNIQUE (namespace, name, version)
);

-- +goose Down
DROP TABLE entries;
DROP TABLE leaves;
DROP TABLE epochs;
DROP TABLE tries;
DROP TABLE backups;
DROP TABLE sessions;
DROP TABLE logins;
DROP TABLE accounts;
