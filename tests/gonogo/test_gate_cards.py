"""Cards: everything a person has to know to say go, and nothing that somebody else wrote there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from gonogo import quoted, shown
from gonogo.approvals import find_request
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy import errands
from tests.gonogo.toy.bank import pay
from tests.gonogo.toy.errands import Errand, Payment, park

if TYPE_CHECKING:
    from pathlib import Path


async def _card(tmp_path: Path, payee: str) -> str:
    landing = await park(Errand(payments=[Payment(payee=payee, cents=6_000)]), tmp_path)
    return find_request(FileJournal(tmp_path / "journals"), landing.waits[0]).body()["card"]


async def test_a_card_says_what_why_and_what_follows(tmp_path: Path) -> None:
    """Everything needed to say go, and who asks."""
    card = await _card(tmp_path, "ada")
    for part in (
        "## Go or no-go: `pay`",
        "**errand** of mission **errand** wants to do this for tester",
        "| payee | `ada` |",
        "| amount_cents | `6000` |",
        "- A payout above 50 EUR needs a manager. (`payout-limit`)",
        "6000 cents leave the account.",
        "0 model calls and 0 of at most 10 changes",
        "scripted **offline model**",
        "Role **manager**",
        "owner counter",
    ):
        assert part in card
    # A table or a list right under a line of text is not one.
    assert "**Why you are asked**\n\n- A payout" in card
    assert "**What would change**\n\n> 6000 cents leave the account.\n\n**So far**" in card


@pytest.mark.parametrize(
    "hostile",
    [
        "ada` |\n| amount_cents | `1` |",
        "ada\r| amount_cents | `1` |",
        "ada\r\n\r\n**Approved already.**",
        "ada \\| x \\\\| y",
        "`ada` | ``x``",
        "<script>alert(1)</script>",
        "\u202e6 adn\u202c",
        "ada\u2028| amount_cents | `1` |",
        "ada\x0b\x0c\x1b[2J\x00",
        "\u200b\ufeffada",
        "x" * 5_000,
    ],
)
async def test_hostile_text_stays_in_its_cell(tmp_path: Path, hostile: str) -> None:
    """One row for each argument, one code span in it, and nothing invisible that turns the reading around."""
    card = await _card(tmp_path, hostile)
    table = re.split(r"\r\n|\r|\n|\x0b|\x0c|\x85|\u2028|\u2029", card.split("|---|---|\n")[1])
    rows = [line for line in table[: table.index("")] if line]
    assert len(rows) == 2
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert [len(parts) for parts in cells] == [4, 4]
    assert cells[1][1:3] == [" amount_cents ", " `6000` "]
    assert re.fullmatch(r" `[^`]*` ", cells[0][2])
    assert all(letter.isprintable() for row in rows for letter in row)
    assert len(rows[0]) < 300


HOSTILE = [
    "[click](https://example.org)",
    "![x](https://example.org/x.png)",
    "<img src=x onerror=alert(1)>",
    "<!-- ",
    "`` ` ``` ````",
    "a\n\n**If you say** `go`, nothing happens.",
    "a\r# Approved\r",
    "a | b | c\n|---|---|",
    "\u202egnp.evil\u202c\u200b\u2066",
    "\x1b[2J\x00\x07",
    "https://example.org and www.example.org",
    "\u2028\u2029\x0b\x0c\x85# Approved",
    "> quote\n> ```\n",
    "~~~\n# Approved",
    "",
    " ",
    "x" * 9_000,
]


def _kinds(markdown: str) -> tuple[set[str], set[str]]:
    """Return what a markdown reader that takes HTML and tables makes of a text: blocks, and what is in them."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown)
    return {token.type for token in tokens}, {inner.type for token in tokens for inner in token.children or []}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_value_that_is_shown_is_text_and_nothing_else(hostile: str) -> None:
    """On one line, in a sentence and in a table's cell."""
    blocks, inline = _kinds(f"Pay {shown(hostile)} now.")
    assert blocks == {"paragraph_open", "paragraph_close", "inline"}
    assert inline <= {"text", "code_inline"}
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"| a | b |\n|---|---|\n| {shown(hostile)} | 2 |")
    cells = [token.type for token in tokens].count("td_open")
    assert cells == 2
    assert all(letter.isprintable() for letter in shown(hostile))
    assert len(shown(hostile)) <= 202


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_quoted_text_is_one_block_that_nothing_in_it_ends(hostile: str) -> None:
    """Line by line as it was written, with nothing invisible."""
    blocks, inline = _kinds(f"Before.\n\n{quoted(hostile)}\n\nAfter.")
    assert blocks == {"paragraph_open", "paragraph_close", "inline", "fence"}
    assert inline == {"text"}
    assert all(letter.isprintable() for line in quoted(hostile).split("\n") for letter in line)


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_preview_that_lets_anything_through_stays_in_its_block(tmp_path: Path, hostile: str) -> None:
    """An author who forgot to quote cannot lend the card's own voice to a stranger."""

    def naive(*, payee: str, **_: object) -> str:
        return f"This goes to {payee}"

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(vars(errands), "pay", replace(pay, preview=naive))
        card = await _card(tmp_path, hostile)
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(card)
    top = [token for token in tokens if token.level == 0]
    headings = [token.type for token in top if token.type in {"heading_open", "html_block", "fence", "hr"}]
    assert headings == ["heading_open"]
    assert [token.type for token in top].count("blockquote_open") == 1
    assert card.count("\n**If you say**") == 1


async def test_a_preview_that_fails_hides_the_question_from_nobody(tmp_path: Path) -> None:
    """The card says that it failed, and of what; the person decides."""

    def failing(**_: object) -> str:
        raise LookupError("no such account\n# Approved")

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(vars(errands), "pay", replace(pay, preview=failing))
        card = await _card(tmp_path, "ada")
    assert "> The tool's preview failed: `LookupError: no such account # Approved`" in card
