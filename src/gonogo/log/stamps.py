"""Stamps: time stamps (RFC 3161) of checkpoints, by an authority that knows nothing of us but a digest.

A stamp proves that the log stood so at that time, to whoever trusts the authority. The authority keeps nothing: a
stamp is worth what its holder is, so it is handed out with the checkpoint it is about, and does not take the place
of an anchor in other people's hands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import httpx

from gonogo.errors import AnchorUnreachable, EvidenceBroken, SettingsBroken
from gonogo.log.sequencer import log_folder
from gonogo.log.tiles import write_durably
from gonogo.log.verifier import Broken, read_checkpoint
from gonogo.transports import leaves_clear

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gonogo.settings import Settings

ANSWER_SECONDS = 20.0
"""How long an authority may take."""
ANSWER_BYTES_MAX = 65_536
_WAY_OUT = "pip install 'gonogo[timestamps]'"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checkpoint, and when an authority saw its digest."""

    size: int
    """Entries that it covers."""
    at: datetime
    note: str
    """The checkpoint itself."""


def stamp(settings: Settings) -> Stamp:
    """Let the authority that ``GONOGO_TIMESTAMP_URL`` names stamp the log's newest checkpoint, and keep it.

    A checkpoint that is stamped already is not stamped again.

    Raises:
        SettingsBroken: no authority or no certificates are named, or something would leave the host in the clear.
        AnchorUnreachable: the authority does not answer, or answers what does not hold.
        EvidenceBroken: there is no log, or a stamp here does not hold.

    """
    url = settings.timestamp_url
    if url is None or settings.timestamp_roots is None:
        raise SettingsBroken("GONOGO_TIMESTAMP_URL and GONOGO_TIMESTAMP_ROOTS name no authority and its certificates.")
    if settings.environment != "dev" and leaves_clear(url):
        raise SettingsBroken(
            f"GONOGO_TIMESTAMP_URL is plain http to another host, which {settings.environment} does not allow."
        )
    folder = log_folder(settings)
    try:
        note = (folder / "checkpoint").read_bytes()
        size = read_checkpoint(note.decode(), None).size
    except (OSError, ValueError, Broken) as error:
        raise EvidenceBroken(f"There is no log to stamp at {folder} ({error}); `gonogo sequence` makes one.") from error
    roots = settings.timestamp_roots
    path = folder / "stamps" / f"{size}.tsr"
    if path.exists():
        return _read(path, roots)
    response = _asked(url, note, roots)
    path.parent.mkdir(exist_ok=True)
    # The checkpoint first: a stamp without what it is about is worth nothing.
    write_durably(path.with_suffix(".checkpoint"), note)
    write_durably(path, response)
    return _read(path, roots)


def stamp_if_due(settings: Settings) -> Stamp | None:
    """Stamp where an authority is named, and the newest stamp is as old as anchors may become.

    Raises:
        AnchorUnreachable, EvidenceBroken, SettingsBroken: see :func:`stamp`.

    """
    if settings.timestamp_url is None:
        return None
    made = [path.stat().st_mtime for path in (log_folder(settings) / "stamps").glob("*.tsr")]
    is_due = time.time() - max(made, default=0.0) >= settings.anchor_seconds
    return stamp(settings) if is_due else None


def stamps(folder: Path, roots: Path) -> list[Stamp]:
    """Return every stamp that stands beside a log, oldest first.

    Args:
        folder: the log's.
        roots: PEM file of the certificates that are trusted.

    Raises:
        EvidenceBroken: one of them does not hold; the message says which.
        SettingsBroken: there are no certificates that can be read.

    """
    found = sorted((folder / "stamps").glob("*.tsr"), key=lambda path: int(path.stem))
    return [_read(path, roots) for path in found]


def _asked(url: str, note: bytes, roots: Path) -> bytes:
    """Return the authority's answer about a checkpoint, once it holds."""
    try:
        from rfc3161_client import TimestampRequestBuilder
    except ImportError as error:
        raise SettingsBroken(f"GONOGO_TIMESTAMP_URL is set, and its library is not installed: {_WAY_OUT}.") from error
    request = TimestampRequestBuilder().data(note).nonce(nonce=True).cert_request(cert_request=True).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = httpx.post(url, content=request.as_bytes(), headers=headers, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        why = type(error).__name__
        raise AnchorUnreachable(f"The time stamp authority does not answer ({why}); it is asked again.") from error
    if len(answer.content) > ANSWER_BYTES_MAX:
        raise AnchorUnreachable("The time stamp authority answered far more than a stamp; it is not kept.")
    try:
        _checked(answer.content, note, roots, request.nonce)
    except EvidenceBroken as error:
        raise AnchorUnreachable(f"The time stamp authority answered what does not hold: {error}") from error
    return answer.content


def _read(path: Path, roots: Path) -> Stamp:
    try:
        note, raw = path.with_suffix(".checkpoint").read_bytes(), path.read_bytes()
        size = read_checkpoint(note.decode(), None).size
    except (OSError, ValueError, Broken) as error:
        raise EvidenceBroken(f"The stamp {path.name} has no checkpoint that can be read ({error}).") from error
    try:
        at = _checked(raw, note, roots, None)
    except EvidenceBroken as error:
        raise EvidenceBroken(f"The stamp {path.name} does not hold: {error}") from error
    return Stamp(size, at, note.decode())


def _checked(raw: bytes, note: bytes, roots: Path, nonce: int | None) -> datetime:
    """Return when an authority under these certificates stamped a checkpoint."""
    try:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError as error:
        raise SettingsBroken(f"Time stamps are checked by a library that is not installed: {_WAY_OUT}.") from error
    from cryptography.x509 import load_pem_x509_certificates

    try:
        trusted = load_pem_x509_certificates(roots.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsBroken(f"{roots} holds no certificates that can be read ({error}).") from error
    try:
        response = decode_timestamp_response(raw)
        VerifierBuilder(roots=list(trusted), nonce=nonce).build().verify_message(response, note)
        return response.tst_info.gen_time.astimezone(UTC)
    except (VerificationError, ValueError) as error:
        raise EvidenceBroken(str(error)) from error
