"""A proposed law and what happened: exact where it can be, else counted, and estimated only with enough data."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics import backtests
from analytics.bootstraps import MINIMUM_RUNS
from analytics.loading import Loader
from analytics.marts import open_mart
from analytics.shifts import Change, Estimate
from analytics.warehouse import land
from analytics.weighing import Past, share, shifts_of, total
from gonogo.errors import PolicyBroken
from gonogo.house.loading import find_mission
from gonogo.settings import settings, using
from gonogo.testing import GateView, Reply, rehearse
from tasks.rehearsals import MISSIONS, demo_cases, demo_events
from tests.analytics.chance import BEGUN, publish_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from analytics.shifts import Backtest
    from gonogo.model import Answer

ROOT = Path(__file__).parents[2]
LIMIT = "context.args.amount_cents > 500000"


def said(gate: GateView) -> Answer | Reply | None:
    """Answer gates in every way, the same each time for the same question."""
    if gate.about == "doubt":
        return "go"
    # Without the lines with the deadline and the ids, which are others each time.
    asked = [line for line in gate.card.splitlines() if not line.startswith(("**If you say**", "Role "))]
    kind = sum("".join(asked).encode()) % 6
    return "no_go" if kind == 0 else None if kind == 1 else "go"


async def fly(home: Path) -> None:
    """Fly a case of every kind of every mission."""
    for mission in MISSIONS:
        flyable = find_mission(settings(), mission)
        for case in demo_cases(mission, 10, 7):
            events = [(name, body) for name, body, _ in demo_events(mission, case)]
            await rehearse(flyable, case, home=home, answers=said, events=events)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Fifty runs of five missions under the real law, landed."""
    home = tmp_path_factory.mktemp("past")
    chosen = settings().model_copy(update={"home": home, "policy_folder": ROOT / "policies"})
    with using(chosen):
        asyncio.run(fly(home))
        land(home)
        yield home


@pytest.fixture
def proposal(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the law in which one text stands for another."""

    def changed(file: str, old: str, new: str) -> Path:
        folder = tmp_path / "proposed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not say {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return changed


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the mart."""
    with open_mart(home) as con:
        return con.execute(sql).fetchall()


def payments(home: Path) -> list[tuple[str, int, bool]]:
    """Return verdict, amount and whether it was carried out, of every payment that was asked for."""
    return ask(
        home,
        "SELECT d.verdict, (d.request -> 'args' ->> 'amount_cents')::BIGINT, coalesce(c.outcome = 'done', FALSE) "
        "FROM decisions AS d LEFT JOIN tool_calls AS c ON c.run_id = d.run_id "
        "AND c.key = regexp_replace(d.key, '/decision:.*', '') WHERE d.action = 'pay_claim' AND len(d.approvals) = 0",
    )


def is_whole(found: Backtest) -> bool:
    """Whether every action is counted once."""
    left_out = sum(gap.actions for gap in found.not_rebuilt)
    return found.actions == found.unchanged + found.changed + left_out and found.changed == len(found.changes)


def test_the_law_of_the_record_changes_nothing(past: Path) -> None:
    """Every action of every mission, put to its own law again, comes to its own verdict."""
    found = backtests.report(past, ROOT / "policies", 90)
    assert found.changes == []
    assert found.actions > 300
    assert (found.unchanged, found.not_rebuilt, found.unproven) == (found.actions, [], 0)
    assert found.proposed_digest == found.in_force_digest
    verdicts = {verdict for (verdict,) in ask(past, "SELECT DISTINCT verdict FROM decisions")}
    assert verdicts == {"allow", "gate", "deny"}, "a test of a fleet that never meets a gate would prove little"


@hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(0, 3_000_000))
def test_any_limit_moves_exactly_the_payments_between_it_and_the_old_one(
    past: Path, proposal: Callable[[str, str, str], Path], limit: int
) -> None:
    """Whatever the new limit, who is asked changes for those payments and no other action."""
    found = backtests.report(past, proposal("claims.cedar", LIMIT, f"context.args.amount_cents > {limit}"), 90)
    assert is_whole(found)
    moved = [
        amount for verdict, amount, _ in payments(past)
        if verdict != "deny" and min(limit, 500_000) < amount <= max(limit, 500_000)
    ]  # fmt: skip
    # A payment may be at a gate of that role for another reason as well; then the limit moves nothing.
    assert {change.action for change in found.changes} <= {"pay_claim"}
    assert Counter(change.amount_cents for change in found.changes) <= Counter(moved)
    for change in found.changes:
        grew, shrank = change.answers()
        assert (grew or shrank) == {"claims-manager": 1}
        assert bool(grew) == (limit < 500_000)


