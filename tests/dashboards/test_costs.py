"""The page of cost: every way of adding up comes to the same micro-unit, budgets beside it, and waste by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from dashboards.charts import cost_chart
from dashboards.mart import current_mart
from dashboards.spending import LEVELS, Level, costs, run_budgets, sums, waste
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import draw, markup, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/costs.py"


@pytest.mark.parametrize("mission", [None, "claims_triage"])
def test_every_level_adds_up_to_the_same_micro_unit(home: Path, mission: str | None) -> None:
    """By mission, unit, agent, model, step and day: six ways, one sum."""
    publish(home, fleet())
    mart = current_mart(home)
    paid = mart.row("SELECT sum(cost_micros)::BIGINT AS micros FROM runs WHERE $m IS NULL OR mission = $m", m=mission)
    found = {level: sums(costs(mart, level, mission)) for level in get_args(Level)}
    assert found == {level: {"USD": paid["micros"]} for level in LEVELS}
    app = draw(PAGE)
    if mission is not None:
        app.selectbox(key="mission").select(mission).run()
    assert f"it is the same: {paid['micros']:,} micro-USD" in text(app)


def test_a_call_outside_of_steps_is_counted_too(home: Path) -> None:
    """What a mission asks a model itself belongs to no step, and to the sum."""
    publish(home, _outside)
    mart = current_mart(home)
    by_name = {row["name"]: row["micros"] for row in costs(mart, "step", None)}
    assert by_name["outside of steps"] == 77
    assert sums(costs(mart, "step", None)) == sums(costs(mart, "mission", None))


def _outside(con: DuckDBPyConnection) -> None:
    fleet()(con)
    con.execute("INSERT INTO model_calls BY NAME SELECT * REPLACE (NULL AS step_key, 77 AS cost_micros, 'x' AS key) "
                "FROM model_calls LIMIT 1")  # fmt: skip
    con.execute("UPDATE runs SET cost_micros = cost_micros + 77 WHERE run_id = (SELECT run_id FROM model_calls "
                "WHERE key = 'x')")  # fmt: skip


def test_sums_that_differ_are_told_loudly(home: Path) -> None:
    """A run that says another sum than its calls is named by level, with the way out."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET cost_micros = cost_micros + 1 WHERE run_id = (SELECT min(run_id) FROM runs)")

    publish(home, fill)
    said = text(draw(PAGE))
    assert "The sums by agent, model, step, day (UTC) differ." in said
    assert "gonogo rebuild --check" in said


def test_currencies_are_never_added(home: Path) -> None:
    """Euros and dollars have a sum each, on every level."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        for table in ("runs", "model_calls"):
            con.execute(f"UPDATE {table} SET currency = 'EUR' WHERE mission = 'claims_triage'")

    publish(home, fill)
    mart = current_mart(home)
    found = {level: sums(costs(mart, level, None)) for level in LEVELS}
    assert set(found["mission"]) == {"EUR", "USD"}
    assert all(each == found["mission"] for each in found.values())
    said = text(draw(PAGE))
    assert "EUR and" in said


def test_budgets_stand_beside_what_was_spent(home: Path) -> None:
    """Allowed and spent of runs; caps of the day as the ledger tells them."""
    publish(home, fleet())
    found = {each["mission"]: each for each in run_budgets(current_mart(home), None)}
    assert found["claims_triage"]["allowed"] == 2_000_000 * found["claims_triage"]["runs"]
    assert found["claims_triage"]["over"] == 0
    said = text(draw(PAGE))
    assert "Budgets of runs" in said
    assert "claims_cashier agent money moved by tools in each tool's own currency" in said, "policies/budgets.yaml"


def test_a_run_over_its_cap_is_pointed_at(home: Path) -> None:
    """It cannot be; where evidence says it was, it is red."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET budget_usd_micros = 1 WHERE run_id = (SELECT min(run_id) FROM runs)")

    publish(home, fill)
    assert '<span class="warn">1</span>' in markup(draw(PAGE))


def test_waste_is_told_by_how_runs_ended_and_what_replays_saved(home: Path) -> None:
    """Every micro-unit is a success, a failure, an abort, a no-go, or not over yet or escalated."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET attempts = 3, kept_micros = 4000 WHERE run_id = (SELECT min(run_id) FROM runs)")

    publish(home, fill)
    mart = current_mart(home)
    for each in waste(mart, None):
        exact = mart.row(
            "SELECT sum(cost_micros)::BIGINT AS failed FROM runs WHERE status = 'failed' AND mission = $m",
            m=each["mission"],
        )
        assert each["failed"] == exact["failed"]
        assert each["successes"] + each["failed"] + each["aborted"] + each["refused"] <= each["micros"]
    said = text(draw(PAGE))
    assert "0.0040 USD" in said
    assert "1 run went on after a stop" in said


def test_a_day_is_one_in_utc_and_its_bars_are_in_a_currency(home: Path) -> None:
    """A heading keeps its capitals, and an axis says what it counts."""
    publish(home, fleet())
    assert 'data-label="Day (UTC)"' in markup(draw(PAGE, by=f"by {LEVELS['day']}"))
    days = costs(current_mart(home), "day", None)
    assert cost_chart(days).to_dict()["encoding"]["y"]["title"] == "cost in USD"
    mixed = [{**row, "currency": "EUR" if number else "USD"} for number, row in enumerate(days)]
    assert '"title": "cost in' not in cost_chart(mixed).to_json(), "each currency has bars of its own, and its name"


def test_an_agent_is_called_on_every_page_what_the_registry_calls_it(home: Path) -> None:
    """An id can be looked up and typed; a mission is said in words."""
    publish(home, fleet())
    assert "<b>claims_assessor</b>" in markup(draw(PAGE, by=f"by {LEVELS['agent']}"))
    assert "<b>claims triage</b>" in markup(draw(PAGE))


@pytest.mark.parametrize("level", get_args(Level))
def test_every_level_is_drawn_and_long_ones_say_what_they_leave_out(home: Path, level: Level) -> None:
    """Forty rows, then one for the rest; the sum stays the sum."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE model_calls SET agent_id = run_id, returned_model = run_id")

    publish(home, fill)
    said = text(draw(PAGE, by=f"by {LEVELS[level]}"))
    assert f"Models, by {LEVELS[level]}" in said
    if level in {"agent", "model"}:
        assert "200 more rows, in the download" in said


def test_runs_that_asked_no_model_cost_nothing_and_say_so(home: Path) -> None:
    """No price, no zero."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=5, live=0)(con)
        con.execute("DELETE FROM model_calls")
        for table in ("runs", "steps"):
            con.execute(f"UPDATE {table} SET cost_micros = 0")
        con.execute("UPDATE runs SET currency = NULL, price_basis = NULL")

    publish(home, fill)
    assert "no model was asked" in text(draw(PAGE))
