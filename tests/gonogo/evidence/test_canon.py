"""Byte rules: whatever a leaf may hold, everybody serialises alike; the rest is refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, cast
from unicodedata import normalize

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import (
    INTEGER_MAX,
    LEAF_MAX_BYTES,
    commitment,
    leaf_bytes,
    moment,
    new_salt,
    payload_bytes,
    plain_text,
    random_bytes,
    short_id,
    timestamp,
    uuid7,
)

VECTORS = Path(__file__).parents[3] / ".." / "shared" / "data" / "rfc8785" / "testdata"

clean_text = st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: normalize("NFC", text))
any_text = st.text(st.characters(), max_size=30)
keys = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=12)
integers = st.integers(-INTEGER_MAX, INTEGER_MAX)
scalars = st.none() | st.booleans() | integers | clean_text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)
leaves = st.dictionaries(keys, values, max_size=6)


def escaped(text: str) -> str:
    """Return a string as RFC 8785, section 3.2.2.2, writes it."""
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 else c) for c in text) + '"'


def rfc8785(value: Any) -> str:
    """Return the canonical form of a value without floats: written from the standard, not from our code."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return str(value)
        case str():
            return escaped(value)
        case list():
            return "[" + ",".join(map(rfc8785, cast("list[Any]", value))) + "]"
        case _:
            members = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
            return "{" + ",".join(f"{escaped(name)}:{rfc8785(inner)}" for name, inner in members) + "}"


@given(leaves)
def test_a_leaf_is_written_as_rfc_8785_writes_it(leaf: dict[str, Any]) -> None:
    """The exact bytes follow from the standard, so any verifier can be written from it."""
    assert leaf_bytes(leaf).decode() == rfc8785(leaf)


@given(leaves)
def test_orjson_and_the_standard_library_agree_on_every_leaf(leaf: dict[str, Any]) -> None:
    """A verifier needs no special library."""
    plain = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert leaf_bytes(leaf) == plain.encode()
    assert orjson.loads(leaf_bytes(leaf)) == leaf == json.loads(leaf_bytes(leaf))


@given(leaves)
def test_a_leaf_holds_no_raw_tab_or_line_end(leaf: dict[str, Any]) -> None:
    """So a journal line can be cut into leaf, salt and payload without parsing."""
    assert not set(b"\t\n\r") & set(leaf_bytes(leaf))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.0, "leaf.x is a float"),
        (-0.0, "leaf.x is a float"),
        (float("nan"), "leaf.x is a float"),
        (INTEGER_MAX + 1, "outside the integers"),
        (-INTEGER_MAX - 1, "outside the integers"),
        (2**64, "outside the integers"),
        ({"\u00e9": 1}, "keys are ASCII"),
        ({7: 1}, "keys are ASCII"),
        ("e\u0301", "not clean Unicode NFC"),
        ("\ud800", "not clean Unicode"),
        (["fine", {"deep": "\udfff!"}], r"leaf\.x\[1\]\.deep is not clean Unicode"),
        (b"bytes", "leaf.x is a bytes"),
        ({1, 2}, "leaf.x is a set"),
        ([[[0.5]]], r"leaf\.x\[0\]\[0\]\[0\] is a float"),
    ],
)
def test_what_serialisers_disagree_on_is_refused_by_name(value: object, told: str) -> None:
    """The message says where in the leaf the value stands."""
    with pytest.raises(EvidenceBroken, match=told):
        leaf_bytes({"x": value})


def test_a_leaf_nested_beyond_reason_is_refused_by_name() -> None:
    """A verifier in another language has a recursion limit, too."""
    deep: Any = 0
    for _ in range(2_000):
        deep = [deep]
    with pytest.raises(EvidenceBroken):
        leaf_bytes({"x": deep})


def test_a_leaf_may_have_exactly_as_many_bytes_as_a_log_entry_holds() -> None:
    """65,535 bytes pass, one more is refused with the way out."""
    around = len(leaf_bytes({"x": ""}))
    assert len(leaf_bytes({"x": "a" * (LEAF_MAX_BYTES - around)})) == LEAF_MAX_BYTES
    with pytest.raises(EvidenceBroken, match="put its body in the payload"):
        leaf_bytes({"x": "a" * (LEAF_MAX_BYTES - around + 1)})


