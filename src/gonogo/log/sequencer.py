"""The sequencer: takes what the journals hold into the log, once and in order, and signs where that leaves it.

There is one at a time. A record is taken as its exact leaf bytes, whatever became of its payload.
What does not follow from what is in the log already is a fault: it is reported each time, the
stream stays where it is, and the others go on.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from gonogo.errors import EvidenceBroken, EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.tails import Mark, TailLine
from gonogo.log.checkpoints import Checkpoint, read_checkpoint
from gonogo.log.heirs import KEY_STREAM, heir_for, signer_for, succeed
from gonogo.log.keys import key_path
from gonogo.log.merkle import EMPTY_ROOT, root_of
from gonogo.log.notes import NoteRefused
from gonogo.log.positions import Position, Positions
from gonogo.log.tiles import LogBroken, Tiles, write_durably

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.log.notes import Signer
    from gonogo.settings import Settings

READ_BYTES = 4 * 1024 * 1024
"""About how much of a stream is read at once."""

CHECKPOINT_EVERY = 20_000
"""Entries after which a checkpoint is signed while there is more to take."""


@dataclass(slots=True)
class Sequenced:
    """What one pass took into the log."""

    size: int
    """Entries in the log now."""
    new: int = 0
    faults: list[str] = field(default_factory=list[str])
    """Streams that do not follow from what is in the log, one sentence each."""


@dataclass(slots=True)
class Log:
    """A log on disk, open for writing."""

    folder: Path
    key: Path
    """Where the private key stands."""
    signer: Signer
    tiles: Tiles
    positions: Positions

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signer.name

    def sign(self) -> None:
        """Make all that was appended durable, and sign it; what was not signed is not in the log."""
        root = self.tiles.flush()
        note = Checkpoint(self.origin, self.tiles.size, root).signed([self.signer])
        write_durably(self.folder / "checkpoint", note.encode())
        succeed(self.key, self.signer)
        self.publish()
        self.positions.save(self.tiles.size)
        self.tiles.prune()

    def publish(self) -> None:
        """Write the verifier key beside the log, where it is not there yet."""
        path, key = self.folder / "key.pub", f"{self.signer.verifier}\n".encode()
        if not path.exists() or path.read_bytes() != key:
            write_durably(path, key)


def log_folder(settings: Settings) -> Path:
    """Return where the log stands."""
    return settings.home / "log"


def origin_of(settings: Settings) -> str:
    """Return the log's name: whose evidence it is."""
    return f"gonogo.evidence/{settings.tenant}"


