"""Tampering: a log on scratch ground, and what an insider may do to it, with and without its key."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.evidence.canon import GENESIS, checked_bytes, sha256_hex
from gonogo.evidence.journal import FileJournal
from gonogo.log.anchors import anchor, kept_in
from gonogo.log.checkpoints import Checkpoint
from gonogo.log.keys import key_path, signer_of
from gonogo.log.notes import Signer
from gonogo.log.repositories import Repository
from gonogo.log.rotations import rotate
from gonogo.log.sequencer import log_folder, origin_of, sequence
from gonogo.log.tiles import Tiles
from gonogo.log.verifier import read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.settings import Settings

Holding = Literal["checkpoint", "kept", "anchored"]
"""What an auditor holds besides the key: nothing, an older checkpoint, or the newest one, anchored."""
HOLDINGS: tuple[Holding, ...] = ("checkpoint", "kept", "anchored")

LONG_AGO = "2020-01-01T00:00:00.000000Z"
OLD_RECORDS, MIDDLE_RECORDS, NEW_RECORDS = 300, 20, 10
"""Records of the run before the kept checkpoint, of one after it, and of one that still flies."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A whole log, what an auditor kept of it on the way, and the keys as a thief has them."""

    folder: Path
    entries: list[bytes]
    middle: str
    """A valid checkpoint that is neither the newest nor the one that was kept."""
    key: str
    """The verifier key that was published last."""
    held: dict[Holding, list[str]]
    stolen: Signer
    """The key that signs now."""
    retired: Signer
    """The key before it, where the log was handed over; the same one otherwise."""

    @property
    def kept_size(self) -> int:
        """How many entries the kept checkpoint covers."""
        return read_checkpoint(self.held["kept"][0], None).size


class Attack(NamedTuple):
    """Something that is done to a copy of a log."""

    name: str
    what: str
    """In a few words, as the guide's table has it."""
    tamper: Callable[[Ground, Path], None]
    missed: frozenset[Holding] = frozenset()
    """With what in hand an auditor cannot see it: nobody could."""
    handed_over: bool = False
    """Whether the log is one whose key was rotated."""


def prepare(process: Settings, place: Path, *, handed_over: bool) -> Ground:
    """Make a log by the means of every house: journals, the sequencer, an anchor in a git repository."""
    remote = place / "elsewhere.git"
    Repository(remote, str(remote)).make()
    made = process.model_copy(
        update={"home": place / "home", "journals": None, "log_key": None, "anchor": str(remote), "tenant": "drill"}
    )
    journal, folder = FileJournal(made.home / "journals"), log_folder(made)
    retired = signer_of(key_path(made), origin_of(made))
    notes: list[str] = []
    for run_id, records in (("old", OLD_RECORDS), ("middle", MIDDLE_RECORDS), ("new", NEW_RECORDS)):
        _fly(journal, run_id, records, ends=run_id != "new")
        if run_id == "new" and handed_over:
            rotate(made, journal, "a drill", by="drill")
        sequence(made, journal)
        notes.append((folder / "checkpoint").read_text(encoding="utf-8"))
    anchor(made)
    size = read_checkpoint(notes[-1], None).size
    return Ground(
        folder=folder,
        entries=list(Tiles.open(folder, size).all_entries()),
        middle=notes[1],
        key=(folder / "key.pub").read_text(encoding="utf-8"),
        held={"checkpoint": [], "kept": notes[:1], "anchored": kept_in(str(remote), origin_of(made)).notes},
        stolen=signer_of(key_path(made), origin_of(made)),
        retired=retired,
    )


def _fly(journal: FileJournal, run_id: str, records: int, *, ends: bool) -> None:
    """Write a run's records, and the last one where it ends."""
    stream = journal.open_flight(run_id)
    try:
        envelope = {"runid": run_id, "missionid": "drill", "subject": f"run/{run_id}"}
        for number in range(records):
            stream.append(envelope, "step_record", {"phase": "fact", "number": number})
        if ends:
            end = {"streamid": stream.stream_id, "seq": stream.next_seq - 1, "digest": stream.head}
            stream.append(envelope, "run_record", {"phase": "result", "status": "done", "streams": [end]})
        stream.commit_now()
    finally:
        stream.close()


def write_log(copy: Path, entries: list[bytes], signer: Signer | None) -> None:
    """Make every tile of a copy anew, and the checkpoint as well, where somebody signs."""
    shutil.rmtree(copy / "tile")
    tiles = Tiles(copy)
    for entry in entries:
        tiles.append(entry)
    root = tiles.flush()
    if signer is not None:
        (copy / "checkpoint").write_text(Checkpoint(signer.name, len(entries), root).signed([signer]), encoding="utf-8")


