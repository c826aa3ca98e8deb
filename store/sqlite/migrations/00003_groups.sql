-- +goose Up
-- The logs of groups, who is in them as far as the server was told, and what waits
-- for single devices.

CREATE TABLE groups (
  id    BLOB    NOT NULL PRIMARY KEY, -- 16 bytes
  maker BLOB    NOT NULL, -- device
  epoch INTEGER NOT NULL,
  head  INTEGER NOT NULL, -- sequence number of the newest row
  first INTEGER NOT NULL  -- of the oldest row that is kept; head + 1: none is
) STRICT, WITHOUT ROWID;

CREATE TABLE group_devices (
  group_id BLOB    NOT NULL REFERENCES groups ON DELETE CASCADE,
  device   BLOB    NOT NULL,
  user_id  BLOB    NOT NULL,
  joined   INTEGER NOT NULL, -- reads what comes after
  acked    INTEGER NOT NULL, -- has stored what is up to here
  gone     INTEGER NOT NULL, -- reads up to here; 0: it is in the group
  PRIMARY KEY (group_id, device)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_devices_device ON group_devices (device, group_id);
CREATE INDEX group_devices_user ON group_devices (user_id, device);

CREATE TABLE group_log (
  group_id  BLOB    NOT NULL REFERENCES groups ON DELETE CASCADE,
  seq       INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  sender    BLOB    NOT NULL, -- device
  client_id BLOB    NOT NULL,
  epoch     INTEGER NOT NULL,
  time      INTEGER NOT NULL,
  message   BLOB    NOT NULL, -- empty: deleted; the rest stays, so that a retry is known
  PRIMARY KEY (group_id, seq),
  UNIQUE (group_id, sender, client_id)
) STRICT;

CREATE TABLE inbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  device      BLOB    NOT NULL, -- whose
  kind        INTEGER NOT NULL,
  group_id    BLOB    NOT NULL,
  commit_seq  INTEGER NOT NULL,
  from_user   BLOB    NOT NULL,
  from_device BLOB    NOT NULL,
  data        BLOB    NOT NULL,
  tree        BLOB    NOT NULL
) STRICT;

CREATE INDEX inbox_device ON inbox (device, id);

-- +goose Down
DROP TABLE inbox;
DROP TABLE group_log;
DROP TABLE group_devices;
DROP TABLE groups;
