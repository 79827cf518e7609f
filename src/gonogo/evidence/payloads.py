"""Payloads too large for a journal line stand apart, named by their commitment."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from gonogo.errors import EvidenceBroken, EvidenceUnwritable
from gonogo.evidence.canon import SALT_BYTES, commitment, new_salt
from gonogo.evidence.disk import make_folder, sync_folder
from gonogo.evidence.keyring import Keyring, keyring_at
from gonogo.evidence.records import Payload
from gonogo.evidence.sealing import opened
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record

INLINE_MAX_BYTES = 65_536


class Payloads(Protocol):
    """A store of salted payloads by their commitment; what is taken out of it is erased."""

    def put(self, digest: str, salted: bytes) -> None:
        """Keep salt and bytes, durable before this returns.

        Raises:
            EvidenceUnwritable: they could not be written; nothing may be recorded about them.

        """
        ...

    def get(self, digest: str) -> bytes | None:
        """Return salt and bytes, unchecked; ``None`` once they have been erased."""
        ...


@dataclass(frozen=True, slots=True)
class FilePayloads:
    """Payloads as files; deleting one erases it and leaves every proof whole."""

    folder: Path

    def put(self, digest: str, salted: bytes) -> None:
        """Write the salt, then the exact bytes, to a file of their own, its name durable as well."""
        path = payload_path(self.folder, digest)
        try:
            make_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(salted)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            msg = f"A payload cannot be written to {path.parent} ({error.strerror}); free the disk and try again."
            raise EvidenceUnwritable(msg) from error

    def get(self, digest: str) -> bytes | None:
        """Return what stands in the payload's file."""
        try:
            return payload_path(self.folder, digest).read_bytes()
        except FileNotFoundError:
            return None


def store_if_large(payloads: Payloads, body: bytes) -> tuple[bytes | None, dict[str, Any]]:
    """Return the body for the line, or store it apart and return the leaf fields that name it.

    Raises:
        EvidenceUnwritable: the payload could not be written; nothing is recorded about it.

    """
    if len(body) <= INLINE_MAX_BYTES:
        return body, {}
    salt = new_salt()
    digest = commitment(salt, body)
    payloads.put(digest, salt + body)
    return None, {"payloaddigest": digest, "dataref": f"payloads/{digest}"}


def read_payload(payloads: Payloads, digest: str) -> Payload | None:
    """Return a stored payload, or ``None`` once it has been erased.

    Raises:
        EvidenceBroken: what is stored is not what the leaf committed to.

    """
    raw = payloads.get(digest)
    if raw is None:
        return None
    payload = Payload(raw[:SALT_BYTES], raw[SALT_BYTES:])
    if payload.digest != digest:
        msg = f"The payload {digest} was changed; restore it from its copy."
        raise EvidenceBroken(msg)
    return payload


def payload_path(folder: Path, digest: str) -> Path:
    """Return where a payload's file stands."""
    return folder / digest[:2] / digest


def fetched(payloads: Payloads, record: Record) -> Record:
    """Return a record with the payload that stands apart from its line, as it is recorded."""
    if record.payload is None and "dataref" in record.fields:
        return replace(record, payload=read_payload(payloads, record.fields["payloaddigest"]))
    return record


def whole(payloads: Payloads, record: Record) -> Record:
    """Return a record with its payload, wherever it stands, and what is personal in it opened.

    Without a payload, where it was erased or a key of it was destroyed.
    """
    return opened(fetched(payloads, record), lambda identity: keys_of(payloads).by_id(identity))


def keys_of(payloads: Payloads) -> Keyring:
    """Return the keys of data subjects that belong to a store of payloads."""
    return keyring_at(payloads.folder.parent if isinstance(payloads, FilePayloads) else settings().home)