@contextmanager
def open_log(settings: Settings) -> Generator[Log]:
    """Open the log for writing; it is begun where there is none.

    Raises:
        RunBusy: another process sequences.
        EvidenceBroken: the log on disk is not the one its checkpoint tells of.
        EvidenceUnwritable: it cannot be written.

    """
    folder = log_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EvidenceUnwritable(f"The log at {folder} cannot be opened: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunBusy("Another process sequences the log; it takes in what you wait for.") from error
        yield _open(folder, settings)
    except OSError as error:
        raise EvidenceUnwritable(f"The log at {folder} cannot be written: {error.strerror}.") from error
    except (LogBroken, NoteRefused) as error:
        raise EvidenceBroken(f"The log at {folder} does not hold: {error}") from error
    finally:
        os.close(descriptor)


def _open(folder: Path, settings: Settings) -> Log:
    key, origin, path = key_path(settings), origin_of(settings), folder / "checkpoint"
    note = path.read_text(encoding="utf-8") if path.exists() else ""
    signer = signer_for(key, origin, note)
    checkpoint = read_checkpoint(note, origin, [signer.verifier]) if note else Checkpoint(origin, 0, EMPTY_ROOT)
    tiles = Tiles.open(folder, checkpoint.size)
    if root_of(tiles.size, tiles.node) != checkpoint.root:
        raise LogBroken("its tiles lead to another root than its checkpoint; restore it from a copy.")
    positions = Positions(folder / "positions.sqlite")
    positions.open(checkpoint.size, tiles.all_entries())
    log = Log(folder, key, signer, tiles, positions)
    log.publish()
    return log


def sequence(settings: Settings, journal: Journal) -> Sequenced:
    """Take everything that the journals hold by now into the log, and sign it.

    Raises:
        RunBusy, EvidenceBroken, EvidenceUnwritable: see :func:`open_log`; nothing unsigned counts.

    """
    with open_log(settings) as log:
        return take_in(log, journal)


def take_in(log: Log, journal: Journal) -> Sequenced:
    """Do the same with a log that is open already."""
    before = unsigned = log.tiles.size
    faults: list[str] = []
    for name, size in sorted(journal.tail.sizes().items()):
        stream = stream_of(name)
        fault = _cut(name, size, log.positions.of(stream))
        # A stream that grows meanwhile is read up to what it held when the pass began, and a little more.
        while not fault and log.positions.of(stream).bytes < size:
            begun = log.positions.of(stream)
            fault = _take(log, journal, name, stream, size)
            if log.positions.of(stream) == begun:
                break
            if log.tiles.size - unsigned >= CHECKPOINT_EVERY:
                log.sign()
                unsigned = log.tiles.size
        if fault:
            faults.append(fault)
    if log.tiles.size > unsigned or not (log.folder / "checkpoint").exists():
        log.sign()
    return Sequenced(log.tiles.size, log.tiles.size - before, faults)


def stream_of(name: str) -> str:
    """Return the stream that a journal of this name holds."""
    folder, _, file = name.partition("/")
    return f"{file.removesuffix('.jsonl')}/{'flight' if folder == 'flights' else 'desk'}"


def journal_name(stream: str) -> str:
    """Return the name of the journal that holds a stream."""
    run_id, _, kind = stream.rpartition("/")
    return f"{'flights' if kind == 'flight' else 'desk'}/{run_id}.jsonl"


def _cut(name: str, size: int, position: Position) -> str:
    return (
        f"{name} has {size} bytes, and {position.bytes} of it are in the log; it was cut."
        if size < position.bytes
        else ""
    )


def _take(log: Log, journal: Journal, name: str, stream: str, size: int) -> str:
    """Take a piece of one stream, as far as it holds; return what is wrong with what follows."""
    position = log.positions.of(stream)
    try:
        if position.bytes < 0:
            # The index was lost: the stream is read from its start, and what is in the log already is passed over.
            lines = journal.tail.read(name, Mark(), size)
            if flaw := _passed_over(name, position, lines):
                return flaw
            end = lines[position.lines - 1].byte_end if position.lines else 0
            log.positions.move(stream, position._replace(bytes=end))
            return _take_lines(log, name, stream, lines[position.lines :])
        return _take_lines(log, name, stream, journal.tail.read(name, Mark(position.bytes, position.lines), READ_BYTES))
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}."


def _passed_over(name: str, position: Position, lines: list[TailLine]) -> str:
    """Return what is wrong with a stream whose beginning is in the log already."""
    if len(lines) < position.lines:
        return f"{name} holds {len(lines)} records, and {position.lines} of it are in the log; it was cut."
    if position.lines and sha256_hex(_leaf(lines[position.lines - 1])) != position.head:
        return f"{name} line {position.lines} is another record than the one in the log."
    return ""


def _take_lines(log: Log, name: str, stream: str, lines: list[TailLine]) -> str:
    count, head, end = log.positions.of(stream)
    flaw = ""
    for line in lines:
        leaf = _leaf(line)
        flaw = _flaw(leaf, stream, count, head, f"{name} line {count + 1}")
        if flaw:
            break
        if stream == KEY_STREAM:
            try:
                log.signer = heir_for(log.key, leaf, log.signer)
            except NoteRefused as refusal:
                flaw = f"{name} line {count + 1} does not hand the log over: {refusal}"
                break
        log.tiles.append(leaf)
        count, head, end = count + 1, sha256_hex(leaf), line.byte_end
    log.positions.move(stream, Position(count, head, end))
    return flaw


def _leaf(line: TailLine) -> bytes:
    return line.raw.partition(b"\t")[0]


def _flaw(leaf: bytes, stream: str, count: int, head: str, where: str) -> str:
    """Return what keeps a record out of the log; nothing, for one that follows from what is in it."""
    try:
        fields = orjson.loads(leaf)
        place = (fields["streamid"], fields["streamseq"], fields["prevdigest"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{where} is no evidence record."
    if place != (stream, count, head):
        return f"{where} does not follow from the record before it; one was changed, removed or added."
    return ""
