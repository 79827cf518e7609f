"""Verify a gonogo evidence log with nothing but Python's standard library.

    python verifier.py LOG [--key KEY] [--against CHECKPOINT ...]

Hashes every entry of a log folder (C2SP tlog-tiles) anew, and checks the signature of its checkpoint, the root,
the chain of every stream, the ends that runs declared, and checkpoints kept elsewhere. Prints what is broken,
record by record. Exit 0: whole. Exit 1: broken. What was never written shows in no log, and what the key's
holder made anew only by a checkpoint kept elsewhere: the last line says so.
"""

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

WIDTH, HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES = 256, 32, 32, 64
GENESIS = "0" * 64


class Broken(Exception):
    """Something that makes every further check pointless."""


# Signatures: Ed25519 (RFC 8032 §5.1.7) and signed notes (https://c2sp.org/signed-note).

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int, int]


def _decode(raw: bytes) -> _Point:
    sign, y = divmod(int.from_bytes(raw, "little"), 1 << 255)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (x * x - square) % _P or (x == 0 and sign):
        raise ValueError
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _add(one: _Point, two: _Point) -> _Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % _P, (one[1] + one[0]) * (two[1] + two[0]) % _P
    c, d = 2 * one[3] * two[3] * _D % _P, 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


_BASE = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def is_signed(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is of this text, by this key."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    try:
        key, commitment = _decode(public), _decode(signature[:32])
    except ValueError:
        return False
    if scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % _L
    left, right = _times(scalar, _BASE), _add(commitment, _times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


class Checkpoint(NamedTuple):
    """What was signed."""

    origin: str
    size: int
    root: bytes


def read_checkpoint(note: str, verifier_key: str) -> Checkpoint:
    """Return what a signed checkpoint says, or raise :class:`Broken`."""
    name, shown, encoded = verifier_key.strip().split("+", 2)
    raw = b64decode(encoded, validate=True)
    key_hash = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or key_hash.hex() != shown:
        raise Broken(f"the verifier key {name} is not whole")
    place = note.rfind("\n\n")
    text, lines = note[: place + 1], note[place + 2 :].splitlines()
    good = False
    for line in lines:
        dash, _, rest = line.partition(" ")
        signer, _, signed = rest.partition(" ")
        if dash != "\u2014":
            raise Broken("a signature line of the checkpoint is malformed")
        signature = b64decode(signed, validate=True)
        if signer == name and signature[:4] == key_hash:
            if not is_signed(raw[1:], text.encode(), signature[4:]):
                raise Broken("the checkpoint's signature is wrong: it was changed, or signed by another key")
            good = True
    origin, size, root, *_ = (*text.split("\n"), "", "")
    if not good or origin != name or not size.isdecimal() or len(b64decode(root)) != HASH_BYTES:
        raise Broken(f"the checkpoint is not one that {name} has signed")
    return Checkpoint(origin, int(size), b64decode(root, validate=True))


class Tree:
    """The tree of RFC 6962 §2.1: hashes entries as they come, and knows the root at every size it passes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, entry: bytes) -> None:
        """Add one entry."""
        found = hashlib.sha256(b"\x00" + entry).digest()
        height = self.size
        while height & 1:
            found = hashlib.sha256(b"\x01" + self._peaks.pop() + found).digest()
            height >>= 1
        self._peaks.append(found)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all entries so far."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = hashlib.sha256(b"\x01" + peak + found).digest()
        return found


def tile(level: int | str, number: int, width: int) -> str:
    """Return a tile's path below the log."""
    digits = str(number).zfill(-(-len(str(number)) // 3) * 3)
    groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    name = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def read_tile(folder: Path, path: str) -> bytes:
    """Return a tile, or raise :class:`Broken`."""
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise Broken(f"{path} cannot be read ({error.strerror}): it was taken out, or the copy is not whole") from error


def read_entries(folder: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield every entry with its index; each is compared with the hash that its tile holds for it."""
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        raw = read_tile(folder, path := tile("entries", number, width))
        hashes = read_tile(folder, tile(0, number, width))
        place = 0
        for index in range(number * WIDTH, number * WIDTH + width):
            begin = place + 2
            place = begin + int.from_bytes(raw[place:begin], "big")
            if place > len(raw) or begin > len(raw):
                raise Broken(f"{path} ends before entry {index}")
            yield index, raw[begin:place]
            if hashlib.sha256(b"\x00" + raw[begin:place]).digest() != hashes[index % WIDTH * HASH_BYTES :][:HASH_BYTES]:
                raise Broken(f"entry {index} is not what was hashed ({told(raw[begin:place])})")
        if place != len(raw):
            raise Broken(f"{path} holds more than its {width} entries")


def told(entry: bytes) -> str:
    """Return what an entry says it is, for people."""
    try:
        fields = json.loads(entry)
        return f"{fields['streamid']} record {fields['streamseq']}"
    except (ValueError, KeyError, TypeError):
        return "it is no record"


class Streams:
    """Follows the chain of every stream through the log."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self._heads: dict[str, tuple[int, str, str]] = {}
        self._declared: list[tuple[int, dict[str, Any]]] = []
        self._digests: dict[tuple[str, int], str] = {}

    def add(self, index: int, entry: bytes) -> None:
        """Check one record against the one before it in its stream."""
        names = ("streamid", "streamseq", "prevdigest", "recordedtime", "type", "data")
        try:
            fields = json.loads(entry)
            stream, seq, previous, recorded, kind, data = (fields[name] for name in names)
        except (ValueError, KeyError, TypeError):
            self.findings.append(f"entry {index} is no evidence record")
            return
        digest = hashlib.sha256(entry).hexdigest()
        count, head, latest = self._heads.get(stream, (0, GENESIS, ""))
        if (seq, previous) != (count, head):
            self.findings.append(f"entry {index}: {stream} record {seq} does not follow from record {count - 1}")
        if recorded < latest:
            self.findings.append(f"entry {index}: {stream} record {seq} was recorded before the one before it")
        self._heads[stream] = (seq + 1, digest, max(recorded, latest))
        if kind == "io.gonogo.evidence.run_record.v1" and data.get("phase") == "result":
            self._declared += [(index, end) for end in data.get("streams", [])]
            self._digests[stream, seq - 1] = previous

    def finish(self) -> None:
        """Check the ends that runs declared: the record before the last one of a run, and nothing after it."""
        for index, end in self._declared:
            stream, seq, count = end["streamid"], end["seq"], self._heads.get(end["streamid"], (0,))[0]
            if self._digests.get((stream, seq)) != end["digest"]:
                self.findings.append(f"entry {index}: the run ended after {stream} record {seq}, which is another now")
            if count != seq + 2:
                self.findings.append(f"entry {index}: {stream} holds {count} records, and its run ended with {seq + 2}")


class Report(NamedTuple):
    """What a verification found."""

    checkpoint: Checkpoint | None
    findings: list[str]
    held: int
    """Checkpoints kept elsewhere that the log continues."""


def verify(folder: Path, verifier_key: str, kept: Sequence[str] = ()) -> Report:
    """Verify a log against its checkpoint, and against checkpoints that were kept elsewhere."""
    try:
        newest = read_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), verifier_key)
        older = [read_checkpoint(note, verifier_key) for note in kept]
    except (OSError, ValueError, Broken) as error:
        return Report(None, [str(error)], 0)
    streams, tree, roots = Streams(), Tree(), {0: Tree().root()}
    sizes = {each.size for each in older}
    try:
        for index, entry in read_entries(folder, newest.size):
            tree.add(entry)
            streams.add(index, entry)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
    except Broken as error:
        return Report(newest, [str(error), *streams.findings], 0)
    streams.finish()
    findings = streams.findings
    if tree.root() != newest.root:
        findings.insert(0, f"the {newest.size} entries lead to another root than the checkpoint's")
    held = 0
    for each in older:
        if each.size > newest.size:
            findings.append(f"a kept checkpoint is of {each.size} entries; the log was cut to {newest.size}")
        elif roots[each.size] != each.root:
            findings.append(f"the first {each.size} entries are not those of a kept checkpoint; they were rewritten")
        else:
            held += 1
    return Report(newest, findings, held)


def main() -> int:
    """Verify what the command line names."""
    parser = argparse.ArgumentParser(description="Verify a gonogo evidence log offline.")
    parser.add_argument("log", type=Path, help="the log's folder")
    parser.add_argument("--key", help="verifier key, as published; the log's own key.pub, if none")
    parser.add_argument("--against", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    given = parser.parse_args()
    own = given.log / "key.pub"
    key = given.key or (own.read_text(encoding="utf-8") if own.is_file() else "")
    if not key:
        sys.stderr.write("No key: name the log's verifier key with --key.\n")
        return 2
    report = verify(given.log, key, [path.read_text(encoding="utf-8") for path in given.against])
    lines = [f"BROKEN: {finding}" for finding in report.findings]
    if report.checkpoint is not None:
        origin, size, root = report.checkpoint
        lines.append(f"{origin}: {size} entries, root {b64encode(root).decode()}")
    lines.append(caveat(report.held, is_own_key=not given.key))
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if report.findings else 0


def caveat(held: int, *, is_own_key: bool) -> str:
    """Return what the verification does not show."""
    if held:
        return f"The log continues {held} checkpoint(s) kept elsewhere."
    what = "key and checkpoint" if is_own_key else "checkpoint"
    return f"Not shown: that this is the log of old. Compare its {what} with one kept elsewhere (--against)."


if __name__ == "__main__":
    sys.exit(main())
