"""Payloads too large for a journal line stand in files of their own, named by their commitment."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceBroken, EvidenceUnwritable
from gonogo.evidence.canon import SALT_BYTES, commitment, new_salt
from gonogo.evidence.disk import make_folder, sync_folder
from gonogo.evidence.records import Payload

if TYPE_CHECKING:
    from pathlib import Path

INLINE_MAX_BYTES = 65_536


def store_if_large(folder: Path, body: bytes) -> tuple[bytes | None, dict[str, Any]]:
    """Return the body for the line, or write it to a file and return the leaf fields that name it.

    The file is durable before this returns. It holds the salt, then the exact bytes; deleting it
    erases both and leaves every proof whole.

    Raises:
        EvidenceUnwritable: the payload could not be written; nothing is recorded about it.

    """
    if len(body) <= INLINE_MAX_BYTES:
        return body, {}
    salt = new_salt()
    digest = commitment(salt, body)
    path = payload_path(folder, digest)
    try:
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(salt + body)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        msg = f"A payload cannot be written to {path.parent} ({error.strerror}); free the disk and try again."
        raise EvidenceUnwritable(msg) from error
    return None, {"payloaddigest": digest, "dataref": f"payloads/{digest}"}


def read_payload(folder: Path, digest: str) -> Payload | None:
    """Return a stored payload, or ``None`` once it has been erased.

    Raises:
        EvidenceBroken: the file is not what the leaf committed to.

    """
    try:
        raw = payload_path(folder, digest).read_bytes()
    except FileNotFoundError:
        return None
    payload = Payload(raw[:SALT_BYTES], raw[SALT_BYTES:])
    if payload.digest != digest:
        msg = f"The payload file {digest} was changed; restore it from its copy."
        raise EvidenceBroken(msg)
    return payload


def payload_path(folder: Path, digest: str) -> Path:
    """Return where a payload stands."""
    return folder / digest[:2] / digest
