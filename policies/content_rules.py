"""The rules of content: what a text may not say, must say, and how it sounds.

They stand in `content_rules.yaml`, where compliance and brand can read and change them. Reading ease
is Flesch's: 0 = a statute, 100 = a picture book.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, StringConstraints

from gonogo.model import Noun

Product = Literal["account", "investment", "credit", "own_shares"]
"""What a text is about."""

Channel = Literal["internal", "newsletter", "public"]
"""Who reads it: the house, subscribers, everybody."""

Reviewer = Literal["compliance", "brand"]

RULES = Path(__file__).with_name("content_rules.yaml")
"""The reviewed rules in force."""

STYLE_RULES = ("plain-words", "short-sentences", "no-shouting", "length", "reading-ease")
"""Names of the brand rules."""

PLAIN_CHARACTERS = "plain-characters"
"""The compliance rule that nothing invisible hides in a text."""

Phrase = Annotated[str, StringConstraints(min_length=2, to_lower=True)]
Count = Annotated[int, Field(ge=1)]


class Wording(Noun):
    """Phrases that are not used, and what is said instead; nothing means that they are taken out."""

    because: str
    instead: dict[Phrase, str]


class Required(Noun):
    """A sentence that texts about some products need on some channels, word for word."""

    because: str
    products: tuple[Product, ...]
    channels: tuple[Channel, ...]
    text: Annotated[str, StringConstraints(min_length=1, max_length=400)]


class ContentRules(Noun):
    """Everything a draft is held against."""

    version: str
    forbidden: dict[str, Wording]
    required: dict[str, Required]
    plain_words: Wording
    sentence_words_max: Count
    words_max: dict[Channel, Count]
    reading_ease_min: dict[Channel, int]

    def names(self, reviewer: Reviewer) -> tuple[str, ...]:
        """Return the names of a reviewer's rules; a finding names one of them."""
        return (*self.forbidden, *self.required, PLAIN_CHARACTERS) if reviewer == "compliance" else STYLE_RULES

    def needed(self, product: Product, channel: Channel) -> dict[str, str]:
        """Return the sentences that a text about a product needs on a channel, by rule."""
        return {
            name: rule.text
            for name, rule in self.required.items()
            if product in rule.products and channel in rule.channels
        }


@lru_cache
def content_rules() -> ContentRules:
    """Return the rules in force; a file that is not whole is an error, never a guess."""
    return ContentRules.model_validate(yaml.safe_load(RULES.read_text(encoding="utf-8")))
