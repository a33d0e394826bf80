-- The zone's serial when the label was given up: name servers ask which names came and went since the serial they have.
ALTER TABLE given_up_labels ADD COLUMN serial BIGINT NOT NULL DEFAULT 0;
CREATE INDEX given_up_labels_serial ON given_up_labels (serial);