def test_a_stricter_limit_delays_what_was_paid_alone(past: Path, proposal: Callable[[str, str, str], Path]) -> None:
    """Money delayed is the sum of the payments that moved, and would have waited, to the cent."""
    found = backtests.report(past, proposal("claims.cedar", LIMIT, "context.args.amount_cents > 0"), 90)
    alone = [amount for verdict, amount, is_done in payments(past) if verdict == "allow" and is_done]
    assert alone
    assert found.delayed_cents == sum(alone)
    shift = next(shift for shift in found.shifts if (shift.before, shift.after) == ("allow", "gate"))
    assert (shift.mission, shift.action, shift.asks_after) == ("claims_triage", "pay_claim", ("claims-manager",))
    assert (shift.actions, shift.amount_cents) == (len(alone), sum(alone))
    # So few answers say nothing about how long one takes, and are not made to.
    assert shift.hours_added.value is None
    assert "not enough data" in str(shift.hours_added.reason)
    assert shift.harmed_percent.value is None


def test_a_rule_that_goes_lets_through_what_people_stopped(
    past: Path, proposal: Callable[[str, str, str], Path]
) -> None:
    """What a gate caught is what is lost with it; the answers that were given are what is saved."""
    found = backtests.report(past, proposal("claims.cedar", LIMIT, "context.args.amount_cents > 900000000"), 90)
    lost = ask(
        past,
        "SELECT count(*) FILTER (WHERE answer <> 'go'), sum(review_ms) FROM gate_cases WHERE state = 'answered' "
        "AND role = 'claims-manager' AND rules = ['payout-limit'] AND action = 'pay_claim'",
    )
    assert found.let_through >= lost[0][0]
    freed = [shift for shift in found.shifts if (shift.before, shift.after) == ("gate", "allow")]
    assert sum(shift.hours_saved.value or 0 for shift in freed) == pytest.approx((lost[0][1] or 0) / 3_600_000)
    assert found.delayed_cents == 0


def test_what_no_rule_permits_any_more_is_stopped(past: Path, proposal: Callable[[str, str, str], Path]) -> None:
    """Money refused is the sum of what moved."""
    wall = '@id("no-payments")\n@because("No.")\nforbid (principal, action == Action::"pay_claim", resource);\n'
    folder = proposal("claims.cedar", '@id("payout-limit")', f'{wall}\n@id("payout-limit")')
    found = backtests.report(past, folder, 90)
    assert found.stopped_cents == sum(amount for _, amount, is_done in payments(past) if is_done)
    assert {change.rules[0] for change in found.changes} == {"no-payments"}
    assert all(change.after == "deny" for change in found.changes)


def test_a_go_that_would_not_count_any_more_is_a_change(past: Path, proposal: Callable[[str, str, str], Path]) -> None:
    """Decisions made again because people said go are put to the law with those who said it."""
    rule = (
        '@id("not-by-rehearsal")\n@because("Not by them.")\nforbid (principal, action, resource)\n'
        'when { context.call.approvers.contains("rehearsal") };\n'
    )
    found = backtests.report(past, proposal("claims.cedar", '@id("payout-limit")', f'{rule}\n@id("payout-limit")'), 90)
    operation = "regexp_replace(regexp_replace(key, '/decision:.*', ''), '/executed$', '')"
    (went,) = ask(past, f"SELECT count(DISTINCT (run_id, {operation})) FROM decisions WHERE len(approvals) > 0")[0]
    assert found.changed == went > 0
    # Where two roles are asked, the first go leads to a decision that is a gate still.
    assert {(change.before, change.after) for change in found.changes} == {("allow", "deny"), ("gate", "deny")}


