"""Sentences of any text, with their positions, and what counts as text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.contracts import DOCUMENT_MAX_CHARACTERS
from tasks.passages import SENTENCE_MAX_CHARACTERS, normalised, sentences


def told(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [text[start:end] for start, end in sentences(text)]


@given(st.text(alphabet=st.sampled_from('aB.1;,!?"“”)( \n\t\u2009é漢\u202e'), max_size=400) | st.text(max_size=400))
def test_sentences_lie_in_order_and_hold_everything_that_is_not_white_space(text: str) -> None:
    """Nothing is lost, nothing doubled, nothing invented, whatever the text."""
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert all(end - start <= SENTENCE_MAX_CHARACTERS for start, end in spans)
    between = [text[one[1] : two[0]] for one, two in zip([(0, 0), *spans], [*spans, (len(text), 0)], strict=True)]
    assert not "".join(between).strip()
    assert not [text[start:end] for start, end in spans if text[start:end] != text[start:end].strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("Acme Inc. and Bolt Ltd. agree. So be it.", ["Acme Inc. and Bolt Ltd. agree.", "So be it."]),
        ("12.3 Law. This is it.", ["12.3 Law.", "This is it."]),
        ("4. Term\n\nThe term is a year.", ["4. Term", "The term is a year."]),
        ("goods that\n\nare delivered on time", ["goods that\n\nare delivered on time"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    """Abbreviations, numbers of sections and breaks of a page end none."""
    assert told(text) == expected


def test_a_sentence_without_end_is_cut_at_a_pause() -> None:
    """And in the middle of a word only where there is no pause."""
    long = "and so on, " * 500
    assert len(told(long)) > 2
    assert " ".join(told(long)) == long.strip()
    assert [len(part) for part in told("x" * 4_500)] == [2_000, 2_000, 500]


@pytest.mark.parametrize(
    "text", ["." + " " * 1_000_000, "\n " * 500_000, ". " * 500_000, "(" * 1_000_000, "A." * 500_000]
)
def test_a_megabyte_of_nonsense_is_read_as_fast_as_any(text: str) -> None:
    """Its length is what it costs; a pattern that backtracks would not come back from this."""
    assert sum(end - start for start, end in sentences(text)) <= len(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xef\xbb\xbfAn agreement.", "An agreement."),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("e\u0301 and \u00e9, \U0001f58b\u202e".encode(), "e\u0301 and \u00e9, \U0001f58b\u202e"),
    ],
)
def test_a_document_is_kept_as_it_is_but_for_mark_and_line_ends(raw: bytes, text: str) -> None:
    """Positions count these characters, and no others."""
    assert normalised(raw) == (text, "")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "It is empty."),
        (b" \r\n\t", "It is empty."),
        (b"%PDF-1.7\x00\x00", "It is no text: character 8 is a NUL."),
        (b"caf\xe9", "It is not UTF-8 text: byte 3 is none."),
        (b"x" * (DOCUMENT_MAX_CHARACTERS + 1), "It has 5,000,001 characters"),
    ],
)
def test_what_is_no_text_is_not_read_and_says_why(raw: bytes, problem: str) -> None:
    """Nothing is guessed."""
    text, said = normalised(raw)
    assert text == ""
    assert said.startswith(problem)
