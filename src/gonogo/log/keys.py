"""The key that signs checkpoints: made once, kept in a file of its own, never in evidence.

Whoever can read it can sign another log. So production keeps it where the missions' processes cannot
read it (``GONOGO_LOG_KEY``), and anchors checkpoints elsewhere; see ``docs/guides/log.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gonogo.errors import EvidenceUnwritable, SettingsBroken
from gonogo.evidence.disk import write_once
from gonogo.log.notes import Signer

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.settings import Settings


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_once(path, pem)
    except OSError as error:
        raise EvidenceUnwritable(f"The key of the log cannot be made at {path}: {error.strerror}.") from error
