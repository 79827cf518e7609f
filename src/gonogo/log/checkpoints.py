"""Checkpoints: what a log was at one moment, signed, as C2SP tlog-checkpoint has it (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple

from gonogo.log.merkle import HASH_BYTES
from gonogo.log.notes import NoteRefused, Signer, VerifierKey, sign, unbase64, verified_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = 3


class Checkpoint(NamedTuple):
    """A log's name, its size, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def signed(self, signers: Sequence[Signer]) -> str:
        """Return the checkpoint as a signed note."""
        return sign(self.text, signers)


def read_checkpoint(note: str, origin: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return what a checkpoint says.

    Raises:
        NoteRefused: it is malformed, of another log, or signed by none of the keys.

    """
    lines = verified_text(note, keys).split("\n")[:-1]
    if len(lines) < _LINES:
        raise NoteRefused("A checkpoint reads origin, size, root.")
    said, size, root = lines[:_LINES]
    if said != origin:
        raise NoteRefused(f"The checkpoint is of the log {said}, not of {origin}.")
    # A size is written in one way only: a second would be a second text for one fact.
    if not (size.isascii() and size.isdigit()) or size != str(int(size)):
        raise NoteRefused(f"{size} is no size of a log.")
    raw = unbase64(root)
    if len(raw) != HASH_BYTES:
        raise NoteRefused(f"A root has {HASH_BYTES} bytes, not {len(raw)}.")
    return Checkpoint(said, int(size), raw)
