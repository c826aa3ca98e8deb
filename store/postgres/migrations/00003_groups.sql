-- +goose Up
-- The logs of groups, who is in them as far as the server was told, and what waits
-- for single devices.

CREATE TABLE groups (
  id    BYTEA   NOT NULL PRIMARY KEY, -- 16 bytes
  maker BYTEA   NOT NULL, -- device
  epoch BIGINT  NOT NULL,
  head  BIGINT  NOT NULL, -- sequence number of the newest row
  first BIGINT  NOT NULL  -- of the oldest row that is kept; head + 1: none is
);

CREATE TABLE group_devices (
  group_id BYTEA   NOT NULL REFERENCES groups ON DELETE CASCADE,
  device   BYTEA   NOT NULL,
  user_id  BYTEA   NOT NULL,
  joined   BIGINT  NOT NULL, -- reads what comes after
  acked    BIGINT  NOT NULL, -- has stored what is up to here
  gone     BIGINT  NOT NULL, -- reads up to here; 0: it is in the group
  PRIMARY KEY (group_id, device)
);

CREATE INDEX group_devices_device ON group_devices (device, group_id);
CREATE INDEX group_devices_user ON group_devices (user_id, device);

CREATE TABLE group_log (
  group_id  BYTEA   NOT NULL REFERENCES groups ON DELETE CASCADE,
  seq       BIGINT  NOT NULL,
  kind      BIGINT  NOT NULL,
  sender    BYTEA   NOT NULL, -- device
  client_id BYTEA   NOT NULL,
  epoch     BIGINT  NOT NULL,
  time      BIGINT  NOT NULL,
  message   BYTEA   NOT NULL, -- empty: deleted; the rest stays, so that a retry is known
  PRIMARY KEY (group_id, seq),
  UNIQUE (group_id, sender, client_id)
);

CREATE TABLE inbox (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device      BYTEA   NOT NULL, -- whose
  kind        BIGINT  NOT NULL,
  group_id    BYTEA   NOT NULL,
  commit_seq  BIGINT  NOT NULL,
  from_user   BYTEA   NOT NULL,
  from_device BYTEA   NOT NULL,
  data        BYTEA   NOT NULL,
  tree        BYTEA   NOT NULL
);

CREATE INDEX inbox_device ON inbox (device, id);

-- +goose Down
DROP TABLE inbox;
DROP TABLE group_log;
DROP TABLE group_devices;
DROP TABLE groups;
