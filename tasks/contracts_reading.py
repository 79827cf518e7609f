"""How the offline reader recognises clauses: by the patterns of `policies/clauses_*.yaml`, sentence by sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.clauses import clause_rules
from policies.contracts import Quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.clauses import ClauseRule, ClauseType
    from tasks.repository import Sentence

SENTENCE_MIN_CHARACTERS = 40
"""A shorter sentence is a heading, and no clause."""


def quotes_of(clause: ClauseType, sentences: Iterable[Sentence]) -> list[Quote]:
    """Return the clauses of a kind among sentences, in their order, at most as many as its rule says."""
    rule = clause_rules()[clause]
    found: list[Quote] = []
    for sentence in sentences:
        for start, end in _fitting(rule, sentence):
            text = sentence.text[start:end]
            overlaps = any(sentence.start + start < quote.end for quote in found)
            if overlaps or any(quote.text == text for quote in found):
                continue
            found.append(Quote(clause=clause, start=sentence.start + start, end=sentence.start + end, text=text))
            if len(found) == rule.most:
                return found
    return found


def _fitting(rule: ClauseRule, sentence: Sentence) -> Iterator[tuple[int, int]]:
    """Yield what is quoted of a sentence, as positions within it, in order."""
    if any(pattern.search(sentence.text) for pattern in rule.unless):
        return
    spans: list[tuple[int, int]] = []
    for pattern in rule.find:
        if "q" in pattern.groupindex:
            spans += [match.span("q") for match in pattern.finditer(sentence.text)]
        elif len(sentence.text) >= SENTENCE_MIN_CHARACTERS and pattern.search(sentence.text):
            spans.append((0, len(sentence.text)))
        if spans and rule.most == 1:
            break
    yield from sorted(set(spans))
