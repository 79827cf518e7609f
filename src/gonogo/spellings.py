"""Spellings: the one form behind the many ways in which a value can be written.

Two questions are asked of a text. Whether it *names* a value is asked of those who are trusted, and
answered narrowly: letter for letter, from a word's beginning to a word's end, case and spacing
aside; in a lookalike every letter counts. Whether it *hides* a value is asked of everybody else, and
answered widely: through separators, lookalike letters, invisible characters, entities, percent signs
and base64. Nothing here decides anything.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import unquote

LENGTH_MAX = 1 << 18
"""How much of one text is read, in characters; what is longer is read up to here and says that it is cut."""

HIDDEN_DEPTH_MAX = 2
"""How often what was decoded is looked into again."""

SQUEEZED_MIN = 6
"""From how many letters and digits on a value is found across separators; a shorter one only as a word."""

_LATIN: Final = str.maketrans(
    "абвгеёзіјкмнорстухуѕԁԛԝһӏьαβγεικνορτυχωօսոհ",
    "a6breezijkmhopctyxysdqwhlbabyeikvoptuxwouuh",
)
"""Small letters of other alphabets that look like Latin ones."""

_DROPPED: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_NUMBER: Final = re.compile(r"\d+(?:[.,'\u2019]\d+)*")
_CURRENCIES: Final = ("eur", "usd", "gbp", "chf")
"""What may stand right before an amount; after any other letter digits are part of a name."""
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_MONTHS: Final = {
    month: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sep sept", "october oct", "november nov", "december dec"), 1,
    )
    for month in names.split()
}  # fmt: skip
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR: Final = re.compile(r"\d{4}")
_DATES: Final = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?!\d)"),
    re.compile(rf"\b(?P<m>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?(?P<m>{_MONTH})\.?,? (?P<y>\d{{4}})(?!\d)"),
)


def plainly(text: str) -> str:
    """Return a text in small letters with single blanks, and without what cannot be seen."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join(text.casefold().split())


def squeezed(text: str) -> str:
    """Return only the letters and digits of a text, small, lookalikes as the letters they look like."""
    if text.isascii():
        return text.lower().encode().translate(None, _DROPPED).decode()
    bare = unicodedata.normalize("NFKD", plainly(text).translate(_LATIN))
    return "".join(letter for letter in bare.translate(_LATIN) if letter.isalnum())


def number(text: str) -> str:
    """Return a plain number without signs, leading zeros and an empty fraction: ``"0012.50"`` is ``"12.5"``."""
    whole, _, rest = text.lstrip("+-").partition(".")
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")


def is_number(text: str) -> bool:
    """Whether a text is one plain number."""
    return bool(re.fullmatch(r"[+-]?\d+(?:\.\d+)?", text, re.ASCII))


def numbers(text: str) -> set[str]:
    """Return every number of a text, in each way it can be read: ``1.200`` is a thousand or a little more than one."""
    found: set[str] = set()
    for written in {match[0] for match in _NUMBER.finditer(text) if _begins(text, match.start())}:
        if written.isdigit():
            found.add(number(written))
            continue
        marks = [mark for mark in written if not mark.isdigit()]
        bare = re.split(r"\D", written)
        if len(set(marks)) == 1 and (marks[0] in "'\u2019" or all(len(group) == 3 for group in bare[1:])):  # noqa: PLR2004 - thousands
            found.add(number("".join(bare)))
        if marks[-1] in ".," and marks.count(marks[-1]) == 1:
            found.add(number(f"{''.join(bare[:-1])}.{bare[-1]}"))
        found.update(number(group) for group in bare if len(marks) > 1)
    return found


def _begins(text: str, start: int) -> bool:
    """Whether a number may begin here."""
    return not text[start - 1 : start].isalpha() or text[max(0, start - 3) : start].lower() in _CURRENCIES


def dates(text: str) -> set[str]:
    """Return every date of a text that :func:`plainly` has made plain, as ``YYYY-MM-DD``."""
    found: set[str] = set()
    if not _YEAR.search(text):
        return found
    for pattern in _DATES:
        for match in pattern.finditer(text):
            month = match["m"]
            found.add(f"{match['y']}-{_MONTHS.get(month) or int(month):02d}-{int(match['d']):02d}")
    return found


