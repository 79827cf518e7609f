"""Verify a gonogo evidence log, a bundle or a proof of it, with nothing but Python's standard library.

    python verifier.py WHAT --key KEY [--against CHECKPOINT ...]

WHAT is a log's folder (C2SP tlog-tiles), a bundle (`gonogo bundle`) or a proof (`gonogo prove`). Of a folder, every
entry is hashed anew, and checked are the root, who signed it, the keys that handed the log over, the chain of every
stream, the ends that runs declared, and checkpoints kept elsewhere. Prints what is broken, record by record. Exit 0:
whole. Exit 1: broken. What was never written shows in no log, and what the key's holder made anew only by a
checkpoint kept elsewhere: the last line says so. One long file, since an auditor carries one away, and on its own: it
imports nothing of what it judges. How it is read: signatures, the tree, records, what is verified.
"""

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

WIDTH, HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES, SIZE_DIGITS = 256, 32, 32, 64, 18
GENESIS = "0" * 64
ROTATION, KEY_STREAM = "gonogo.log-key/v1", "log-keys/desk"
PLACE = ("streamid", "streamseq", "prevdigest", "recordedtime", "type", "data")
PROOF = "c2sp.org/tlog-proof@v1"


class Broken(Exception):
    """Something that makes every further check pointless."""


def decoded(text: str) -> bytes:
    """Return base64 as bytes, or raise ValueError; a text that is another one for the same bytes is none."""
    raw = b64decode(text, validate=True)
    if b64encode(raw).decode() != text:
        raise ValueError("not base64 in the one form it has")
    return raw


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


def read_note(path: Path) -> str:
    """Return a file's text to the byte: a line that ends in another way is another text."""
    return path.read_bytes().decode()


def signed_text(note: str, verifier_key: str) -> str:
    """Return the text of a note that a key (`name+hash+key`) has signed, or raise :class:`Broken`."""
    try:
        name, shown, encoded = verifier_key.strip().split("+", 2)
        raw = decoded(encoded)
    except ValueError as error:
        raise Broken("a verifier key reads name+hash+key") from error
    key_hash = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or key_hash.hex() != shown:
        raise Broken(f"the verifier key {name} is not whole")
    place, good = note.rfind("\n\n"), False
    text, lines = note[: place + 1], note[place + 2 :].split("\n")[:-1]
    for line in lines:
        dash, _, rest = line.partition(" ")
        signer, _, signed = rest.partition(" ")
        try:
            signature = decoded(signed)
        except ValueError as error:
            raise Broken("a signature line is malformed") from error
        if dash != "\u2014":
            raise Broken("a signature line is malformed")
        if signer == name and signature[:4] == key_hash:
            if not is_signed(raw[1:], text.encode(), signature[4:]):
                raise Broken(f"a signature of {name} is wrong: the text was changed, or another key signed it")
            good = True
    if not good or not note.endswith("\n"):
        raise Broken(f"this is not one that {name} has signed with the key {shown}")
    return text


def read_checkpoint(note: str, verifier_key: str | None) -> Checkpoint:
    """Return what a checkpoint says, signed by a key; or unproven, for ``None``. Raise :class:`Broken` otherwise."""
    text = note[: note.rfind("\n\n") + 1] if verifier_key is None else signed_text(note, verifier_key)
    origin, size, encoded, *_ = (*text.split("\n"), "", "", "")
    try:
        root = decoded(encoded)
    except ValueError as error:
        raise Broken("the checkpoint's root is not base64") from error
    is_size = size.isascii() and size.isdecimal() and len(size) < SIZE_DIGITS and size == str(int(size))
    if not is_size or len(root) != HASH_BYTES or (verifier_key and origin != verifier_key.partition("+")[0]):
        raise Broken("this is no checkpoint of the log that the key is of")
    return Checkpoint(origin, int(size), root)


