"""The page of the registry: who is declared beside who was seen, what is not needed, and who calls what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dashboards.mart import current_mart
from dashboards.rosters import ARROWS_SHOWN, COUNTED_MOST, Arrow, arrows, dot, roster
from dashboards.wording import NOTHING
from gonogo.policy.registry import read_registry
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import draw, markup, text

if TYPE_CHECKING:
    import pytest
    from duckdb import DuckDBPyConnection

PAGE = "pages/registry.py"
POLICIES = Path(__file__).parents[2] / "policies"


def test_an_agent_shows_owner_tier_data_tools_and_what_it_never_used(home: Path) -> None:
    """As declared, beside what the evidence shows."""
    publish(home, fleet())
    said = text(draw(PAGE))
    for words in ("claims_cashier", "claims-finance", "execute within limits", "escalates to claims-manager",
                  "never: read_payment_facts", "version 0.9.0 still flies", "never acted"):  # fmt: skip
        assert words in said


def test_an_agent_that_asked_no_model_has_no_cost_rather_than_a_zero_of_no_currency(home: Path) -> None:
    """A dash is read as nothing; 0.00 would be read as a sum."""
    publish(home, fleet())
    shown = markup(draw(PAGE))
    costs = re.findall(r'<td class="num" data-label="Models cost">([^<]*)</td>', shown)
    assert len(costs) == len(read_registry(POLICIES).agents)
    assert all(cost == NOTHING or cost.endswith(" USD") for cost in costs)


def test_whoever_acts_without_being_registered_is_pointed_at(home: Path) -> None:
    """Evidence names an agent that policies/agents.yaml does not."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE tool_calls SET agent_id = 'stranger' WHERE mission = 'claims_triage'")

    publish(home, fill)
    known = roster(current_mart(home), read_registry(POLICIES), None)
    assert [each.name for each in known.members if each.card is None] == ["stranger"]
    said = text(draw(PAGE))
    assert "Seen, not registered 1 stranger" in said
    assert "nobody registered it" in said


def test_a_mission_without_an_owner_is_pointed_at(home: Path) -> None:
    """Nobody answers for it."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET owner = NULL WHERE mission = 'claims_triage'")

    publish(home, fill)
    assert "Missions without an owner 1 claims triage" in text(draw(PAGE))


def test_what_a_mission_does_itself_is_no_agent(home: Path) -> None:
    """Its own calls stand under its own name, and lead from it to the system."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE tool_calls SET agent_id = mission")

    publish(home, fill)
    known = roster(current_mart(home), None, None)
    assert {each.name for each in known.members} == {"claims_assessor", "incident_monitor"}
    found, _ = arrows(known, with_tools=False)
    assert (("mission", "claims_triage"), ("system", "payments")) in {(arrow.start, arrow.end) for arrow in found}


def test_the_map_of_a_mission_leads_from_it_through_agents_and_tools_to_systems(home: Path) -> None:
    """Who calls what, and how often."""
    publish(home, fleet())
    found, total = arrows(roster(current_mart(home), None, "claims_triage"), with_tools=True)
    ways = {(arrow.start, arrow.end): arrow.calls for arrow in found}
    assert total == len(found) == 5
    calls = ways[("mission", "claims_triage"), ("agent", "claims_cashier")]
    assert calls == ways[("agent", "claims_cashier"), ("tool", "pay_claim")]
    assert calls == ways[("tool", "pay_claim"), ("system", "payments")] == 80


def test_a_busy_map_shows_the_busiest_and_says_how_many_there_are(home: Path) -> None:
    """Two thousand arrows help nobody."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=600)(con)
        con.execute("UPDATE tool_calls SET tool = run_id")

    publish(home, fill)
    found, total = arrows(roster(current_mart(home), None, "claims_triage"), with_tools=True)
    assert len(found) == ARROWS_SHOWN < total
    app = draw(PAGE)
    app.selectbox(key="mission").select("claims_triage").run()
    assert f"the busiest {ARROWS_SHOWN} of {total}" in text(app)


def test_a_map_of_many_arrows_tells_calls_by_width_and_by_the_table(home: Path) -> None:
    """Numbers on sixty arrows make a map of two screens; on a few they are read."""
    few = [Arrow(("mission", "m"), ("agent", f"a{number}"), 1_000 + number) for number in range(COUNTED_MOST)]
    assert 'label="1,003"' in dot(few)
    many = [*few, Arrow(("mission", "m"), ("agent", "last"), 1)]
    assert "1,003" not in dot(many)
    assert dot(many).count("->") == COUNTED_MOST + 1

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE tool_calls SET tool = 'tool' || hash(run_id) % 40, system = 'system' || hash(run_id) % 40")

    publish(home, fill)
    said = text(draw(PAGE))
    assert "with their numbers in the table" in said
    assert "claims_triage mission claims_cashier agent" in said, "the table calls them what the map does"


def test_names_in_the_map_stay_names() -> None:
    """Quotes, backslashes and line ends of an agent's name do not write the graph."""
    evil = 'x"]; evil [label="y\\'
    drawn = dot([Arrow(("agent", evil), ("system", "a\nb"), 3)])
    assert '"agent x\\"]; evil [label=\\"y\\\\"' in drawn
    assert "evil" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", drawn), "outside of quoted names"
    assert '[label="a b"' in drawn


def test_a_registry_that_does_not_hold_is_told_and_the_evidence_is_shown(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken file hides nothing that was seen."""
    publish(home, fleet(now=datetime.now(UTC)))
    (tmp_path / "law").mkdir()
    (tmp_path / "law" / "agents.yaml").write_text("agents: {x: {}}\n", encoding="utf-8")
    monkeypatch.setenv("GONOGO_POLICY_FOLDER", str(tmp_path / "law"))
    said = text(draw(PAGE))
    assert "The registry does not hold." in said
    assert "claims_cashier" in said
