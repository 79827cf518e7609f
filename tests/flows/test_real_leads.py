"""Real people of a telephone campaign, flown as leads: what the mission says is what the file and the card say."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.lead_qualification import lead_qualification
from gonogo.testing import rehearse
from policies.lead_scorecard import scorecard
from policies.leads import CONTACTS_MAX, Profile
from tasks.adapters import ADAPTERS

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "leads" / "leads.csv"
ADAPTER = ADAPTERS["lead_qualification"]

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the campaign data is not beside this repository")


def rows() -> list[dict[str, Any]]:
    """Return every row of the file, as text."""
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_real_people_are_scored_by_the_card_and_handled_by_their_grade(tmp_path: Path) -> None:
    """Every five-hundredth person of the file, through one CRM with few calendars."""
    handled = {"A": {"booked", "assigned"}, "B": {"assigned"}, "C": {"nurtured"}, "D": {"nurtured"}}
    seen: set[str] = set()
    for row in rows()[::500]:
        case = ADAPTER.case(row)
        flown = await rehearse(lead_qualification, case, answers="go", home=tmp_path)
        outcome = flown.landing.outcome
        assert outcome is not None, flown.landing
        score = scorecard().score(Profile.model_validate(case["profile"]))
        assert (outcome["score_points"], outcome["grade"]) == (score.points, score.grade)
        often = int(row["campaign"]) - 1 >= CONTACTS_MAX
        assert outcome["outcome"] in ({"nurtured"} if often else handled[score.grade])
        seen.add(outcome["outcome"])
    assert seen == {"booked", "assigned", "nurtured"}


def test_every_row_of_the_file_fits_the_declared_mapping() -> None:
    """All of them are leads; none is refused."""
    assert all(ADAPTER.case(row)["lead_id"] == f"BANK-{row['row']}" for row in rows())