class Keys:
    """Who may sign at which size: the old key and the new one sign the hand-over, which is an entry of the log."""

    def __init__(self, pinned: str) -> None:
        self._pinned, self._chain = pinned.strip(), [(-1, pinned.strip())]

    def add(self, index: int, note: str) -> None:
        """Follow a hand-over, or raise :class:`Broken`: it counts only if the key in force and its heir signed it."""
        kind, origin, old, new, *rest = (*note.partition("\n\n")[0].split("\n"), "", "", "")
        if len(self._chain) == 1 and self._pinned != old:
            self._chain = [(-1, old)]  # The log began with a key before the pinned one, which has to come up.
        is_ours = all(key.startswith(f"{origin}+") for key in (old, new))
        if (kind, old, "".join(rest)) != (ROTATION, self._chain[-1][1], "") or not is_ours:
            raise Broken(f"entry {index} hands the log over, but not from the key in force")
        signed_text(note, old)
        signed_text(note, new)
        self._chain.append((index, new))

    def at(self, size: int) -> str:
        """Return the key that signs the log at a size, or raise :class:`Broken` where the pinned key is none of its."""
        if self._pinned not in (key for _, key in self._chain):
            raise Broken("the key that was named is not in the log's chain of keys")
        return [key for index, key in self._chain if index < size][-1]


# The tree: RFC 6962 §2.1, and C2SP tlog-tiles (https://c2sp.org/tlog-tiles).


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Takes hashes of entries as they come, and knows the root at every size it passes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, found: bytes) -> None:
        """Add the hash of one entry."""
        height = self.size
        while height & 1:
            found = node_hash(self._peaks.pop(), found)
            height >>= 1
        self._peaks.append(found)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all entries so far."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def climb(position: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each step from a node to the root, and whether it stands on the left (RFC 9162 §2.1.3.2, §2.1.4.2)."""
    for step in proof:
        if not last:
            raise Broken("the proof is longer than the tree is high")
        is_left = bool(position & 1) or position == last
        while is_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        yield step, is_left
        position, last = position >> 1, last >> 1
    if last:
        raise Broken("the proof is shorter than the tree is high")


def check_inclusion(index: int, entry: bytes, proof: Sequence[bytes], of: Checkpoint) -> None:
    """Check that an entry is in the tree of a checkpoint, or raise :class:`Broken`."""
    if not 0 <= index < of.size:
        raise Broken(f"a log of {of.size} entries has no entry {index}")
    found = leaf_hash(entry)
    for step, is_left in climb(index, of.size - 1, proof):
        found = node_hash(step, found) if is_left else node_hash(found, step)
    if found != of.root:
        raise Broken(f"entry {index} ({told(entry)}) is not in the log: its proof does not lead to the root")