def test_rewording_the_law_changes_nothing(past: Path, proposal: Callable[[str, str, str], Path]) -> None:
    """Another digest is not another law."""
    found = backtests.report(past, proposal("common.cedar", "// Autonomy tiers.", "// Tiers."), 90)
    assert (found.changed, found.unproven) == (0, 0)
    assert found.proposed_digest != found.in_force_digest


def test_an_unknown_card_is_counted_and_a_folder_that_knows_it_helps(
    past: Path, proposal: Callable[[str, str, str], Path], tmp_path: Path
) -> None:
    """The agent's mandate of that time is found by its digest, or nothing is said about the action."""
    edited = proposal("agents.yaml", "mandate: Pays an assessed claim", "mandate: Pays a claim")
    with using(settings().model_copy(update={"policy_folder": edited})):
        found = backtests.report(past, edited, 90)
        assert [gap.why for gap in found.not_rebuilt] == ["card"]
        assert is_whole(found)
        helped = backtests.report(past, edited, 90, [ROOT / "policies"])
        assert helped.not_rebuilt == []
        assert helped.changed == 0
    del tmp_path


def test_agents_of_a_proposal_are_not_taken_into_account_and_it_says_so(
    past: Path, proposal: Callable[[str, str, str], Path]
) -> None:
    """The same entities, another law: a mandate that changes is another question."""
    found = backtests.report(past, proposal("agents.yaml", "tier: execute_within_limits", "tier: propose"), 90)
    assert (found.changed, found.ignores_agents) == (0, True)


def test_a_request_that_does_not_fit_the_new_schema_is_counted(
    past: Path, proposal: Callable[[str, str, str], Path]
) -> None:
    """An argument that nobody recorded is not made up."""
    text = (ROOT / "policies" / "claims.cedarschema").read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if "amount_cents: Long" in line)
    folder = proposal("claims.cedarschema", old, old.replace("amount_cents: Long", "amount_cents: Long, urgency: Long"))
    found = backtests.report(past, folder, 90)
    assert [gap.why for gap in found.not_rebuilt] == ["schema"]
    assert found.changed == 0
    assert is_whole(found)


def test_an_erased_request_is_counted(past: Path, tmp_path: Path) -> None:
    """What was erased cannot be put to any law, and is no verdict."""
    home = tmp_path / "home"
    shutil.copytree(past, home)
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute("UPDATE decisions SET request = NULL WHERE action = 'pay_claim'")
    loader = Loader(home)
    loader.publish()
    loader.close()
    found = backtests.report(home, ROOT / "policies", 90)
    gone = ask(home, "SELECT count(DISTINCT run_id) FROM decisions WHERE action = 'pay_claim'")[0][0]
    assert [(gap.why, gap.actions) for gap in found.not_rebuilt] == [("request", gone)]


def test_a_record_that_its_own_law_contradicts_is_counted(past: Path, tmp_path: Path) -> None:
    """Something it stood on is not known, so nothing is said about it."""
    home = tmp_path / "home"
    shutil.copytree(past, home)
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute("UPDATE decisions SET verdict = 'deny' WHERE action = 'pay_claim' AND verdict = 'allow'")
    loader = Loader(home)
    loader.publish()
    loader.close()
    found = backtests.report(home, ROOT / "policies", 90)
    assert [gap.why for gap in found.not_rebuilt] == ["other_verdict"]
    assert (found.changed, is_whole(found)) == (0, True)


def test_a_law_that_does_not_hold_is_refused_by_file(past: Path, proposal: Callable[[str, str, str], Path]) -> None:
    """Nobody weighs a law that could not be put in force."""
    with pytest.raises(PolicyBroken, match=r"claims\.cedar"):
        backtests.report(past, proposal("claims.cedar", LIMIT, "context.args.amount_pence > 1"), 90)


def test_days_are_counted_back_from_the_newest_record(past: Path) -> None:
    """A fleet that has not flown for a year still has its last ninety days."""
    found = backtests.report(past, ROOT / "policies", 1)
    assert found.actions > 0
    assert (found.until - found.since).days == 1


# Figures


