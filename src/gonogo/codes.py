"""Codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 seconds), and the seeds they come from.

A seed is a secret. It stands in the home, one file a person with the mode 0600, and never in the
repository or in evidence. Whoever can read it can answer for that person, so codes are for medium risk.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import b32encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from gonogo.errors import EvidenceUnwritable, SettingsBroken

if TYPE_CHECKING:
    from pathlib import Path

STEP_SECONDS = 30
STEPS_OFF_MAX = 1
"""A code of the step before or after counts, too: clocks differ, and people type slowly."""
SEED_BYTES = 20
_CODE = re.compile(r"[0-9]{6}")
_DIGITS = 1_000_000


def code_at(seed: bytes, step: int) -> str:
    """Return the code of one 30-second step since 1970."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % _DIGITS:06d}"


def step_of(seed: bytes, code: str, seconds: float) -> int | None:
    """Return the step a code belongs to, among those that count at a time; ``None`` where it is no code of now.

    Args:
        seed: the person's.
        code: what was typed.
        seconds: the time, in seconds since 1970.

    """
    if _CODE.fullmatch(code) is None:
        return None
    now = int(seconds) // STEP_SECONDS
    steps = range(max(0, now - STEPS_OFF_MAX), now + STEPS_OFF_MAX + 1)
    # Each is compared, whichever fits, so that how long it takes tells nothing.
    fitting = [step for step in steps if hmac.compare_digest(code_at(seed, step).encode(), code.encode())]
    return fitting[0] if fitting else None


def seed_path(home: Path, person: str) -> Path:
    """Return where a person's seed stands."""
    return home / "keys" / "totp" / person


def read_seed(home: Path, person: str) -> bytes | None:
    """Return a person's seed; ``None`` where this home holds none.

    Raises:
        SettingsBroken: others may read it, or it is no seed.

    """
    path = seed_path(home, person)
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsBroken(f"{path} is a secret and others may read it; run: chmod 600 {path}")
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsBroken(f"{path} is no seed that can be read ({error}); enrol the person again.") from error
    if len(seed) != SEED_BYTES:
        raise SettingsBroken(f"{path} is no seed of {SEED_BYTES} bytes; enrol the person again.")
    return seed


def write_seed(home: Path, person: str) -> str:
    """Make a new seed for a person, in the place of an old one; return what an authenticator app takes it from.

    Raises:
        EvidenceUnwritable: it cannot be written; an old one stays.

    """
    path, seed = seed_path(home, person), os.urandom(SEED_BYTES)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(seed.hex().encode())
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError as error:
        raise EvidenceUnwritable(f"The seed cannot be written to {path}: {error.strerror}.") from error
    label, secret = quote(f"gonogo:{person}"), b32encode(seed).decode()
    return f"otpauth://totp/{label}?secret={secret}&issuer=gonogo&algorithm=SHA1&digits=6&period={STEP_SECONDS}"


def forget_seed(home: Path, person: str) -> None:
    """Delete a person's seed; nothing to do where there is none."""
    seed_path(home, person).unlink(missing_ok=True)