def check_consistency(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that one tree begins with another, or raise :class:`Broken`."""
    if not 0 < old.size < new.size:
        if proof or (old.size and old != new):
            raise Broken(f"a log of {new.size} entries does not continue one of {old.size}")
        return
    steps = [old.root, *proof] if not old.size & (old.size - 1) else list(proof)
    position, last = old.size - 1, new.size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0] if steps else b""
    for step, is_left in climb(position, last, steps[1:]):
        after = node_hash(step, after) if is_left else node_hash(after, step)
        before = node_hash(step, before) if is_left else before
    if (before, after) != (old.root, new.root):
        raise Broken(f"the first {old.size} entries are not those of the kept checkpoint; they were rewritten")


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


def read_entries(folder: Path, size: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield every entry with its index and its hash, which is compared with the one that its tile holds for it."""
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
            found = leaf_hash(entry := raw[begin:place])
            yield index, entry, found
            if found != hashes[index % WIDTH * HASH_BYTES :][:HASH_BYTES]:
                raise Broken(f"entry {index} is not what was hashed ({told(entry)})")
        if place != len(raw):
            raise Broken(f"{path} holds more than its {width} entries")


# Records: what entries say, and how those of a stream follow from each other.


def told(entry: bytes) -> str:
    """Return what an entry says it is, for people."""
    try:
        fields = json.loads(entry)
        return f"{fields['streamid']} record {fields['streamseq']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it is no record"


def placed(entry: bytes) -> dict[str, Any]:
    """Return the fields of an evidence record; none, where it is no such record."""
    try:
        fields = json.loads(entry)
        is_record = [type(fields[name]) for name in PLACE] == [str, int, str, str, str, dict]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return fields if is_record else {}


class Streams:
    """Follows the chain of every stream through the log, and the log's keys."""

    def __init__(self, keys: Keys) -> None:
        self.findings: list[str] = []
        self._keys = keys
        self._heads: dict[str, tuple[int, str, str]] = {}
        self._declared: list[tuple[int, str, int, str]] = []
        self._digests: dict[tuple[str, int], str] = {}

    def add(self, index: int, entry: bytes) -> dict[str, Any]:
        """Check one record against the one before it in its stream, and return its fields."""
        fields = placed(entry)
        if not fields:
            self.findings.append(f"entry {index} is no evidence record")
            return {}
        stream, seq, previous, recorded, kind, data = (fields[name] for name in PLACE)
        count, head, latest = self._heads.get(stream, (0, GENESIS, ""))
        if (seq, previous) != (count, head):
            self.findings.append(f"entry {index}: {stream} record {seq} does not follow from record {count - 1}")
        if recorded < latest:
            self.findings.append(f"entry {index}: {stream} record {seq} was recorded before the one before it")
        self._heads[stream] = (seq + 1, hashlib.sha256(entry).hexdigest(), max(recorded, latest))
        if kind == "io.gonogo.evidence.run_record.v1" and data.get("phase") == "result":
            self._declare(index, data.get("streams") or [])
            self._digests[stream, seq - 1] = previous
        if kind == "io.gonogo.evidence.key_record.v1" and stream == KEY_STREAM:
            try:
                self._keys.add(index, str(data.get("statement")))
            except Broken as error:
                self.findings.append(str(error))
        return fields

    def _declare(self, index: int, ends: list[Any]) -> None:
        try:
            self._declared += [(index, str(e["streamid"]), int(e["seq"]), str(e["digest"])) for e in ends]
        except (ValueError, KeyError, TypeError, OverflowError):
            self.findings.append(f"entry {index} ends a run and does not say where its streams end")

    def finish(self) -> None:
        """Check the ends that runs declared: the record before the last one of a run, and nothing after it."""
        for index, stream, seq, digest in self._declared:
            count = self._heads.get(stream, (0,))[0]
            if self._digests.get((stream, seq)) != digest:
                self.findings.append(f"entry {index}: the run ended after {stream} record {seq}, which is another now")
            if count != seq + 2:
                self.findings.append(f"entry {index}: {stream} holds {count} records, and its run ended with {seq + 2}")


# What is verified: a log's folder, a bundle, a proof.


class Report(NamedTuple):
    """What a verification found."""

    checkpoint: Checkpoint | None
    findings: list[str]
    held: int
    """Checkpoints kept elsewhere that the log continues."""
    shown: int = 0
    """Entries that were shown to be in the log."""


def verify(folder: Path, verifier_key: str, kept: Sequence[str] = ()) -> Report:
    """Verify a log against its checkpoint, and against checkpoints that were kept elsewhere.

    The key is any that the log was ever signed with: the newest checkpoint has to be signed by the last of the chain
    of keys that it is in, and each kept one by the key that was in force at its size.
    """
    keys = Keys(verifier_key)
    streams, tree, roots = Streams(keys), Tree(), {0: Tree().root()}
    try:
        note = read_note(folder / "checkpoint")
        newest = read_checkpoint(note, None)
        older = [(text, read_checkpoint(text, None)) for text in kept]
    except (OSError, ValueError, Broken) as error:
        return Report(None, [str(error)], 0)
    sizes = {each.size for _, each in older}
    try:
        for index, entry, found in read_entries(folder, newest.size):
            tree.add(found)
            streams.add(index, entry)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
    except Broken as error:
        return Report(newest, [str(error), *streams.findings], 0)
    streams.finish()
    findings = streams.findings
    if tree.root() != newest.root:
        findings.insert(0, f"the {newest.size} entries lead to another root than the checkpoint's")
    try:
        read_checkpoint(note, keys.at(newest.size))
    except Broken as error:
        return Report(None, [f"the log's checkpoint: {error}", *findings], 0)
    against = [_against(text, each, newest, roots, keys) for text, each in older]
    return Report(newest, findings + [flaw for flaw in against if flaw], against.count(""), newest.size)


def _against(note: str, old: Checkpoint, newest: Checkpoint, roots: dict[int, bytes], keys: Keys) -> str:
    if old.size > newest.size:
        return f"a kept checkpoint is of {old.size} entries; the log was cut to {newest.size}"
    try:
        read_checkpoint(note, keys.at(old.size))
    except Broken as error:
        return f"a kept checkpoint of {old.size} entries: {error}"
    if roots[old.size] != old.root:
        return f"the first {old.size} entries are not those of a kept checkpoint; they were rewritten"
    return ""


def verify_bundle(text: str, verifier_key: str) -> Report:
    """Verify a bundle: records of a run, each with its proof, under one checkpoint."""
    streams = Streams(keys := Keys(verifier_key))
    try:
        bundle = json.loads(text)
        newest = read_checkpoint(bundle["checkpoint"], None)
        for each in bundle["records"]:
            index, entry = int(each["index"]), each["entry"].encode()
            check_inclusion(index, entry, [decoded(step) for step in each["proof"]], newest)
            committed = streams.add(index, entry).get("payloaddigest")
            if "payload" in each:
                found = hashlib.sha256(bytes.fromhex(each["salt"]) + each["payload"].encode()).hexdigest()
                if found != committed:
                    streams.findings.append(f"entry {index} ({told(entry)}): its payload is not what was committed to")
        read_checkpoint(bundle["checkpoint"], keys.at(newest.size))
        streams.finish()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return Report(None, [f"this is no bundle that can be read ({error!r})"], 0)
    except Broken as error:
        return Report(None, [str(error), *streams.findings], 0)
    return Report(newest, streams.findings, 0, len(bundle["records"]))


def verify_proof(text: str, verifier_key: str, kept: Sequence[str] = ()) -> Report:
    """Verify a proof that a record is in the log, or that the log continues the one kept checkpoint.

    The key is the one that signed the proof's checkpoint; a kept checkpoint is taken as its keeper shows it.
    """
    head, _, note = text.partition("\n\n")
    kind, *lines = head.split("\n")
    try:
        newest = read_checkpoint(note, verifier_key)
        if kind == PROOF:
            _check_record(lines, newest)
            return Report(newest, [], 0, 1)
        (old,) = (read_checkpoint(text, None) for text in kept)
        if (kind, old.origin) != (f"old {old.size}", newest.origin):
            return Report(newest, [f"this proves nothing about the kept checkpoint of {old.size} entries"], 0)
        check_consistency(old, newest, [decoded(step) for step in lines])
    except (ValueError, IndexError) as error:
        return Report(None, [f"this is no proof that can be read, or one checkpoint to compare lacks ({error})"], 0)
    except Broken as error:
        return Report(None, [str(error)], 0)
    return Report(newest, [], 1)


def _check_record(lines: Sequence[str], newest: Checkpoint) -> None:
    """Check a proof as https://c2sp.org/tlog-proof has it; what it calls extra is the record."""
    index = int(lines[1].removeprefix("index "))
    if lines[1] != f"index {index}" or not lines[0].startswith("extra "):
        raise Broken("a proof reads extra (the record), index, hashes, and the checkpoint")
    check_inclusion(index, decoded(lines[0].removeprefix("extra ")), [decoded(step) for step in lines[2:]], newest)


def verify_any(what: Path, verifier_key: str, kept: Sequence[str] = ()) -> Report:
    """Verify a log's folder, a bundle or a proof, by what it is."""
    if what.is_dir():
        return verify(what, verifier_key, kept)
    try:
        text = read_note(what)
    except (OSError, ValueError) as error:
        return Report(None, [f"{what} cannot be read ({error})"], 0)
    return verify_bundle(text, verifier_key) if text.startswith("{") else verify_proof(text, verifier_key, kept)


def main() -> int:
    """Verify what the command line names."""
    parser = argparse.ArgumentParser(description="Verify a gonogo evidence log, bundle or proof offline.")
    parser.add_argument("what", type=Path, help="the log's folder, a bundle, or a proof")
    parser.add_argument("--key", help="verifier key, as published; the log's own key.pub, if none")
    parser.add_argument("--against", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    given = parser.parse_args()
    own = given.what / "key.pub"
    key = given.key or (own.read_text(encoding="utf-8") if own.is_file() else "")
    if not key:
        sys.stderr.write("No key: name the log's verifier key with --key.\n")
        return 2
    report = verify_any(given.what, key, [read_note(path) for path in given.against])
    lines = [f"BROKEN: {finding}" for finding in report.findings]
    if report.checkpoint is not None:
        origin, size, root = report.checkpoint
        lines.append(f"{origin}: {size} entries, root {b64encode(root).decode()}; {report.shown} shown to be in it")
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
