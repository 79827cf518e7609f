-- What each tool call reaches, and what a restart from the beginning would have paid for again. The columns are null
-- for what landed before; `gonogo rebuild` fills them.

ALTER TABLE tool_calls ADD COLUMN records BIGINT;
COMMENT ON COLUMN tool_calls.records IS 'Records that it changes, as its author declares, else one for each change; null for a call that was never begun.';
ALTER TABLE tool_calls ADD COLUMN recipients BIGINT;
COMMENT ON COLUMN tool_calls.recipients IS 'People or places that it writes or pays to, as its author declares; null for a call that was never begun.';
ALTER TABLE tool_calls ADD COLUMN amount_cents BIGINT;
COMMENT ON COLUMN tool_calls.amount_cents IS 'Money that it moves, in minor units, as its author declares; null for a call that was never begun.';

ALTER TABLE runs ADD COLUMN kept_micros BIGINT;
COMMENT ON COLUMN runs.kept_micros IS 'Cost of its model calls that an earlier attempt than the last one recorded, so that they were looked up and not paid for again, in millionths of currency.';