@given(any_text, st.integers(1, 40))
def test_plain_text_is_always_fit_for_a_leaf(text: str, limit: int) -> None:
    """Names, reasons and errors come from anywhere; they may not keep a record from being written."""
    cleaned = plain_text(text, limit)
    assert len(cleaned) <= limit
    assert orjson.loads(leaf_bytes({"x": cleaned})) == {"x": cleaned}


@given(clean_text)
def test_plain_text_leaves_clean_text_alone(text: str) -> None:
    """What needs no cleaning is recorded as it was said."""
    assert plain_text(text) == text


def _vector(name: str) -> tuple[Any, bytes]:
    """Return a published input and its canonical bytes; whole numbers are read as integers, as RFC 8785 writes them."""
    if not VECTORS.is_dir():
        pytest.skip("the RFC 8785 vectors stand in ../shared/data, which this clone does not have")

    def number(text: str) -> int | float:
        return int(float(text)) if float(text).is_integer() else float(text)

    text = (VECTORS / "input" / name).read_text(encoding="utf-8")
    return json.loads(text, parse_float=number), (VECTORS / "output" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("arrays.json", None),
        ("french.json", "keys are ASCII"),
        ("structures.json", None),
        ("unicode.json", "not clean Unicode NFC"),
        ("values.json", "is a float"),
        ("weird.json", "keys are ASCII"),
    ],
)
def test_the_vectors_of_rfc_8785_come_out_byte_for_byte_or_are_refused_by_name(name: str, told: str | None) -> None:
    """Inside our subset the published bytes; outside it no bytes at all."""
    value, published = _vector(name)
    if told is None:
        assert leaf_bytes({"x": value}) == b'{"x":' + published + b"}"
    else:
        with pytest.raises(EvidenceBroken, match=told):
            leaf_bytes({"x": value})


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), values, max_size=6), st.randoms())
def test_equal_payloads_have_equal_bytes(body: dict[str, Any], random: Any) -> None:
    """Keys of operations are digests of these bytes: the order of building may not matter."""
    shuffled = list(body.items())
    random.shuffle(shuffled)
    assert payload_bytes(dict(shuffled)) == payload_bytes(body)


def test_a_payload_that_is_no_json_is_refused_by_name() -> None:
    """A lone surrogate or an integer beyond 64 bits is a sentence, not a stack trace."""
    for value in ("\ud800", 2**70, object()):
        with pytest.raises(EvidenceBroken, match="payload"):
            payload_bytes({"x": value})


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_a_commitment_is_the_digest_of_salt_and_bytes(salt: bytes, raw: bytes) -> None:
    """Anyone with salt and bytes can check it with sha256 alone."""
    assert commitment(salt, raw) == hashlib.sha256(salt + raw).hexdigest()


def test_salts_ids_and_times_have_their_published_form() -> None:
    """32 random bytes; RFC 9562 version 7; RFC 3339 UTC with microseconds."""
    assert len(new_salt()) == 32
    assert new_salt() != new_salt()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid7())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", timestamp())
    assert timestamp(moment("2026-03-01T10:00:00.000001+02:00")) == "2026-03-01T08:00:00.000001Z"
    assert moment(timestamp(moment("2026-03-01T08:00:00.5Z"))) == moment("2026-03-01T08:00:00.5Z")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=5), max_size=4))
def test_short_ids_follow_from_their_parts_alone(parts: list[str]) -> None:
    """The same parts give the same id, and moving a boundary gives another."""
    assert short_id(*parts) == short_id(*parts)
    assert re.fullmatch(r"[a-z2-7]{12}", short_id(*parts))
    assert short_id(*parts, "ab", "c") != short_id(*parts, "a", "bc")


def test_neither_a_fork_nor_a_thread_draws_what_another_drew() -> None:
    """Bytes are drawn ahead, and each of them is given once."""
    random_bytes(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    with ThreadPoolExecutor(8) as threads:
        drawn = [*threads.map(random_bytes, repeat(32, 4_000)), os.read(reading, 32)]
    os.close(reading)
    os.close(writing)
    assert len(set(drawn)) == len(drawn)
    assert [len(random_bytes(count)) for count in (1, 10, 32, 33, 4_000)] == [1, 10, 32, 33, 4_000]
