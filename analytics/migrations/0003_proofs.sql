-- What vouches for an answer. The columns are null for what landed before; landing again from the journals fills them.

ALTER TABLE approvals ADD COLUMN partial BOOLEAN;
COMMENT ON COLUMN approvals.partial IS 'Whether it is one of several that a gate needs, and did not settle it.';
ALTER TABLE approvals ADD COLUMN reason_code VARCHAR;
COMMENT ON COLUMN approvals.reason_code IS 'Why, in one word; null for a typed name and for the clock.';
ALTER TABLE approvals ADD COLUMN key_fingerprint VARCHAR;
COMMENT ON COLUMN approvals.key_fingerprint IS 'Fingerprint of the key that signed it; null where none did.';
ALTER TABLE approvals ADD COLUMN statement_digest VARCHAR;
COMMENT ON COLUMN approvals.statement_digest IS 'SHA-256 of the statement a key or a code vouches for; null where none does.';

COMMENT ON COLUMN approvals.proof IS 'What vouches for the name: unproven, clock, totp or signature.';
COMMENT ON COLUMN gates.proof IS 'What vouches for the name: unproven, clock, totp or signature.';
