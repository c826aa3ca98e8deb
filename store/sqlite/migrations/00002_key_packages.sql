-- +goose Up
-- KeyPackages of devices. Of one that was handed out the hash stays until it
-- expires, so that it is never taken in again.

CREATE TABLE key_packages (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they came
  user_id     BLOB    NOT NULL REFERENCES accounts ON DELETE CASCADE,
  device      BLOB    NOT NULL, -- 16 bytes
  hash        BLOB    NOT NULL, -- 32 bytes
  last_resort INTEGER NOT NULL,
  claimed     INTEGER NOT NULL, -- 1: handed out, or replaced; message is empty
  expires     INTEGER NOT NULL,
  message     BLOB    NOT NULL,
  UNIQUE (user_id, device, hash)
) STRICT;

CREATE INDEX key_packages_waiting ON key_packages (user_id, device, last_resort, id) WHERE claimed = 0;

-- +goose Down
DROP TABLE key_packages;
