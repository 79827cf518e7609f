"""Cards: everything a person has to know to say go, and nothing that somebody else wrote there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gonogo.approvals import find_request
from gonogo.evidence.journal import FileJournal
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
