"""The key that signs checkpoints: made once, kept in a file of its own, never in evidence.

Whoever can read it can sign another log. So production keeps it where the missions' processes cannot
read it (``GONOGO_LOG_KEY``), and anchors checkpoints elsewhere; see ``docs/guides/log.md``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gonogo.errors import EvidenceUnwritable, SettingsBroken
from gonogo.log.notes import Signer

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.settings import Settings

_PRIVATE_MODE = 0o600


def key_path(settings: Settings) -> Path:
    """Return where the private key in force stands."""
    return settings.log_key or settings.home / "keys" / "log.pem"


def signer_of(path: Path, name: str) -> Signer:
    """Return who signs the log ``name``; the key is made where there is none.

    Raises:
        SettingsBroken: the file holds no Ed25519 key, or others may read it.
        EvidenceUnwritable: it cannot be made.

    """
    if not path.exists():
        _make(path)
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsBroken(f"{path} signs the log and others may read it; run: chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsBroken(
            f"{path} is no private key that can be read ({error}); GONOGO_LOG_KEY names it."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsBroken(f"{path} is no Ed25519 key; checkpoints are signed with one.")
    return Signer(name, key)


def _make(path: Path) -> None:
    """Make a key, for whoever comes first; the others find it."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        try:
            # A link is refused where the name is taken: two processes end with one key.
            os.link(beside, path)
        except FileExistsError:
            return
        finally:
            beside.unlink()
    except OSError as error:
        raise EvidenceUnwritable(f"The key of the log cannot be made at {path}: {error.strerror}.") from error
