"""Reading a text as the rules of content do: every remark quotes the text exactly as it stands.

Pure functions of text and rules. They are what the offline reviewers judge by, and what measures a
text; a model judges by the same rules with its own eyes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.content import Remark
from policies.content_rules import PLAIN_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.content import Repair
    from policies.content_rules import Channel, ContentRules, Product

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+[^\s.!?\"'\u201d\u2019)][^.!?\n]*)*(?:[.!?]+[\"'\u201d\u2019)]*)?")
"""Up to a stop, a shout or a question; a dot within a number or a name ends nothing."""

_WORD = re.compile(r"[\w'\u2019-]+")
_SPLITS = ("; ", ", and ", ", but ", ", which ", ", because ", ", so ", " and ")
"""Where a long sentence may be cut, best place first."""

QUOTE_MAX = 1_000
"""The longest quote of a remark; a longer sentence is quoted in part."""

_INVISIBLE = frozenset({"Cf", "Cc", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of what nobody sees."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text and where it begins."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text, each as it stands there; a headline is one, too."""
    found: list[Span] = []
    for match in _SENTENCE.finditer(text):
        said = match[0].strip()
        if said:
            found.append(Span(match.start() + match[0].index(said), said))
    return found


def words(text: str) -> int:
    """Count the words of a text."""
    return len(_WORD.findall(text))


def _syllables(word: str) -> int:
    """Count groups of vowels, a silent e left out: a rough rule, the same on every machine."""
    plain = word.lower()
    groups = len(re.findall(r"[aeiouy]+", plain))
    silent = plain.endswith("e") and not plain.endswith("le") and groups > 1
    return max(1, groups - silent)


def reading_ease(text: str) -> int:
    """Return Flesch's reading ease, rounded; 0 = a statute, 100 = a picture book."""
    told = [word for word in _WORD.findall(text) if word[0].isalpha()]
    if not told:
        return 100
    per_sentence = len(told) / max(1, len(sentences(text)))
    per_word = sum(map(_syllables, told)) / len(told)
    return round(206.835 - 1.015 * per_sentence - 84.6 * per_word)


def occurrence(text: str, start: int, quote: str) -> int:
    """Return which occurrence of a quote begins at a place, from 1."""
    return len(_starts(text[: start + len(quote)], quote))


def place(text: str, quote: str, number: int) -> int | None:
    """Return where an occurrence of a quote begins; ``None`` where the text has no such one."""
    starts = _starts(text, quote)
    return starts[number - 1] if 1 <= number <= len(starts) else None


def _starts(text: str, quote: str) -> list[int]:
    """Return every place where a quote begins, those that overlap, too."""
    return [match.start() for match in re.finditer(f"(?={re.escape(quote)})", text)]


def compliance_remarks(text: str, rules: ContentRules, product: Product, channel: Channel) -> list[Remark]:
    """Return what compliance finds: hidden characters, forbidden phrases, required sentences that are missing."""
    found = [*_hidden(text), *_forbidden(text, rules)]
    said = sentences(text) or [Span(0, text)]
    last = Span(max(said[-1].start, said[-1].end - QUOTE_MAX), said[-1].text[-QUOTE_MAX:])
    for name, needed in rules.needed(product, channel).items():
        if needed not in text:
            told = f"Add the required sentence: {rules.required[name].because}"
            found.append(_remark(text, name, last, told, "add_after", f" {needed}"))
    return found


def brand_remarks(text: str, rules: ContentRules, product: Product, channel: Channel) -> list[Remark]:
    """Return what brand finds: worn words, long sentences, shouting, length and reading ease."""
    kept = set(rules.needed(product, channel).values())
    found = [
        _remark(text, "plain-words", span, f"Say it plainly: {rules.plain_words.because}", "replace", instead)
        for span, instead in _phrases(text, rules.plain_words.instead)
    ]
    spoken = [span for span in sentences(text) if span.text not in kept]
    for span in spoken:
        if words(span.text) > rules.sentence_words_max:
            told = f"Make this at most {rules.sentence_words_max} words a sentence."
            found.append(_remark(text, "short-sentences", span, told, "replace", _split(span.text)))
        if span.text.endswith("!"):
            shout = Span(span.start + span.text.rfind(" ") + 1, span.text[span.text.rfind(" ") + 1 :])
            told = "End it with a full stop; we do not shout."
            found.append(_remark(text, "no-shouting", shout, told, "replace", f"{shout.text.rstrip('!?')}."))
    found += _too_long(text, spoken[1:], rules.words_max[channel])
    least = rules.reading_ease_min[channel]
    if not found and reading_ease(text) < least and spoken:
        hardest = min(spoken, key=lambda span: reading_ease(span.text))
        told = f"Say this in shorter words; the text reads at {reading_ease(text)}, and {least} is the least."
        found.append(_remark(text, "reading-ease", hardest, told, "replace", ""))
    return found


def _hidden(text: str) -> Iterator[Remark]:
    """Find words in which something invisible hides."""
    for match in re.finditer(r"[^\s]+", text):
        plain = "".join(letter for letter in match[0] if unicodedata.category(letter) not in _INVISIBLE)
        if plain != match[0]:
            repair = "replace" if plain else "remove"
            told = "Write this without invisible characters."
            yield _remark(text, PLAIN_CHARACTERS, Span(match.start(), match[0]), told, repair, plain)


def _forbidden(text: str, rules: ContentRules) -> Iterator[Remark]:
    taken: list[Span] = []
    for name, wording in rules.forbidden.items():
        for span, instead in _phrases(text, wording.instead):
            if any(span.start < other.end and other.start < span.end for other in taken):
                continue
            taken.append(span)
            yield _remark(
                text, name, span, f"Do not say this. {wording.because}", "replace" if instead else "remove", instead
            )


def _phrases(text: str, instead: dict[str, str]) -> Iterator[tuple[Span, str]]:
    """Find phrases as whole words, whatever their case, longest first."""
    for phrase in sorted(instead, key=len, reverse=True):
        spaced = r"\s+".join(map(re.escape, phrase.split()))
        for match in re.finditer(rf"(?<![\w-]){spaced}(?![\w-])", text, re.IGNORECASE):
            new = instead[phrase]
            yield Span(match.start(), match[0]), new[:1].upper() + new[1:] if match[0][0].isupper() else new


def _split(sentence: str) -> str:
    """Return a sentence cut in two nearest its middle; empty where there is no place to cut."""
    for mark in _SPLITS:
        cuts = [match.start() for match in re.finditer(re.escape(mark), sentence)]
        if cuts:
            cut = min(cuts, key=lambda at: abs(at - len(sentence) // 2))
            rest = sentence[cut + len(mark) :].lstrip()
            if mark == ", which ":
                rest = f"this {rest}"
            return f"{sentence[:cut].rstrip()}. {rest[:1].upper()}{rest[1:]}"
    return ""


def _too_long(text: str, spoken: list[Span], words_max: int) -> Iterator[Remark]:
    """Name sentences to take out, last first, until the text would fit."""
    over = words(text) - words_max
    for span in reversed(spoken):
        if over <= 0:
            return
        over -= words(span.text)
        yield _remark(text, "length", span, f"Take this out; {words_max} words are the most.", "remove", "")


def _remark(text: str, rule: str, span: Span, change: str, repair: Repair, new: str) -> Remark:  # noqa: PLR0917 - a remark has as many facts
    quote = span.text[:QUOTE_MAX]
    return Remark(
        rule=rule,
        quote=quote,
        occurrence=occurrence(text, span.start, quote),
        change=change,
        repair=repair,
        text=new[:QUOTE_MAX],
    )
