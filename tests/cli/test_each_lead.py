"""A campaign file on the command line: every person a case, nobody booked twice, nothing known too late."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.command import Command

PERSON: dict[str, Any] = {
    "row": 0, "poutcome": "success", "job": "retired", "marital": "single", "education": "tertiary", "default": "no",
    "housing": "no", "loan": "no", "contact": "cellular", "day": 5, "month": "mar", "campaign": 1, "duration": 100,
    "pdays": 92, "previous": 2, "age": 62, "balance": 4200, "y": "no",
}  # fmt: skip


def write(path: Path, people: list[dict[str, Any]]) -> Path:
    """Write people as the campaign's own file has them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(people[0]))
        writer.writeheader()
        writer.writerows(people)
    return path


@pytest.fixture(name="flown")
def _flown(gonogo: Command) -> Any:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Two dozen warm people, a cold one and a row that is none, flown side by side."""
    warm = [PERSON | {"row": number, "duration": 10 * number, "y": "yes"} for number in range(24)]
    cold = PERSON | {
        "row": 98,
        "poutcome": "failure",
        "contact": "unknown",
        "housing": "yes",
        "month": "jan",
        "age": 40,
    }
    broken = PERSON | {"row": 99, "month": "brumaire"}
    return gonogo(
        "run", "lead_qualification", "--each", write(gonogo.scratch / "p.csv", [*warm, cold, broken]), "--json"
    )


def test_people_who_want_the_same_calendars_at_once_each_get_a_slot_of_their_own(gonogo: Command, flown: Any) -> None:
    """No slot is given twice; who found none after three tries is called; the bad row is told."""
    ended = {run["outcome"]["lead_id"]: run["outcome"]["outcome"] for run in flown.json["runs"]}
    assert flown.code == 1
    assert len(ended) == 25
    assert ended.pop("BANK-98") == "nurtured"
    assert set(ended.values()) <= {"booked", "assigned"}
    assert [row["ref"] for row in flown.json["bad_rows"]] == ["p.csv:27"]
    assert "profile.month" in flown.json["bad_rows"][0]["reason"]
    with closing(sqlite3.connect(gonogo.home / "systems" / "crm.db")) as db:
        meetings, slots = db.execute("select count(*), count(distinct owner || starts_at) from meetings").fetchone()
    assert meetings == slots == list(ended.values()).count("booked") > 12


def test_what_is_known_only_after_the_call_is_nowhere_in_the_evidence(gonogo: Command, flown: Any) -> None:
    """Neither the outcome nor the duration of the file."""
    assert len({run["outcome"]["score_points"] for run in flown.json["runs"]}) == 2
    journals = b"".join(path.read_bytes() for path in (gonogo.home / "journals").rglob("*") if path.is_file())
    assert b"BANK-7" in journals
    assert b"duration" not in journals
