-- What only this machine vouches for, as of the moment a mart is published.

ALTER TABLE snapshot ADD COLUMN unanchored_records BIGINT;
COMMENT ON COLUMN snapshot.unanchored_records IS 'Records in the signed log that no anchor covers; null where there is no log that can be read.';
ALTER TABLE snapshot ADD COLUMN unanchored_seconds BIGINT;
COMMENT ON COLUMN snapshot.unanchored_seconds IS 'Age of the oldest of them when the mart was published; 0 where all is anchored.';
