"""Signed notes and checkpoints: read only where a known key has signed exactly this."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gonogo.log import verifier
from gonogo.log.checkpoints import Checkpoint, read_checkpoint
from gonogo.log.merkle import EMPTY_ROOT
from gonogo.log.notes import NoteRefused, Signer, VerifierKey, sign, verified_text

# The example of golang.org/x/mod/sumdb/note, which C2SP signed-note names as its test vector.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = TEXT + (
    "\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNER = Signer("gonogo.evidence/test", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
CHECKPOINT = Checkpoint(SIGNER.name, 7, bytes(range(32)))


def test_the_vector_of_the_specification_is_read() -> None:
    """Key and note, byte for byte."""
    key = VerifierKey.parse(KEY)
    assert str(key) == KEY
    assert verified_text(NOTE, [key]) == TEXT


def test_a_note_signed_by_nobody_known_is_refused() -> None:
    """A signature by a stranger counts for nothing."""
    with pytest.raises(NoteRefused, match="0 of the known keys"):
        verified_text(NOTE, [SIGNER.verifier])


def test_a_stranger_may_sign_as_well() -> None:
    """Whoever knows the right key reads the note all the same."""
    stranger = Signer("stranger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert verified_text(sign(TEXT, [stranger, SIGNER]), [SIGNER.verifier]) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+c74f20a3", "na me+c74f20a3+AA==", KEY[:-4], KEY.replace("c74f20a3", "c74f20a4"),
        KEY.replace("PeterNeumann", "Peter"),
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    """A key that was copied wrongly is told at once, not by notes that do not verify."""
    with pytest.raises(NoteRefused):
        VerifierKey.parse(text)


def test_a_checkpoint_is_read_back() -> None:
    """By the product and by the verifier that stands alone."""
    note = CHECKPOINT.signed([SIGNER])
    assert read_checkpoint(note, SIGNER.name, [SIGNER.verifier]) == CHECKPOINT
    assert verifier.read_checkpoint(note, str(SIGNER.verifier)) == CHECKPOINT


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """One key may sign several logs."""
    with pytest.raises(NoteRefused, match=r"not of gonogo\.evidence/other"):
        read_checkpoint(CHECKPOINT.signed([SIGNER]), "gonogo.evidence/other", [SIGNER.verifier])


@pytest.mark.parametrize("size", ["007", "-1", "7.0", "", "\u0667", "1e3"])
def test_a_size_is_written_in_one_way(size: str) -> None:
    """A second way would be a second text for the same log."""
    text = CHECKPOINT.text.replace("\n7\n", f"\n{size}\n")
    with pytest.raises(NoteRefused):
        read_checkpoint(sign(text, [SIGNER]), SIGNER.name, [SIGNER.verifier])


@given(st.data())
def test_a_mutated_checkpoint_is_refused_by_both(data: st.DataObject) -> None:
    """Whatever character is changed, taken out or put in before the last signature ends."""
    note = CHECKPOINT.signed([SIGNER])
    place = data.draw(st.integers(0, len(note) - 2))
    kind = data.draw(st.sampled_from(("change", "cut", "insert")))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda found: found != note[place]))
    mutant = note[:place] + ("" if kind == "cut" else letter) + note[place + (kind != "insert") :]
    if mutant == note:
        return
    with pytest.raises(NoteRefused):
        read_checkpoint(mutant, SIGNER.name, [SIGNER.verifier])
    with pytest.raises((verifier.Broken, ValueError)):
        verifier.read_checkpoint(mutant, str(SIGNER.verifier))


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), st.integers(0, 511))
def test_the_verifiers_own_signature_check_agrees_with_the_library(text: bytes, seed: bytes, bit: int) -> None:
    """A signature holds, and holds no more with one bit flipped."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(text)
    flipped = (int.from_bytes(signature, "big") ^ (1 << bit)).to_bytes(64, "big")
    assert verifier.is_signed(public, text, signature)
    assert not verifier.is_signed(public, text, flipped)
    assert not verifier.is_signed(public, text + b"!", signature)


@given(st.text(max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    """It is refused, or it is a note."""
    with pytest.raises(NoteRefused):
        read_checkpoint(text, SIGNER.name, [SIGNER.verifier])


def test_an_empty_log_has_a_checkpoint() -> None:
    """Of size 0, with the root of the empty tree."""
    empty = Checkpoint(SIGNER.name, 0, EMPTY_ROOT)
    assert read_checkpoint(empty.signed([SIGNER]), SIGNER.name, [SIGNER.verifier]) == empty
