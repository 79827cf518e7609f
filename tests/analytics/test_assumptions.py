"""Assumptions: what does not hold assumes nothing, and evidence lands all the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import kpis
from analytics.assumptions import Assumptions, assumption_rows, micros, mission_row, read_assumptions
from analytics.receipts import receipt
from analytics.warehouse import land
from gonogo.settings import settings, using

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet

WHOLE = """
version: 3
standing: declared
currency: USD
missions:
  claims_triage:
    business_unit: claims
    review: {minutes_per_answer: 6, wage_per_hour: "50.00", source: finance, as_of: 2026-01-01}
    platform: {cost_per_run: "0.10", source: finance, as_of: 2026-01-01}
"""

BROKEN = {
    "no text": (b"\xff\xfe", "UTF-8"),
    "no YAML": (b"version: [1", "not YAML"),
    "a list": (b"- 1", "version"),
    "nothing": (b"", "version"),
    "a key twice": (b"version: 1\nversion: 2\nstanding: declared\ncurrency: USD", "twice"),
    "an unknown key": (WHOLE.encode() + b"    wage: 3\n", "wage"),
    "a float for money": (WHOLE.replace('"0.10"', "0.1").encode(), "not a float"),
    "negative money": (WHOLE.replace('"0.10"', '"-1"').encode(), "cost_per_run"),
    "infinite money": (WHOLE.replace('"0.10"', '"Infinity"').encode(), "cost_per_run"),
    "no source": (WHOLE.replace("source: finance, ", "", 1).encode(), "source"),
    "no date": (WHOLE.replace("2026-01-01", "soon", 1).encode(), "as_of"),
    "an unknown standing": (WHOLE.replace("declared", "certain").encode(), "standing"),
    "no currency": (WHOLE.replace("USD", "dollars").encode(), "currency"),
    "cash without a ledger": (
        WHOLE.encode() + b"    value: {cash_percent: 5, source: finance, as_of: 2026-01-01}\n", "cash_reference",
    ),
    "more than all of it": (
        WHOLE.encode() + b"    value: {cash_percent: 60, cash_reference: a, avoidance_percent: 50, "
        b"avoidance_reference: b, source: finance, as_of: 2026-01-01}\n", "more than 100",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_does_not_hold_assumes_nothing_and_is_named(tmp_path: Path, name: str) -> None:
    """The fault says which field; nothing is taken from the rest of the file."""
    raw, said = BROKEN[name]
    (tmp_path / "assumptions.yaml").write_bytes(raw)
    found = read_assumptions(tmp_path)
    assert found.assumptions is None
    assert said in (found.fault or "")
    assert found.digest is not None


def test_a_file_that_is_not_there_is_a_fault_too(tmp_path: Path) -> None:
    """Nothing is assumed by default."""
    assert read_assumptions(tmp_path) == (None, None, f"{tmp_path / 'assumptions.yaml'} is not there")


def test_evidence_lands_and_numbers_wait_where_the_file_is_broken(fleet: Fleet, tmp_path: Path) -> None:
    """A typing error in assumptions stops no loader; what needs them is null until it is mended."""
    fleet.flown("r1")
    path = tmp_path / "assumptions.yaml"
    path.write_text(WHOLE.replace("USD", "dollars"), encoding="utf-8")
    with using(settings().model_copy(update={"policy_folder": tmp_path})):
        assert land(fleet.home).new_records == 8
        told = {kpi.id: kpi for kpi in kpis.report(fleet.home) if kpi.mission == "claims_triage" and not kpi.segment}
        assert (told["K6"].value, told["K6.full"].value) == (100, None)
        assert "currency" in receipt(fleet.home, "K6.full")["snapshot"]["assumptions_fault"]
        path.write_text(WHOLE, encoding="utf-8")
        assert land(fleet.home).new_records == 0
        told = {kpi.id: kpi for kpi in kpis.report(fleet.home) if kpi.mission == "claims_triage" and not kpi.segment}
        assert (told["K6.full"].value, told["K6.full"].basis) == (100_100, "declared")
        snapshot = receipt(fleet.home, "K6.full")["snapshot"]
        assert (snapshot["assumptions_version"], snapshot["assumptions_standing"]) == (3, "declared")


def test_units_are_a_dimension_of_every_number(fleet: Fleet, tmp_path: Path) -> None:
    """Missions of a business unit together; one that nobody assigned is in a unit of its own."""
    text = WHOLE + "  content_review: {business_unit: claims}\n"
    (tmp_path / "assumptions.yaml").write_text(text, encoding="utf-8")
    for number, mission in enumerate(("claims_triage", "content_review", "stray", "claims_triage_rollback")):
        fleet.flown(f"r{number}", mission)
    with using(settings().model_copy(update={"policy_folder": tmp_path})):
        land(fleet.home)
        found = {kpi.mission: (kpi.value, kpi.business_unit) for kpi in kpis.report(fleet.home) if kpi.id == "runs"}
    assert found == {
        "all": (4, None),
        "unit:claims": (3, "claims"),
        "unit:unassigned": (1, "unassigned"),
        "claims_triage": (1, "claims"),
        "claims_triage_rollback": (1, "claims"),
        "content_review": (1, "claims"),
        "stray": (1, "unassigned"),
    }


def test_a_rollback_costs_as_its_mission_does_and_replaces_no_work() -> None:
    """It has review and platform costs, and a manual cost of zero: it is never worth anything."""
    assumed = read_assumptions(Path("policies")).assumptions
    row = mission_row(assumed, "claims_triage_rollback")
    mission = mission_row(assumed, "claims_triage")
    assert (row["manual_micros"], row["points"]) == (0, None)
    assert (row["platform_micros"], row["review_ms"]) == (mission["platform_micros"], mission["review_ms"])
    assert mission_row(assumed, "stray")["standing"] == mission_row(None, "stray")["standing"] == "undeclared"


def test_every_mission_of_the_repository_is_assigned() -> None:
    """The file that ships holds, says that it is an example, and knows every mission there is."""
    found = read_assumptions(Path("policies"))
    assert found.fault is None
    assert found.assumptions is not None
    assert found.assumptions.standing == "example"
    missions = {path.stem for path in Path("flows").glob("[!_]*.py") if "@mission(" in path.read_text(encoding="utf-8")}
    assert missions == set(found.assumptions.missions)


def test_every_value_of_the_file_is_shown() -> None:
    """Each with its source and date, in the order of the file."""
    found = read_assumptions(Path("policies"))
    rows = assumption_rows(found.assumptions)
    assert ("claims_triage", "manual.minutes", "35", "example") in [
        (row["mission"], row["name"], row["value"], row["source"]) for row in rows
    ]
    assert [row["name"] for row in rows[:3]] == ["version", "standing", "currency"]
    assert [row for row in rows if "." in row["name"] and not (row["source"] and row["as_of"])] == []


@given(st.decimals(min_value=0, max_value=10**9, places=9))
def test_money_becomes_whole_millionths_half_up(amount: Decimal) -> None:
    """Never off by more than half of one."""
    assert abs(Decimal(micros(amount)) - amount * 1_000_000) <= Decimal("0.5")
    assert micros(Decimal("0.0000005")) == 1
    assert Assumptions.model_validate({"version": 1, "standing": "example", "currency": "USD"}).missions == {}
