"""The scripted reviewers quote what they read, where it stands."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from gonogo.agents.offline import Conversation, Use
from policies.clauses import CLAUSE_TYPES, ClauseType, clause_rules
from policies.contracts import Reading, ReviewOrder
from tasks.contracts_agents import PAGES_MAX, read_offline
from tasks.contracts_reading import quotes_of
from tasks.contracts_tools import PAGE_CHARACTERS_MAX, PAGE_SENTENCES_MAX, search

LAW = "This Agreement shall be governed by and construed in accordance with the laws of the State of Ohio."
OTHER = "The goods are delivered on pallets of one metre by one metre, wrapped twice."


def quoted(clause: ClauseType, text: str) -> list[str]:
    """Return what is quoted of a text, and check that it stands where it says."""
    quotes = quotes_of(clause, search(text, clause).sentences)
    assert all(text[quote.start : quote.end] == quote.text for quote in quotes)
    return [quote.text for quote in quotes]


def order(text: str, *clauses: ClauseType) -> str:
    """Return a review order as the agent is given it."""
    document = sha256(text.encode()).hexdigest()
    return ReviewOrder(
        document=document, characters=len(text), reviewer="regulatory", clauses=clauses
    ).model_dump_json()


def read(text: str, *clauses: ClauseType, fails: tuple[ClauseType, ...] = ()) -> tuple[Reading, int]:
    """Let the script read a text with the real search; return what it hands in, and after how many turns."""
    talk = Conversation(prompt=order(text, *clauses))
    turns = 0
    while not isinstance(said := read_offline(talk), Reading):
        assert isinstance(said, list)
        turns += 1
        for use in said:
            if use.args["clause"] in fails:
                talk.refused.setdefault("find_passages", []).append("the repository is down")
            else:
                page = search(text, use.args["clause"], use.args.get("after", 0))
                talk.results.setdefault("find_passages", []).append(page.model_dump(mode="json"))
    return said, turns


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("Governing Law", LAW),
        ("Anti-Assignment", "Neither party may assign this Agreement without the prior written consent of the other."),
        ("Cap On Liability", "In no event shall either party be liable for any indirect or consequential damages."),
        ("Uncapped Liability", "The limitations in this section shall not apply to a breach of confidentiality."),
        ("Exclusivity", "Licensor hereby grants Licensee the exclusive right to sell the Products in the Territory."),
        ("Non-Compete", "During the term, Dealer shall not sell any product that competes with the Products."),
        ("Change Of Control", "A change of control of Supplier entitles Customer to terminate this Agreement."),
        ("Audit Rights", "Licensor may inspect the books and records of Licensee once a year at its own expense."),
        ("Insurance", "Supplier shall maintain commercial general liability insurance of $1,000,000 per claim."),
        ("Termination For Convenience", "Either party may terminate this Agreement for convenience at any time."),
        ("Liquidated Damages", "Supplier shall pay liquidated damages of $500 for each day of delay in delivery."),
    ],
)
def test_a_clause_is_quoted_whole_and_alone(clause: ClauseType, text: str) -> None:
    """Among sentences that are none."""
    assert quoted(clause, f"1. Goods. {OTHER} {text} {OTHER}") == [text]


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("Exclusivity", "Licensor grants Licensee a non-exclusive right to sell the Products in the Territory."),
        ("Exclusivity", "The courts of Ohio have exclusive jurisdiction over all disputes under this Agreement."),
        ("Third Party Beneficiary", "There are no third party beneficiaries of this Agreement whatsoever."),
        ("Governing Law", "Supplier shall act in compliance with the laws that govern the export of the goods."),
        ("Governing Law", "12. Governing law."),
    ],
)
def test_what_only_looks_like_a_clause_is_not_quoted(clause: ClauseType, text: str) -> None:
    """Negations, other meanings and headings."""
    assert quoted(clause, f"{OTHER} {text} {OTHER}") == []


def test_names_and_dates_are_quoted_to_the_character() -> None:
    """Of an opening only: the title, the parties and what they are called, the date."""
    text = (
        "SUPPLY AGREEMENT\n\nThis Supply Agreement is made as of March 3, 2026 by and between "
        'Larkspur Trading Ltd ("Supplier") and Fernhill Works Inc. ("Customer").'
    )
    assert quoted("Document Name", text) == ["SUPPLY AGREEMENT"]
    assert quoted("Agreement Date", text) == ["March 3, 2026"]
    assert quoted("Parties", text) == ["Larkspur Trading Ltd", "Supplier", "Fernhill Works Inc.", "Customer"]
    assert quoted("Parties", f"{OTHER} " * 100 + text) == []


def test_the_reviewer_looks_for_every_clause_before_it_says_anything() -> None:
    """One look for each kind; then what came back, and nothing else."""
    talk = Conversation(prompt=order(LAW, "Governing Law", "Insurance"))
    asked = read_offline(talk)
    assert isinstance(asked, list)
    assert {use.args["clause"] for use in asked if isinstance(use, Use)} == {"Governing Law", "Insurance"}
    reading, turns = read(LAW, "Governing Law", "Insurance")
    assert turns == 1
    assert [quote.clause for quote in reading.quotes] == ["Governing Law"]
    assert reading.unread == ()


def test_the_reviewer_turns_pages_until_it_has_enough() -> None:
    """A clause behind a hundred look-alikes is found; nothing is quoted twice."""
    text = " ".join([f"Number {n} of the law firms insures nobody at all under this or that." for n in range(100)])
    policy = "Supplier shall maintain product liability insurance with limits of $2,000,000 per occurrence."
    reading, turns = read(f"{text} {policy}", "Insurance")
    assert [quote.text for quote in reading.quotes] == [policy]
    assert turns == 4
    assert reading.unread == ()


def test_a_document_too_long_to_read_to_the_end_is_said_to_be_unread() -> None:
    """Five megabytes of the word; the law asks a person then."""
    text = "The insured insures nobody here, or so they say in the house. " * 20_000
    reading, turns = read(text, "Insurance", "Source Code Escrow")
    assert turns == PAGES_MAX
    assert reading.unread == ("Insurance",)


def test_a_look_that_fails_is_told_and_not_repeated_for_ever() -> None:
    """What was found otherwise is handed in."""
    reading, _ = read(f"{LAW} {OTHER}", "Governing Law", "Insurance", fails=("Insurance",))
    assert reading.unread == ("Insurance",)
    assert len(reading.quotes) == 1


@pytest.mark.parametrize("clause", CLAUSE_TYPES)
def test_a_page_is_bounded_and_pages_lose_nothing(clause: ClauseType) -> None:
    """All pages together are every sentence with one of the words, in order."""
    word = clause_rules()[clause].words[0]
    text = " ".join(f"Sentence {number} says {word} and goes on for a while." for number in range(120))
    seen: list[tuple[int, int]] = []
    after: int | None = 0
    while after is not None:
        page = search(text, clause, after)
        assert len(page.sentences) <= PAGE_SENTENCES_MAX
        assert sum(len(each.text) for each in page.sentences) <= PAGE_CHARACTERS_MAX
        assert all(text[each.start : each.end] == each.text for each in page.sentences)
        seen += [(each.start, each.end) for each in page.sentences]
        after = page.next_after
    assert seen == sorted(set(seen))
    assert len(seen) >= (30 if clause_rules()[clause].opening else 120)


HOSTILE: dict[str, Any] = {
    "white space": "shall not " + " " * 1_900 + "assign",
    "one word again and again": "assign transfer delegate consent void not neither may " * 40,
    "brackets and quotes": '("' * 1_000,
    "capital letters": "A " * 1_000,
    "capital words": "Acme, " * 330,
    "digits": "1 january 2 february 3/3/03 " * 70,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_pattern_runs_away_on_text_made_to_make_it(text: str) -> None:
    """Every pattern of every kind, on the longest sentence there is; one that backtracks would not come back."""
    from tasks.repository import Sentence

    sentence = Sentence(start=0, end=len(text[:2_000]), text=text[:2_000])
    for clause in CLAUSE_TYPES:
        quotes = quotes_of(clause, [sentence])
        assert all(text[quote.start : quote.end] == quote.text for quote in quotes)