def gate(number: int, waited_ms: int, answer: str = "go") -> dict[str, Any]:
    """Return a gate that a person answered."""
    return {
        "gate": f"g{number}", "run_id": f"r{number}", "mission": "claims_triage", "key": f"/t0/gate:g{number}",
        "action": "pay", "role": "lead", "state": "answered", "answer": answer, "opened_at": BEGUN,
        "waited_ms": waited_ms, "proposal": False,
    }  # fmt: skip


def change(number: int, **more: Any) -> Change:
    """Return a change of one action."""
    told: dict[str, Any] = {
        "run_id": f"n{number}", "operation": "/t0", "mission": "claims_triage", "action": "pay",
        "decided_at": BEGUN, "before": "allow", "after": "gate", "asks_before": {}, "asks_after": {"lead": 1},
        "rules": ("limit",), "because": ("A limit.",), "is_done": True, "is_change": True, "amount_cents": 100,
        "later": None, **more,
    }  # fmt: skip
    return Change(**told)


@pytest.fixture
def answered(tmp_path: Path) -> Callable[[int], Past]:
    """A mart in which so many people answered: half of them at once, half after an hour."""

    def made(count: int) -> Past:
        home = tmp_path / f"of{count}"
        gates = [gate(number, 60_000 if number % 2 else 3_600_000) for number in range(count)]
        publish_rows(home, {"gates": gates, "runs": [flown()]})
        with open_mart(home) as con:
            return Past(con)

    return made


def flown() -> dict[str, Any]:
    """Return a run that declares the mission."""
    return {
        "run_id": "r0", "mission": "claims_triage", "status": "done", "started_at": BEGUN, "ended_at": BEGUN,
        "last_recorded_at": BEGUN, "cost_micros": 0, "model_calls": 0, "tool_calls": 0, "input_tokens": 0,
        "output_tokens": 0, "records": 1, "requeues": 0,
    }  # fmt: skip


def test_hours_added_are_what_answers_took_with_an_interval(answered: Callable[[int], Past]) -> None:
    """Forty answers of one or of six minutes (as declared, at most): 3.5 on average; each waits half an hour."""
    (shift,) = shifts_of([change(number) for number in range(20)], answered(40))
    added = shift.hours_added
    assert (added.value, added.n, added.reason) == (pytest.approx(20 * 3.5 / 60), 40, None)
    assert added.low is not None
    assert added.high is not None
    assert 20 * 1 / 60 < added.low < 20 * 3.5 / 60 < added.high < 20 * 6 / 60
    assert shift.wait_hours.value == pytest.approx(30.5 / 60)


@pytest.mark.parametrize("count", [0, 1, MINIMUM_RUNS - 1])
def test_too_few_answers_give_no_hours(answered: Callable[[int], Past], count: int) -> None:
    """No guess, and the sum of what is not known is not known."""
    (shift,) = shifts_of([change(1)], answered(count))
    assert shift.hours_added.value is None
    assert f"{count} answers" in str(shift.hours_added.reason)
    assert total([shift.hours_added, Estimate(1.0, 1.0, 1.0, "hours", 50)]).value is None


def test_harm_stands_beside_what_is_usual(answered: Callable[[int], Past]) -> None:
    """Ten of forty that the rule would have asked about turned out bad."""
    changes = [change(number, later="rolled_back" if number < 10 else None) for number in range(40)]
    (shift,) = shifts_of(changes, answered(0))
    assert (shift.harmed, shift.harmed_cents, shift.harmed_percent.value) == (10, 1_000, 25.0)
    # Wilson's interval of 10 of 40, from the textbook formula in fractions.
    assert shift.harmed_percent.low == pytest.approx(14.187, abs=0.001)
    assert shift.harmed_percent.high == pytest.approx(40.194, abs=0.001)
    assert shift.usual_percent.reason is not None


def test_a_share_of_nothing_and_of_everything_stays_within_bounds() -> None:
    """Bounds are percentages, whatever was counted."""
    for hits, n in ((0, 30), (30, 30), (29, 30)):
        told = share(hits, n)
        assert told.low is not None
        assert told.high is not None
        assert 0 <= told.low <= (told.value or 0) <= told.high <= 100
