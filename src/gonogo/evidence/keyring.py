"""Keys of data subjects: one a person, apart from the evidence, each wrapped by a master key.

Destroying a subject's key erases what it sealed, wherever a copy of that went. So keys are never copied
with the evidence: they stand in a file (or a Postgres) of their own, and the master key in another. Nobody's
name stands there: a subject is found by a keyed digest, and its key bears a random id.
"""

from __future__ import annotations

import hmac
import os
from base64 import b32encode
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gonogo.errors import EvidenceUnwritable, SettingsBroken
from gonogo.evidence.disk import write_once
from gonogo.evidence.shelves import FileShelf
from gonogo.settings import settings

KEY_BYTES = 32
NONCE_BYTES = 12
_ID_BYTES = 16


@dataclass(frozen=True)
class SubjectKey:
    """The key of one person, and the random id that evidence names it by."""

    id: str
    secret: bytes = field(repr=False)

    @cached_property
    def sealing(self) -> AESGCM:
        """What encrypts."""
        return AESGCM(derived(self.secret, b"gonogo sealing"))

    @cached_property
    def mixing(self) -> hmac.HMAC:
        """What nonces are made with: copied for each, since to set it up takes longer than to use it."""
        return hmac.new(derived(self.secret, b"gonogo nonces"), digestmod="sha256")


class Shelf(Protocol):
    """Where wrapped keys stand: rows of id, lookup and wrapped key, nothing else."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        ...

    def put(self, identity: str, lookup: str, wrapped: bytes) -> tuple[str, bytes]:
        """Keep a key for whoever has none, durably; return the row that stands there now."""
        ...

    def by_lookup(self, lookup: str) -> tuple[str, bytes] | None:
        """Return the id and the wrapped key of a subject."""
        ...

    def by_id(self, identity: str) -> tuple[str, bytes] | None:
        """Return the lookup and the wrapped key of an id."""
        ...

    def destroy(self, identity: str) -> bool:
        """Delete a key, durably; whether there was one."""
        ...


@dataclass(frozen=True)
class Keyring:
    """All keys of one house; cheap to make, opens nothing by itself."""

    shelf: Shelf
    master: Path

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the keys."""
        return self.shelf.is_local

    def take(self, subject: str) -> SubjectKey:
        """Return a subject's key, made where there is none.

        Raises:
            SettingsBroken: the master key cannot be read, or is another one.
            EvidenceUnwritable: a key cannot be made; nothing may be recorded about this subject.

        """
        found = self.find(subject)
        if found is not None:
            return found
        identity, lookup = b32encode(os.urandom(_ID_BYTES)).decode().lower().rstrip("="), self._lookup(subject)
        wrapped = self._wrapped(identity, lookup, os.urandom(KEY_BYTES))
        identity, wrapped = self.shelf.put(identity, lookup, wrapped)
        return self._unwrapped(identity, lookup, wrapped)

    def find(self, subject: str) -> SubjectKey | None:
        """Return a subject's key; ``None`` where there is none, or no longer."""
        if not self.master.exists():
            return None
        lookup = self._lookup(subject)
        row = self.shelf.by_lookup(lookup)
        return None if row is None else self._unwrapped(row[0], lookup, row[1])

    def by_id(self, identity: str) -> SubjectKey | None:
        """Return the key that evidence names by an id; ``None`` once it was destroyed."""
        row = self.shelf.by_id(identity) if self.master.exists() else None
        return None if row is None else self._unwrapped(identity, row[0], row[1])

    def destroy(self, identity: str) -> bool:
        """Destroy a key; what it sealed is gone for ever. Whether there was one."""
        return self.shelf.destroy(identity)

    @cached_property
    def _secret(self) -> bytes:
        return read_secret(self.master, "master key of the data subjects", "GONOGO_MASTER_KEY")

    @cached_property
    def _looking(self) -> bytes:
        return derived(self._secret, b"gonogo lookup")

    @cached_property
    def _wrapping(self) -> AESGCM:
        return AESGCM(derived(self._secret, b"gonogo wrapping"))

    def _lookup(self, subject: str) -> str:
        return hmac.digest(self._looking, subject.encode(), "sha256").hex()

    def _wrapped(self, identity: str, lookup: str, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, secret, f"{identity}/{lookup}".encode())

    def _unwrapped(self, identity: str, lookup: str, wrapped: bytes) -> SubjectKey:
        nonce, rest = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return SubjectKey(identity, self._wrapping.decrypt(nonce, rest, f"{identity}/{lookup}".encode()))
        except (InvalidTag, ValueError) as error:
            raise SettingsBroken(
                f"The master key at {self.master} is not the one that the key {identity} was wrapped with; "
                "bring the right one back (GONOGO_MASTER_KEY)."
            ) from error


def derived(secret: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, made of a secret."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(secret)


def read_secret(path: Path, what: str, setting: str) -> bytes:
    """Return a secret of 32 bytes from its file, in hex; made where there is none.

    Raises:
        SettingsBroken: the file is no such secret, or others may read it.
        EvidenceUnwritable: it cannot be made.

    """
    if not path.exists():
        _make(path, what)
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsBroken(f"{path} is the {what} and others may read it; run: chmod 600 {path}")
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SettingsBroken(f"{path} is no {what} that can be read ({error}); {setting} names it.") from error
    if len(secret) != KEY_BYTES:
        raise SettingsBroken(f"{path} is no {what}: it takes {KEY_BYTES} bytes in hex. {setting} names it.")
    return secret


def _make(path: Path, what: str) -> None:
    """Make a secret, for whoever comes first; the others find it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_once(path, os.urandom(KEY_BYTES).hex().encode() + b"\n")
    except OSError as error:
        raise EvidenceUnwritable(f"The {what} cannot be made at {path}: {error.strerror}.") from error


def keyring_at(home: Path) -> Keyring:
    """Return the keys of a home: a file of its own, or where the settings say."""
    chosen = settings()
    master = chosen.master_key or home / "keys" / "master.key"
    if chosen.subject_keys is None:
        return Keyring(FileShelf(home / "keys" / "subjects.sqlite"), master)
    if not chosen.subject_keys.startswith(("postgresql://", "postgres://")):
        return Keyring(FileShelf(Path(chosen.subject_keys)), master)
    try:
        from gonogo.evidence.postgres.shelf import PostgresShelf
    except ImportError as error:
        msg = "GONOGO_SUBJECT_KEYS names a Postgres, and its driver is not installed: pip install 'gonogo[postgres]'."
        raise SettingsBroken(msg) from error
    return Keyring(PostgresShelf(chosen.subject_keys), master)
