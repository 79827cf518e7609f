"""Spotting: where in a text stands what a run must not write down.

That is, in this order where several begin at the same place: what only looks sealed, what is known to be
somebody's (the longest first, whole words, in any case), and what has the shape of an address or a number.
Known texts come one by one while a run flies, so they are looked for one by one: an expression of all of them
would have to be compiled anew each time, in a time that grows with all that is known.
"""

from __future__ import annotations

import re
from bisect import insort
from typing import TYPE_CHECKING

from gonogo.evidence.sealing import SHAPE
from gonogo.personal import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Span = tuple[int, int]
    Find = Callable[[int], Span | None]

_SEALED = re.compile(SHAPE)
_SHAPED = re.compile(SHAPES)


class Spotter:
    """What is known to be somebody's, and how it is found."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def learn(self, text: str) -> None:
        """Look for a text from now on; it is in folded case, and not known yet."""
        insort(self._known, text, key=lambda known: -len(known))

    def replaced(self, text: str, replace: Callable[[str], str]) -> str:
        """Return the text with everything that is found in it replaced."""
        parts: list[str] = []
        end = 0
        for start, until in self._spans(text):
            parts += (text[end:start], replace(text[start:until]))
            end = until
        return "".join(parts) + text[end:] if parts else text

    def _spans(self, text: str) -> Iterator[Span]:
        """Yield what is found, from left to right; nothing is found within what was found before it."""
        lowered = text.lower() if text.isascii() else None
        finders: list[Find] = [_searching(_SEALED, text)]
        finders += [_finding(known, text, lowered) for known in self._known]
        finders.append(_searching(_SHAPED, text))
        found = [find(0) for find in finders]
        at = 0
        while True:
            for number, span in enumerate(found):
                if span is not None and span[0] < at:
                    found[number] = finders[number](at)
            # The first of those that begin at the same place.
            first = min((span for span in found if span is not None), key=lambda span: span[0], default=None)
            if first is None:
                return
            yield first
            at = first[1]


def _searching(pattern: re.Pattern[str], text: str) -> Find:
    def find(at: int) -> Span | None:
        found = pattern.search(text, at)
        return None if found is None else found.span()

    return find


def _finding(known: str, text: str, lowered: str | None) -> Find:
    """Return what finds a known text as whole words; beyond ASCII, letters have other spellings than their cases."""
    if lowered is None or not known.isascii():
        return _searching(re.compile(rf"(?<!\w)(?i:{re.escape(known)})(?!\w)"), text)

    def find(at: int) -> Span | None:
        start = lowered.find(known, at)
        while start >= 0:
            end = start + len(known)
            if not (start and _is_word(lowered[start - 1])) and not (end < len(lowered) and _is_word(lowered[end])):
                return start, end
            start = lowered.find(known, start + 1)
        return None

    return find


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
