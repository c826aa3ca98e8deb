-- +goose Up
-- KeyPackages of devices. Of one that was handed out the hash stays until it
-- expires, so that it is never taken in again.

CREATE TABLE key_packages (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order they came
  user_id     BYTEA   NOT NULL REFERENCES accounts ON DELETE CASCADE,
  device      BYTEA   NOT NULL, -- 16 bytes
  hash        BYTEA   NOT NULL, -- 32 bytes
  last_resort BIGINT  NOT NULL,
  claimed     BIGINT  NOT NULL, -- 1: handed out, or replaced; message is empty
  expires     BIGINT  NOT NULL,
  message     BYTEA   NOT NULL,
  UNIQUE (user_id, device, hash)
);

CREATE INDEX key_packages_waiting ON key_packages (user_id, device, last_resort, id) WHERE claimed = 0;

-- +goose Down
DROP TABLE key_packages;
