"""Anchors: the log's checkpoints kept where other people are in charge, and how much is not kept there yet.

A checkpoint that this machine signed proves little against whoever runs this machine. In a repository of
somebody else's, that only grows, it proves that the log held exactly this by then.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from gonogo.errors import AnchorUnreachable, EvidenceBroken, SettingsBroken
from gonogo.evidence.canon import moment
from gonogo.log.merkle import root_of
from gonogo.log.repositories import Repository
from gonogo.log.sequencer import log_folder, origin_of
from gonogo.log.tiles import WIDTH, LogBroken, Tiles, write_durably
from gonogo.log.verifier import Broken, Checkpoint, read_checkpoint
from gonogo.transports import leaves_clear

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.settings import Settings

CLEAR = ("http:", "git:", "ftp:")
"""How addresses begin under which git neither encrypts nor proves who the other host is."""
TRIES = 5
"""How often an anchor is tried anew where others push to the same repository meanwhile."""


class Anchored(NamedTuple):
    """A checkpoint that is kept elsewhere now."""

    size: int
    """Entries that it covers."""
    commit: str
    """The commit that holds it."""


class Kept(NamedTuple):
    """What a repository holds of one log."""

    notes: list[str]
    """Every checkpoint that was ever anchored, oldest first."""
    keys: list[str]
    """Every verifier key that was ever published beside them, oldest first."""


class Exposure(NamedTuple):
    """What is in the log and not anchored, so that the key's holder could still change it unseen."""

    records: int
    since: datetime | None
    """When the oldest of them was recorded; ``None`` where all is anchored."""

    @property
    def age_seconds(self) -> int:
        """How old the oldest is; 0 where all is anchored. Never negative, whatever clocks say."""
        return 0 if self.since is None else max(0, int((datetime.now(UTC) - self.since).total_seconds()))


def anchor(settings: Settings) -> Anchored:
    """Commit the log's checkpoint to the repository that ``GONOGO_ANCHOR`` names, if it is not there yet.

    Raises:
        SettingsBroken: no repository is named, or outside of ``dev`` one on another host without encryption.
        AnchorUnreachable: it cannot be read, or does not take the commit.
        EvidenceBroken: there is no log, or it does not continue what is anchored: nothing is anchored then.

    """
    if settings.anchor is None:
        raise SettingsBroken("GONOGO_ANCHOR names no repository; name one that other people are in charge of.")
    if settings.environment != "dev" and settings.anchor.startswith(CLEAR) and leaves_clear(settings.anchor):
        raise SettingsBroken(
            f"GONOGO_ANCHOR leads to another host in the clear, which {settings.environment} does not allow; "
            "make it https:// or ssh://."
        )
    origin, folder = origin_of(settings), log_folder(settings)
    repository = Repository(settings.home / "anchor.git", _absolute(settings.anchor))
    for _ in range(TRIES):
        with _broken_as_evidence(folder):
            note, key = (folder / "checkpoint").read_bytes(), (folder / "key.pub").read_bytes()
            checkpoint = read_checkpoint(note.decode(), None)
            newest = repository.fetch()
            held = None if newest is None else repository.newest(f"{origin}/checkpoint")
            _refuse_another(folder, checkpoint, held)
        files = {f"{origin}/checkpoint": note, f"{origin}/key.pub": key}
        done = newest if held == note else repository.push(newest, files, _told(checkpoint))
        if done is not None:
            write_durably(folder / "anchored", note)
            return Anchored(checkpoint.size, done)
    raise AnchorUnreachable("Others push to the anchor all the time; nothing was anchored. It is tried again.")


def anchor_if_due(settings: Settings) -> Anchored | None:
    """Anchor where a repository is named and what is not anchored has reached the age that the settings allow.

    Raises:
        AnchorUnreachable, EvidenceBroken, SettingsBroken: see :func:`anchor`.

    """
    if settings.anchor is None:
        return None
    found = exposure(settings)
    return anchor(settings) if found.records and found.age_seconds >= settings.anchor_seconds else None


def exposure(settings: Settings) -> Exposure:
    """Return what is in this home's log and not anchored, as far as this home knows; costs two small files.

    Raises:
        EvidenceBroken: there is no log, or it cannot be read.

    """
    folder = log_folder(settings)
    with _broken_as_evidence(folder):
        size = read_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), None).size
        kept = folder / "anchored"
        anchored = read_checkpoint(kept.read_text(encoding="utf-8"), None).size if kept.exists() else 0
        if anchored >= size:
            return Exposure(0, None)
        number, place = divmod(anchored, WIDTH)
        oldest = Tiles(folder).entries(number, min(WIDTH, size - number * WIDTH))[place]
        return Exposure(size - anchored, moment(orjson.loads(oldest)["recordedtime"]))


def kept_in(remote: str, origin: str) -> Kept:
    """Return what a repository holds of a log; reads its whole history, and nothing of this home.

    Raises:
        AnchorUnreachable: it cannot be read, or holds nothing of this log.
        EvidenceBroken: it holds what is no checkpoint.

    """
    if remote.startswith("-"):
        raise SettingsBroken("An anchor is the address of a git repository.")
    with tempfile.TemporaryDirectory(prefix="gonogo-anchor-") as place:
        repository = Repository(Path(place), _absolute(remote))
        notes = [] if repository.fetch() is None else repository.versions(f"{origin}/checkpoint")
        keys = repository.versions(f"{origin}/key.pub") if notes else []
    if not notes:
        raise AnchorUnreachable(f"The anchor holds no checkpoint of {origin}; `gonogo anchor` makes one.")
    try:
        return Kept([note.decode() for note in notes], [key.decode() for key in keys])
    except UnicodeDecodeError as error:
        raise EvidenceBroken(f"The anchor holds something of {origin} that is no text ({error}).") from error


def _absolute(remote: str) -> str:
    """Return a folder's whole path, since git is not run in the folder that the caller stands in."""
    return str(Path(remote).resolve()) if Path(remote).is_dir() else remote


def _refuse_another(folder: Path, checkpoint: Checkpoint, held: bytes | None) -> None:
    """Refuse to anchor a log that does not begin with what was anchored last, which began with all before it."""
    if held is None:
        return
    old = read_checkpoint(held.decode(), None)
    if old.size > checkpoint.size:
        raise LogBroken(f"{old.size} entries are anchored, and it holds {checkpoint.size}; it was cut.")
    if root_of(old.size, Tiles.open(folder, checkpoint.size).node) != old.root:
        raise LogBroken(f"its first {old.size} entries are not those that are anchored; they were rewritten.")


def _told(checkpoint: Checkpoint) -> str:
    return f"Anchor {checkpoint.origin} at {checkpoint.size} records\n"


@contextmanager
def _broken_as_evidence(folder: Path) -> Generator[None]:
    """Tell of a log that cannot be read, or is another, in words for operators."""
    try:
        yield
    except OSError as error:
        msg = f"There is no log that can be read at {folder} ({error.strerror}); `gonogo sequence` makes one."
        raise EvidenceBroken(msg) from error
    except (LogBroken, Broken, ValueError, KeyError) as error:
        raise EvidenceBroken(f"The log at {folder} does not hold: {error}") from error
