-- Who had signed in where, when an answer is that of a sign-in. Null for what landed before; landing again fills it.

ALTER TABLE approvals ADD COLUMN issuer VARCHAR;
COMMENT ON COLUMN approvals.issuer IS 'OpenID provider at which the person had signed in; null for any other proof.';
ALTER TABLE approvals ADD COLUMN subject VARCHAR;
COMMENT ON COLUMN approvals.subject IS 'Who they are there; null for any other proof.';
ALTER TABLE approvals ADD COLUMN signed_in_at TIMESTAMPTZ;
COMMENT ON COLUMN approvals.signed_in_at IS 'When they proved who they are, as the provider says; null where it does not say.';

COMMENT ON COLUMN approvals.proof IS 'What vouches for the name: unproven, clock, totp, oidc or signature.';
COMMENT ON COLUMN gates.proof IS 'What vouches for the name: unproven, clock, totp, oidc or signature.';
