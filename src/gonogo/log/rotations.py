"""Rotations: the log is handed over to a new key, as an entry of the log that both keys have signed.

What happens at a crash: the new key waits beside the old one until a checkpoint bears its signature. Before
the statement is recorded nothing has changed; after it, the next pass of the sequencer completes it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceBroken, RunBusy
from gonogo.evidence.canon import payload_bytes, plain_text
from gonogo.log.heirs import KEYS, heir_path, statement
from gonogo.log.keys import key_path, signer_of
from gonogo.log.sequencer import open_log, take_in

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.log.notes import VerifierKey
    from gonogo.log.sequencer import Log
    from gonogo.settings import Settings

PATIENCE_SECONDS = 30.0
"""How long another sequencer is waited for."""


def rotate(settings: Settings, journal: Journal, reason: str, *, by: str) -> tuple[VerifierKey, VerifierKey]:
    """Hand the log over to a new key, and return the old and the new one; the old private key is gone then.

    Raises:
        RunBusy: another process went on sequencing for half a minute.
        EvidenceBroken: the log does not hold, or the hand-over could not be taken into it.
        EvidenceUnwritable, SettingsBroken: log, journal or key cannot be written or read.

    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with open_log(settings) as log:
                return _rotate(settings, journal, log, reason, by)
        except RunBusy:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _rotate(settings: Settings, journal: Journal, log: Log, reason: str, by: str) -> tuple[VerifierKey, VerifierKey]:
    old = log.signer
    take_in(log, journal)
    # A hand-over that was recorded before a crash has been completed by that; a second one was not asked for.
    if log.signer.verifier == old.verifier:
        new = signer_of(heir_path(key_path(settings)), old.name)
        _record(settings, journal, statement(old, new), {"by": by, "reason": reason, "old": old, "new": new})
        faults = take_in(log, journal).faults
        if log.signer.verifier != new.verifier:
            raise EvidenceBroken(f"The log was not handed over: {' '.join(faults) or 'the statement is not in it.'}")
    return old.verifier, log.signer.verifier


def _record(settings: Settings, journal: Journal, note: str, told: dict[str, Any]) -> None:
    """Make the statement durable in the keys' own stream."""
    old, new, by = told["old"], told["new"], plain_text(told["by"], 200)
    envelope = {
        "runid": KEYS,
        "subject": KEYS,
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": "",
        "authtype": "unauthenticated",
        "authid": by,
    }
    data = {
        "objects": [{"id": old.name, "type": "log"}],
        "phase": "fact",
        "event": "rotated",
        "log": old.name,
        "old": old.verifier.hash.hex(),
        "new": new.verifier.hash.hex(),
        "by": by,
        "statement": note,
    }
    with journal.open_desk(KEYS) as desk:
        reason = plain_text(told["reason"], 1_000)
        desk.append(envelope, "key_record", data, payload=payload_bytes({"reason": reason}))
        desk.commit_now()