def decoded(text: str, depth: int = HIDDEN_DEPTH_MAX) -> list[str]:
    """Return what a text says in other letters: entities, percent signs, base64."""
    if not depth:
        return []
    found = [unquote(text)] if "%" in text else []
    found += [html.unescape(text)] if "&" in text else []
    for match in _ENCODED.finditer(text):
        word = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        if word.islower() or word.istitle():
            continue  # a word of a language; what is encoded mixes its letters
        try:
            inner = base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if inner.isprintable():
            found.append(inner)
    return found + [deeper for other in found for deeper in decoded(other, depth - 1)]


@dataclass(slots=True, frozen=True)
class Spelled:
    """A value to look for, in all its forms, made once."""

    plain: str
    squeezed: str
    number: str
    """Empty where it is none."""
    date: str
    """Empty where it is none."""

    @property
    def is_address(self) -> bool:
        """Whether it says where something goes by its form alone: mail, web, path, or an account's many digits."""
        digits = sum(map(str.isdigit, self.squeezed))
        is_account = not self.number and not self.date and " " not in self.plain and digits >= SQUEEZED_MIN
        return bool(re.search(r"\w@\w|://|\w/\w|^www\.", self.plain)) or is_account


def spelled(value: str | float) -> Spelled:
    """Return the forms of a value; a whole float is the whole number."""
    text = value if isinstance(value, str) else format(value, "f") if isinstance(value, float) else str(value)
    plain = plainly(text[:LENGTH_MAX])
    found = dates(plain) if len(plain) <= len("september 30th, 2024") else set[str]()
    of_number = number(plain) if is_number(plain) else ""
    return Spelled(plain, squeezed(plain), of_number, next(iter(found), "") if len(found) == 1 else "")


@dataclass
class Text:
    """A text that is looked into; each of its readings is made when it is first needed."""

    raw: str
    is_cut: bool = field(init=False)

    def __post_init__(self) -> None:
        """Keep what is read of it, and whether that is all."""
        self.is_cut = len(self.raw) > LENGTH_MAX
        self.raw = self.raw[:LENGTH_MAX]

    @cached_property
    def plain(self) -> str:
        """The text as :func:`plainly` shows it."""
        return plainly(self.raw)

    @cached_property
    def _readings(self) -> list[str]:
        return [self.plain, *map(plainly, decoded(self.raw))]

    @cached_property
    def _squeezed(self) -> str:
        return "\n".join(map(squeezed, self._readings))

    @cached_property
    def numbers(self) -> set[str]:
        """Every number of the text."""
        return numbers(self.plain)

    @cached_property
    def _hidden_numbers(self) -> set[str]:
        return self.numbers.union(*map(numbers, self._readings[1:]))

    @cached_property
    def _dates(self) -> set[str]:
        return dates(self.plain)

    def names(self, value: Spelled) -> bool:
        """Whether the text says a value letter for letter, as a word or words of its own."""
        if value.number:
            return value.number in self.numbers
        if value.date and value.date in self._dates:
            return True
        return _stands_alone(value.plain, self.plain) or (value.is_address and self._names_account(value))

    def _names_account(self, value: Spelled) -> bool:
        """Whether an account's digits stand here in groups; what holds other signs than blanks is never joined."""
        if not value.plain.isalnum():
            return False
        spaced = r"[ -]?".join(map(re.escape, value.plain))
        before = r"(?<!\d )" if value.plain[0].isdigit() else ""
        return re.search(rf"(?<![\w@.-]){before}{spaced}(?![\w@-]| \d)", self.plain) is not None

    def hides(self, value: Spelled) -> bool:
        """Whether the text says a value in any way that a reader could follow."""
        if value.number:
            return value.number in self._hidden_numbers
        if value.date:
            return any(value.date in dates(reading) for reading in self._readings)
        if len(value.squeezed) >= SQUEEZED_MIN:
            return value.squeezed in self._squeezed
        return any(_stands_alone(value.plain, reading) for reading in self._readings)


def _stands_alone(word: str, text: str) -> bool:
    """Whether a word stands in a text with nothing before or after that would belong to it."""
    start = text.find(word) if word else -1
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(word) : start + len(word) + 2]
        joins = after[:1] in {*"@-_+/"} or (after[:1] in {".", ":"} and after[1:].isalnum())
        if not before.isalnum() and before not in {*"@-_+./"} and not after[:1].isalnum() and not joins:
            return True
        start = text.find(word, start + 1)
    return False
