-- A drill may also be of approvals, or of the evidence.
COMMENT ON TABLE drills IS 'One row a signal and lane of a drill: runaways set loose on purpose, and how soon they stood still; or an attack on a log, and what an auditor held.';
COMMENT ON COLUMN drills.drill IS 'What was drilled: abort, approvals, evidence.';
COMMENT ON COLUMN drills.signal IS 'Monitor that has to catch the runaway; or the attack.';
COMMENT ON COLUMN drills.lane IS 'batch, warm_runner or processes; of an attack, what the auditor holds: checkpoint, kept or anchored.';
COMMENT ON COLUMN drills.trials IS 'Runaways set loose, or attacks made.';
COMMENT ON COLUMN drills.caught IS 'Runaways that this very signal caught, with nothing done afterwards; or attacks found.';
COMMENT ON COLUMN drills.most_us IS 'The longest; of an attack, how long verifying took.';
COMMENT ON COLUMN drills.passed IS 'Whether all were caught in time; of an attack, whether it was found exactly where it can be.';
