"""Sentences of a document, with their positions: what reviewers are shown, and what they quote.

A document is text as the repository keeps it: decoded from UTF-8, a byte order mark taken off, and
every CRLF or CR made one LF. Positions are in characters of that text, `text[start:end]`, end
exclusive. Nothing else is changed: no Unicode normalisation, no white space folded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from policies.contracts import DOCUMENT_MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

SENTENCE_MAX_CHARACTERS = 2_000
"""A longer sentence is cut at its last semicolon, comma or space before this; at worst in the middle of a word."""

_GAP = re.compile(r"""(?P<stop>[.?!]["'\u201d\u2019)\]]{0,3})[ \t]*+(?:\n[ \t]*+)?+(?=\S)|\n[ \t]*+\n\s*+""")
"""Where a sentence may end: behind a full stop, or at an empty line."""

_ABBREVIATED = re.compile(
    r"""(?:\b(?:Inc|Corp|Co|Ltd|LLC|Cos|No|Nos|Sec|Secs|Art|St|Mr|Mrs|Ms|Dr|Jr|Sr|vs?|etc|al|cf|approx|Attn|Ave
    |Blvd|Ste|Bros|Dept|Exh?|Fig|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|Hwy|i\.e|e\.g|viz|p|pp)
    |(?:^|[\s(.])[A-Za-z]|(?:^|\n|\s)[(]?(?:\d{1,3}(?:\.\d{1,3}){0,3}|[ivxlIVXL]{1,5}))\.$""",
    re.VERBOSE,
)
"""A full stop behind one of these ends no sentence: an abbreviation, an initial, the number of a section."""

_LOOK_BACK = 12
"""Characters before a full stop that decide whether it ends a sentence."""

_OPENING = re.compile(r"[\"'\u201c\u2018(\[]{0,3}(?:[A-Z0-9§•*_]|[ivx]{1,4}\))")
_CUT = re.compile(r"[;,\s](?=[^;,\s]*$)")


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where each sentence starts and ends, in order, white space at either end left out.

    They do not overlap, and together they hold every character that is not white space. The work
    grows with the length of the text and no faster, whatever stands in it.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for end, resume in _ends(text):
        found += _pieces(text, start, end)
        start = resume
    return found


def _ends(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a sentence ends, and where the next may begin."""
    for gap in _GAP.finditer(text):
        stop = gap.end("stop") if gap["stop"] else gap.start()
        if gap["stop"] is None:
            if gap.start() == 0 or _continues(text, gap.start(), gap.end()):
                continue
        elif gap.end() == stop or not _OPENING.match(text, gap.end()) or _is_abbreviated(text, gap.start()):
            continue
        yield stop, gap.end()
    yield len(text), len(text)


def _continues(text: str, before: int, after: int) -> bool:
    """Whether a sentence goes on behind an empty line, as it does at the break of a page."""
    following = text[after : after + 1]
    return following.islower() and text[before - 1] not in ".?!:;"


def _is_abbreviated(text: str, stop: int) -> bool:
    if text[stop] != ".":
        return False
    return _ABBREVIATED.search(text[max(0, stop - _LOOK_BACK) : stop + 1]) is not None


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a sentence without the white space around it, in pieces where it is too long."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > SENTENCE_MAX_CHARACTERS:
        cut = _CUT.search(text, start + SENTENCE_MAX_CHARACTERS // 2, start + SENTENCE_MAX_CHARACTERS)
        stop = cut.end() if cut else start + SENTENCE_MAX_CHARACTERS
        yield from _pieces(text, start, stop)
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end


@lru_cache(maxsize=8)
def sentences_of(text: str) -> tuple[tuple[int, int], ...]:
    """Return the same, kept for the documents that are being read."""
    return tuple(sentences(text))


def normalised(raw: bytes) -> tuple[str, str]:
    """Return the text of a document, and why it cannot be read; one of the two is empty."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return "", f"It is not UTF-8 text: byte {error.start} is none."
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return "", "It is empty."
    if "\x00" in text:
        return "", f"It is no text: character {text.index(chr(0))} is a NUL."
    if len(text) > DOCUMENT_MAX_CHARACTERS:
        return "", f"It has {len(text):,} characters, more than the {DOCUMENT_MAX_CHARACTERS:,} of any contract."
    return text, ""