def chained_anew(entries: list[bytes], change: Callable[[dict[str, Any]], None]) -> list[bytes]:
    """Change records, and every chain and declared end after them, so that nothing within the log contradicts them."""
    heads: dict[str, str] = {}
    made: list[bytes] = []
    for entry in entries:
        fields = orjson.loads(entry)
        change(fields)
        stream = fields["streamid"]
        fields["prevdigest"] = heads.get(stream, GENESIS)
        for end in fields["data"].get("streams", []):
            end["digest"] = heads[end["streamid"]]
        made.append(checked_bytes(fields))
        heads[stream] = sha256_hex(made[-1])
    return made


def _one_more(ground: Ground, **changed: str) -> bytes:
    """Return a record that follows from the last one of the run that still flies."""
    last = next(entry for entry in reversed(ground.entries) if b'"new/flight"' in entry)
    fields = orjson.loads(last)
    follows = {"streamseq": fields["streamseq"] + 1, "prevdigest": sha256_hex(last)}
    return checked_bytes(fields | follows | changed)


def _renumbered(stream: str) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        if fields["streamid"] == stream and "number" in fields["data"]:
            fields["data"]["number"] += 1

    return change


def _renamed(fields: dict[str, Any]) -> None:
    """Make a run of the log another run, chains and all."""
    fields["runid"] = f"other-{fields['runid']}"
    fields["streamid"] = f"other-{fields['streamid']}"
    for end in fields["data"].get("streams", []):
        end["streamid"] = f"other-{end['streamid']}"


def _without_key(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Ground, Path], None]:
    """Make every tile anew, and leave the checkpoint as it is."""

    def tamper(ground: Ground, copy: Path) -> None:
        write_log(copy, change(list(ground.entries)), None)

    return tamper


def _signed(
    by: Literal["stolen", "retired"], change: Callable[[Ground], list[bytes]]
) -> Callable[[Ground, Path], None]:
    """Make every tile anew, and sign it with one of the keys."""

    def tamper(ground: Ground, copy: Path) -> None:
        write_log(copy, change(ground), ground.stolen if by == "stolen" else ground.retired)

    return tamper


def _replay(ground: Ground, copy: Path) -> None:
    size = read_checkpoint(ground.middle, None).size
    write_log(copy, ground.entries[:size], None)
    (copy / "checkpoint").write_text(ground.middle, encoding="utf-8")


def _strange_key(ground: Ground, copy: Path) -> None:
    stranger = Signer(ground.stolen.name, Ed25519PrivateKey.generate())
    write_log(copy, chained_anew(ground.entries, _renumbered("new/flight")), stranger)
    (copy / "key.pub").write_text(f"{stranger.verifier}\n", encoding="utf-8")


def _other_end(ground: Ground) -> list[bytes]:
    """Return the log up to the middle, and a run after it that never was."""
    size = read_checkpoint(ground.middle, None).size
    other = chained_anew([entry for entry in ground.entries if b'"new/flight"' in entry], _renamed)
    return [*ground.entries[:size], *other]


ALONE, UNANCHORED = frozenset[Holding]({"checkpoint"}), frozenset[Holding]({"checkpoint", "kept"})

ATTACKS: tuple[Attack, ...] = (
    Attack("edit", "a record edited", _without_key(lambda e: [*e[:7], e[7].replace(b"drill", b"drunk"), *e[8:]])),
    Attack("delete", "a record deleted from the middle", _without_key(lambda e: [*e[:7], *e[8:]])),
    Attack("reorder", "two records in each other's place", _without_key(lambda e: [*e[:7], e[8], e[7], *e[9:]])),
    Attack("insert", "a record inserted", _without_key(lambda e: [*e[:7], e[3], *e[7:]])),
    Attack("cut", "the end cut off, the newest checkpoint left", _without_key(lambda e: e[:-5])),
    Attack("replay", "the end cut off, an older valid checkpoint put back", _replay, UNANCHORED),
    Attack("strange_key", "written anew, signed by another key", _strange_key),
    Attack(
        "rewrite_recent", "the key stolen: what is recent written anew",
        _signed("stolen", lambda g: chained_anew(g.entries, _renumbered("new/flight"))), UNANCHORED,
    ),
    Attack(
        "rewrite_old", "the key stolen: what is old written anew",
        _signed("stolen", lambda g: chained_anew(g.entries, _renumbered("old/flight"))), ALONE,
    ),
    Attack(
        "fork", "the key stolen: another end shown to the auditor than to others",
        _signed("stolen", _other_end), UNANCHORED,
    ),
    Attack(
        "replace", "the key stolen: the whole log replaced by another",
        _signed("stolen", lambda g: chained_anew(g.entries, _renamed)), ALONE,
    ),
    Attack(
        "backdate", "a record of earlier added to a run, as the house itself would",
        _signed("stolen", lambda g: [*g.entries, _one_more(g, recordedtime=LONG_AGO)]),
    ),
    Attack(
        "retired_key", "a key that was rotated away signs on",
        _signed("retired", lambda g: [*g.entries, _one_more(g)]), handed_over=True,
    ),
    Attack(
        "retired_fork", "a key that was rotated away signs another end from before",
        _signed("retired", _other_end), handed_over=True,
    ),
)  # fmt: skip
"""Every attack, in the order of the guide's table."""
