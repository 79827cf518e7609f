"""What the offline reviewers find in a text: the rule, the exact words, and where they stand."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.content_rules import content_rules
from tasks.content_checks import brand_remarks, compliance_remarks, occurrence, place, reading_ease, sentences, words

if TYPE_CHECKING:
    from policies.content import Remark

RULES = content_rules()
WARNING = RULES.required["risk-warning"].text


def compliance(text: str, product: str = "account", channel: str = "internal") -> list[tuple[str, str, str]]:
    """Return what compliance finds: rule, quote, and the words it offers."""
    found = compliance_remarks(text, RULES, product, channel)  # pyright: ignore[reportArgumentType] - closed words
    return [(each.rule, each.quote, each.text) for each in found]


def brand(text: str, channel: str = "internal", product: str = "account") -> list[tuple[str, str, str]]:
    """Return what brand finds: rule, quote, and the words it offers."""
    found = brand_remarks(text, RULES, product, channel)  # pyright: ignore[reportArgumentType] - closed words
    return [(each.rule, each.quote, each.text) for each in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("We keep your money safe.", []),
        ("It has GUARANTEED  returns.", [("no-guarantees", "GUARANTEED  returns", "Possible returns")]),
        ("Guaranteed.", [("no-guarantees", "Guaranteed", "Expected")]),
        ("Unguaranteed and risk-freeish.", []),
        (
            "It is risk-free, so act now.",
            [("no-guarantees", "risk-free", "lower-risk"), ("no-pressure", "act now", "take your time")],
        ),
        ("The best bank.", [("no-superlatives", "The best", "A good")]),
        ("A gua\u200branteed rate.", [("plain-characters", "gua\u200branteed", "guaranteed")]),
        ("Safe \u202eesrever money.", [("plain-characters", "\u202eesrever", "esrever")]),
        ("Two \u200b words.", [("plain-characters", "\u200b", "")]),
    ],
)
def test_compliance_finds_what_may_not_be_said(text: str, found: list[tuple[str, str, str]]) -> None:
    """Whole words, any case, longest phrase first; what hides is brought to light."""
    assert compliance(text) == found


def test_compliance_finds_what_must_be_said_and_is_not() -> None:
    """Quoted is the sentence to put it behind; where it stands already nothing is found."""
    text = "A new fund\n\nIt buys bonds."
    assert compliance(text, "investment", "public") == [("risk-warning", "It buys bonds.", f" {WARNING}")]
    assert compliance(f"{text} {WARNING}", "investment", "public") == []
    assert compliance(text, "investment", "internal") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello\n\nWe leverage tools.", [("plain-words", "leverage", "use")]),
        ("Hello\n\nCome in!!", [("no-shouting", "in!!", "in.")]),
        ("Hello\n\nCome and see us, ask what you like.", []),
    ],
)
def test_brand_finds_worn_words_and_shouting(text: str, found: list[tuple[str, str, str]]) -> None:
    """Each with the words to put instead."""
    assert brand(text) == found


def test_brand_cuts_a_sentence_that_is_too_long_where_it_can_be_cut() -> None:
    """Near its middle; where there is no place to cut, the writer has to find the words."""
    half = " ".join(["word"] * 14)
    ((rule, quote, new),) = brand(f"Hello\n\n{half}, and {half}.")
    assert (rule, quote, new) == ("short-sentences", f"{half}, and {half}.", f"{half}. W{half[1:]}.")
    ((rule, _, new),) = brand(f"Hello\n\n{half} {half}.")
    assert (rule, new) == ("short-sentences", "")


def test_brand_takes_out_what_is_too_much_last_first_but_no_required_sentence() -> None:
    """Until the text fits."""
    said = [f"This is the sentence of number {number} here." for number in range(14)]
    text = f"Hello\n\n{' '.join(said)} {WARNING}"
    found = brand(text, "public", "investment")
    assert {rule for rule, _, _ in found} == {"length"}
    assert [quote for _, quote, _ in found] == said[: -len(found) - 1 : -1]
    left = text
    for _, quote, _ in found:
        left = left.replace(quote, "")
    assert words(left) <= RULES.words_max["public"]


def test_brand_quotes_the_hardest_sentence_of_a_hard_text() -> None:
    """Only where nothing else is to be changed first."""
    hard = "Institutional responsibilities necessitate organisational reconsiderations."
    assert brand(f"Hello\n\nIt is hot. {hard}", "public") == [("reading-ease", hard, "")]


def test_a_decimal_or_an_address_ends_no_sentence() -> None:
    """Sentences are what is quoted, so they have to be whole."""
    text = 'Rates\n\nIt pays 2.5 percent, see bank.example. He said "Stop." Then he went?! Yes'
    assert [each.text for each in sentences(text)] == [
        "Rates",
        "It pays 2.5 percent, see bank.example.",
        'He said "Stop."',
        "Then he went?!",
        "Yes",
    ]


def test_reading_ease_knows_easy_from_hard() -> None:
    """Short words and sentences read easily; a text without a word is no burden."""
    assert reading_ease("The cat sat. It ran.") > 90
    assert reading_ease("Institutional responsibilities necessitate organisational reconsiderations.") < 0
    assert reading_ease("") == reading_ease("123 456") == 100


@given(st.text("ab .!?\n,éüguarnted-\u200b\u202e", max_size=300))
def test_every_remark_quotes_the_text_exactly(text: str) -> None:
    """Whatever is written: the quote stands there, as often as the remark says, and sentences do not overlap."""
    found: list[Remark] = []
    if text.strip():
        found = compliance_remarks(text, RULES, "investment", "public") + brand_remarks(text, RULES, "credit", "public")
    for remark in found:
        assert place(text, remark.quote, remark.occurrence) is not None
    spans = sentences(text)
    assert all(text[span.start : span.end] == span.text for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(st.text("ab", max_size=40), st.text("ab", min_size=1, max_size=4))
def test_an_occurrence_and_its_place_are_the_same_thing(text: str, quote: str) -> None:
    """Counting to a place and finding the place of a count undo each other, overlaps included."""
    starts = [start for start in range(len(text)) if text.startswith(quote, start)]
    for number, start in enumerate(starts, start=1):
        assert place(text, quote, number) == start
        assert occurrence(text, start, quote) == number
    assert place(text, quote, len(starts) + 1) is None
    assert place(text, quote, 0) is None
