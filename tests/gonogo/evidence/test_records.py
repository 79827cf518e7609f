"""Records: one line each, read back as written; whatever was changed since is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import GENESIS, commitment, leaf_bytes, sha256_hex
from gonogo.evidence.records import Envelope, Record, from_line, seal, to_line

payloads = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def sealed(payload: bytes | None = None, **data: Any) -> Record:
    """Return the first record of a stream."""
    envelope = {"runid": "r1", "subject": "run/r1"}
    return seal(envelope, "step_record", {"phase": "fact", **data}, stream=("r1/flight", 0, GENESIS), payload=payload)


@given(payloads)
def test_a_line_is_read_back_as_it_was_written(payload: Any) -> None:
    """Any JSON may be a payload: floats, any Unicode, any nesting."""
    raw = json.dumps(payload, separators=(",", ":")).encode()
    record = sealed(raw)
    line = to_line(record)
    assert line.count(b"\n") == 1
    assert from_line(line) == record
    assert from_line(line).body() == payload


def test_a_record_without_a_payload_is_its_leaf_alone() -> None:
    """The line is the leaf, whose digest the next record carries."""
    record = sealed()
    assert to_line(record) == record.leaf + b"\n"
    assert record.digest == sha256_hex(record.leaf)
    assert from_line(to_line(record)).body() is None


def test_the_leaf_commits_to_the_payload_with_a_salt() -> None:
    """Two equal payloads have unlike commitments, so a guess cannot be checked without the salt."""
    first, second = sealed(b'"positive"'), sealed(b'"positive"')
    assert first.payload is not None
    assert first.fields["payloaddigest"] == commitment(first.payload.salt, b'"positive"')
    assert first.fields["payloaddigest"] != second.fields["payloaddigest"]
    assert b"positive" not in first.leaf


def test_a_payload_that_would_break_the_line_is_refused() -> None:
    """Pretty-printed JSON holds line ends; nothing is recorded that could not be read back."""
    with pytest.raises(EvidenceBroken, match="one line"):
        sealed(b'{\n"a": 1}')


@given(st.integers(10, 10**9))
def test_the_salt_cannot_take_over_the_head_of_a_payload(amount: int) -> None:
    """Moving the first digit of 1250 into the salt would leave 250 under the same commitment."""
    record = sealed(str(amount).encode())
    leaf, salt, body = to_line(record).rstrip(b"\n").split(b"\t")
    forged = b"\t".join((leaf, salt + body[:1].hex().encode(), body[1:])) + b"\n"
    with pytest.raises(EvidenceBroken, match="a salt is 32 bytes"):
        from_line(forged)


@given(st.data())
def test_any_changed_byte_beside_the_leaf_is_found(data: st.DataObject) -> None:
    """The payload and its salt are outside the chain, and still nobody can change them."""
    record = sealed(b'{"amount":1250,"to":"ada"}')
    line = bytearray(to_line(record))
    at = data.draw(st.integers(len(record.leaf), len(line) - 2))
    line[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EvidenceBroken):
        from_line(bytes(line))


def test_an_erased_payload_leaves_the_leaf_whole() -> None:
    """Erasing a person's data is not tampering: the digest of the leaf, and so the chain, stays."""
    record = sealed(b'{"name":"Ada"}')
    erased = from_line(record.leaf + b"\n")
    assert erased.digest == record.digest
    assert erased.body() is None


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"null", b'"text"', b"not json", b'{"type":1,"data":{}}', b'{"type":"x","data":[]}',
        b'{"type":"x"', b"\xff\xfe", b"\t\t", b'{"type":"x","data":{}}\tzz\t{}', b'{"type":"x","data":{}}\t00\t{}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused_with_the_place(line: bytes) -> None:
    """The sentence names the file and line it was given."""
    with pytest.raises(EvidenceBroken, match=r"^r1\.jsonl line 7: "):
        from_line(line + b"\n", "r1.jsonl line 7")


def test_every_record_carries_the_envelope() -> None:
    """CloudEvents 1.0 and the chain; the retention class follows from what the record is about."""
    fields = sealed().fields
    assert fields["specversion"] == "1.0"
    assert fields["type"] == "io.gonogo.evidence.step_record.v1"
    assert (fields["streamid"], fields["streamseq"], fields["prevdigest"]) == ("r1/flight", 0, GENESIS)
    assert fields["retentionclass"] == "ops400d"
    assert fields["time"] <= fields["recordedtime"]
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in fields)
    approval = seal({}, "approval_record", {}, stream=("r1/desk", 0, GENESIS))
    assert approval.fields["retentionclass"] == "gate7y"


def test_what_breaks_the_byte_rules_is_not_sealed() -> None:
    """A float in a body is refused before anything is written."""
    with pytest.raises(EvidenceBroken, match=r"leaf\.data\.cost is a float"):
        sealed(cost=0.1)


@pytest.mark.parametrize("fields", [{"tenantid": "A\u030a"}, {"attempt": 1.0}, {"größe": "x"}])
def test_an_envelope_is_checked_when_it_is_made(fields: dict[str, Any]) -> None:
    """It is not looked at again for each of its records."""
    with pytest.raises(EvidenceBroken, match="leaf"):
        Envelope(fields)


def test_a_leaf_as_it_was_written_is_what_is_hashed() -> None:
    """Verifiers never serialise again: a reordered but equal leaf is another leaf."""
    record = sealed()
    reordered = json.dumps(dict(reversed(record.fields.items())), separators=(",", ":")).encode()
    assert json.loads(reordered) == json.loads(record.leaf)
    assert from_line(reordered + b"\n").digest != record.digest
    assert leaf_bytes(record.fields) == record.leaf
