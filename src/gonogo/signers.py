"""Signers: a person's own key signs, through ``ssh-keygen``, so that plain, agent and hardware keys all work alike.

The key itself never comes into this process. Where the file is the public half, ``ssh-keygen`` asks the
agent or the security key for the rest.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from gonogo.errors import AnswerRefused, EnrolmentRefused
from gonogo.public_keys import PublicKey, SignatureRefused
from gonogo.signatures import unarmoured

if TYPE_CHECKING:
    from pathlib import Path

SIGN_SECONDS = 120
"""How long a person has to type a passphrase, or to touch a key."""


def sign(key: Path, message: bytes, namespace: str) -> bytes:
    """Return the signature of a message by the key in a file, for one purpose.

    Raises:
        AnswerRefused: it could not be made; nothing was answered.

    """
    if not key.is_file():
        raise AnswerRefused(f"There is no key at {key}; --sign takes a private key, or the public half of an agent's.")
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    try:
        # Standard error stays the terminal's: a passphrase, or a touch, is asked for there.
        done = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=False, timeout=SIGN_SECONDS)  # noqa: S603 - a fixed program, no shell
    except FileNotFoundError as error:
        raise AnswerRefused("ssh-keygen is not installed; it comes with OpenSSH, and makes the signature.") from error
    except subprocess.TimeoutExpired as error:
        raise AnswerRefused(f"The key {key} did not sign within {SIGN_SECONDS} s; nothing was answered.") from error
    if done.returncode != 0:
        raise AnswerRefused(f"ssh-keygen did not sign with {key}; it says why. Nothing was answered.")
    try:
        return unarmoured(done.stdout.decode("ascii", "replace"))
    except SignatureRefused as error:
        raise AnswerRefused(
            f"What ssh-keygen made with {key} is no signature ({error}); nothing was answered."
        ) from error


def new_pair(path: Path) -> str:
    """Make a pair of keys that only this account can read, in the place of an old one; return the public half.

    For keys of processes, which nobody is there to type a passphrase for.

    Raises:
        EnrolmentRefused: none could be made; an old one stays.

    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(beside)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - a fixed program, no shell
        half = beside.with_name(f"{beside.name}.pub")
        public = str(PublicKey.parse(half.read_text(encoding="ascii").strip()))
        half.replace(path.with_name(f"{path.name}.pub"))
        beside.replace(path)
    except (OSError, subprocess.CalledProcessError, SignatureRefused) as error:
        raise EnrolmentRefused(f"ssh-keygen made no key at {path} ({error}); give one with --key.") from error
    return public
