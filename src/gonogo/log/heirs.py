"""Heirs: the key that signs the log next, and the statement by which the key in force hands the log over to it.

The statement is a signed note, and an entry of the log: from its entry on only the heir's signatures
count, so a key that was stolen later signs nothing that verifies against what came after it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

import orjson

from gonogo.log.keys import signer_of
from gonogo.log.notes import NoteRefused, VerifierKey, sign, verified_text

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.log.notes import Signer

KIND = "gonogo.log-key/v1"
"""First line of a statement."""
KEYS = "log-keys"
"""The name under which hand-overs stand in the journals, on a desk; no run bears it."""
KEY_STREAM = f"{KEYS}/desk"
_LINES = 4


def heir_path(path: Path) -> Path:
    """Return where the heir's private key waits beside the one in force."""
    return path.with_name(f"{path.name}.next")


def statement(old: Signer, new: Signer) -> str:
    """Return the hand-over from one key to another, signed by both."""
    return sign(f"{KIND}\n{old.name}\n{old.verifier}\n{new.verifier}\n", [old, new])


def heir_named(note: str, old: VerifierKey) -> VerifierKey:
    """Return to whom a statement hands the log of the key ``old``.

    Raises:
        NoteRefused: it is no statement, hands over another log or from another key, or one of the two has not signed.

    """
    lines = note.partition("\n\n")[0].split("\n")
    if len(lines) != _LINES or lines[:3] != [KIND, old.name, str(old)]:
        raise NoteRefused(f"It does not hand the log {old.name} over from the key in force.")
    new = VerifierKey.parse(lines[3])
    if new.name != old.name or new == old:
        raise NoteRefused(f"It hands the log {old.name} over to no other key of its name.")
    verified_text(note, [old, new], need=2)
    return new


def statement_in(leaf: bytes) -> str | None:
    """Return the statement that a record of the keys' stream holds; ``None`` for a record of another kind."""
    fields = orjson.loads(leaf)
    if fields.get("type") != "io.gonogo.evidence.key_record.v1":
        return None
    data = fields.get("data")
    return str(cast("dict[str, object]", data).get("statement")) if isinstance(data, dict) else ""


def heir_for(path: Path, leaf: bytes, old: Signer) -> Signer:
    """Return who signs after a record of the keys' stream; the key in force, where it hands nothing over.

    Raises:
        NoteRefused: the statement does not hold, or the heir's private key is not here.

    """
    note = statement_in(leaf)
    if note is None:
        return old
    new, waits = heir_named(note, old.verifier), heir_path(path)
    if not waits.exists() or (heir := signer_of(waits, old.name)).verifier != new:
        raise NoteRefused(f"The private key of {new} is not at {waits}; put it there, or the log stays as it is.")
    return heir


def signer_for(path: Path, name: str, note: str) -> Signer:
    """Return the key that signs on after a checkpoint; a hand-over that a crash cut short is finished.

    Raises:
        SettingsBroken, EvidenceUnwritable: see :func:`gonogo.log.keys.signer_of`.

    """
    waits = heir_path(path)
    if waits.exists():
        heir = signer_of(waits, name)
        with suppress(NoteRefused):
            verified_text(note, [heir.verifier])
            succeed(path, heir)
    return signer_of(path, name)


def succeed(path: Path, signer: Signer) -> None:
    """Put the heir's private key in place of its predecessor's, which is gone, where the heir is who signs."""
    waits = heir_path(path)
    if waits.exists() and signer_of(waits, signer.name).verifier == signer.verifier:
        waits.replace(path)
