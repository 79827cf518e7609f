-- When people work, as policies/assumptions.yaml declares it.

CREATE TABLE business_hours (
    opens_at  TIMESTAMPTZ NOT NULL,
    closes_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE business_hours IS 'One row a stretch of business hours, from the first run to the last; none overlap. Empty where no calendar is declared, and in the warehouse itself.';
COMMENT ON COLUMN business_hours.opens_at IS 'When it begins.';
COMMENT ON COLUMN business_hours.closes_at IS 'When it ends.';
