-- What a call of a tool costs, where policies/assumptions.yaml declares it.

CREATE TABLE tool_fees (
    tool     VARCHAR NOT NULL,
    micros   BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    standing VARCHAR NOT NULL
);
COMMENT ON TABLE tool_fees IS 'One row a tool of which a fee is declared. Empty where none is, and in the warehouse itself.';
COMMENT ON COLUMN tool_fees.tool IS 'Name of the tool.';
COMMENT ON COLUMN tool_fees.micros IS 'What a call that was begun costs, in millionths of currency.';
COMMENT ON COLUMN tool_fees.currency IS 'Currency of micros.';
COMMENT ON COLUMN tool_fees.standing IS 'declared (somebody answers for it) or example (it shipped with gonogo).';
