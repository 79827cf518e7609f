"""Exact checks: one violation is drift, and what nobody declared is unknown, never right."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics import drift
from analytics.conformance import BROKEN_WHEN
from analytics.drift import Terms
from analytics.warehouse import land
from gonogo.errors import PolicyBroken
from gonogo.policy.paths import Constraint, read_paths
from gonogo.settings import settings, using

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from analytics.drift import Finding
    from tests.analytics.conftest import Fleet, Flight

TERMS = Terms(window_runs=20, minimum_runs=3, minimum_tail_runs=3)

PATHS = """
paths:
  claims_triage:
    - {kind: existence, event: "step:assess"}
    - {kind: absence, event: "step:guess"}
    - {kind: at_most, event: "step:pay", most: 1}
    - {kind: precedence, event: "step:assess", then: "step:pay"}
    - {kind: response, event: "step:pay", then: "step:file"}
    - {kind: not_together, event: "step:pay", then: "step:decline"}
"""


@pytest.fixture(autouse=True)
def policies(tmp_path: Path) -> Generator[Path]:
    """A policy folder that declares one path."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "paths.yaml").write_text(PATHS, encoding="utf-8")
    with using(settings().model_copy(update={"policy_folder": folder})):
        yield folder


def fly(fleet: Fleet, name: str, steps: tuple[str, ...] = ("assess", "pay", "file"), *, status: str = "done") -> Flight:
    """Fly a run of these steps."""
    flight = fleet.run(name).begin()
    for place, step in enumerate(steps):
        flight.step(step, key=f"/step:{step}#{place}")
    return flight.end(None if status == "failed" else "paid", status=status, success=status == "done")


def found(fleet: Fleet, monitor: str, subject: str | None) -> Finding:
    """Return the one finding on a subject."""
    land(fleet.home)
    hits = [
        each
        for each in drift.report(fleet.home, TERMS).findings
        if (each.monitor, each.step) == (monitor, subject) and each.mission == "claims_triage"
    ]
    assert len(hits) == 1, hits
    return hits[0]


def test_runs_on_the_declared_path_are_ok(fleet: Fleet) -> None:
    """Every constraint holds, and says on how many runs."""
    for number in range(4):
        fly(fleet, f"r{number}")
    land(fleet.home)
    judged = [each for each in drift.report(fleet.home, TERMS).findings if each.monitor == "path"]
    assert [(each.verdict, each.n_current) for each in judged] == [("ok", 4)] * 6


@pytest.mark.parametrize(
    ("subject", "steps", "sentence"),
    [
        ("existence step:assess", ("pay", "file"), "done without step:assess"),
        ("absence step:guess", ("assess", "guess"), "step:guess is not part of the mission"),
        ("at_most step:pay 1", ("assess", "pay", "pay", "file"), "step:pay more than 1 times"),
        ("precedence step:assess step:pay", ("pay", "assess", "file"), "step:pay before step:assess"),
        ("response step:pay step:file", ("assess", "file", "pay"), "step:pay without step:file after it"),
        ("not_together step:pay step:decline", ("assess", "pay", "decline", "file"), "in one run"),
    ],
)
def test_one_run_off_the_path_is_drift(fleet: Fleet, subject: str, steps: tuple[str, ...], sentence: str) -> None:
    """No sample is needed: what must not happen happened, and the finding says what."""
    fly(fleet, "good")
    fly(fleet, "bad", steps)
    judged = found(fleet, "path", subject)
    assert (judged.verdict, judged.severity, judged.is_now, judged.n_current) == ("drift", "high", 1.0, 2)
    assert sentence in judged.sentence


def test_a_run_that_failed_need_not_have_come_to_its_end(fleet: Fleet) -> None:
    """Existence and response are about runs that are done."""
    for number in range(3):
        fly(fleet, f"r{number}", ("assess", "pay"), status="failed")
    assert found(fleet, "path", "response step:pay step:file").verdict == "ok"


def test_too_few_runs_on_the_path_are_not_green(fleet: Fleet) -> None:
    """Two good runs prove nothing."""
    fly(fleet, "r1")
    fly(fleet, "r2")
    judged = found(fleet, "path", "existence step:assess")
    assert (judged.verdict, judged.severity) == ("not_enough_data", "unknown")


def test_a_mission_without_a_declared_path_is_unknown(fleet: Fleet, policies: Path) -> None:
    """What should be is never inferred from what is."""
    (policies / "paths.yaml").unlink()
    for number in range(5):
        fly(fleet, f"r{number}")
    judged = found(fleet, "path", None)
    assert judged.verdict == "not_enough_data"
    assert "no path is declared in policies/paths.yaml" in judged.sentence


def test_a_path_that_does_not_hold_stops_the_report_and_is_told_in_the_mart(fleet: Fleet, policies: Path) -> None:
    """A typing error must not read as a mission that keeps to its path."""
    fly(fleet, "r1")
    (policies / "paths.yaml").write_text('paths: {claims_triage: [{kind: precedence, event: "step:pay"}]}')
    land(fleet.home)
    with pytest.raises(PolicyBroken, match=r"paths\.claims_triage\.0"):
        drift.report(fleet.home)
    assert fleet.ask("SELECT monitor, verdict FROM findings") == [("path", "not_enough_data")]


@pytest.mark.parametrize(
    "text",
    [
        "paths: []",
        'paths: {m: [{kind: at_most, event: "step:a"}]}',
        'paths: {m: [{kind: absence, event: "step:a", then: "step:b"}]}',
        'paths: {m: [{kind: absence, event: "a"}]}',
        'paths: {m: [{kind: absence, event: "step:a\'; DROP TABLE runs; --"}]}',
        'paths: {m: [{kind: never, event: "step:a"}]}',
        "routes: {}",
    ],
)
def test_what_is_no_constraint_is_refused(policies: Path, text: str) -> None:
    """Hostile names do not come near a statement; a missing half is no half constraint."""
    (policies / "paths.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyBroken, match=r"paths\.yaml"):
        read_paths(policies)


def test_precedence_and_response_are_what_they_say() -> None:
    """The SQL against the definition, on every order of up to five of two events."""
    con = duckdb.connect()
    con.execute("CREATE TABLE trace (place INTEGER, event VARCHAR, begun_at TIMESTAMP)")
    orders = [events for size in range(6) for events in product("ab", repeat=size)]
    rows = [
        (place, f"step:{event}", second) for place, events in enumerate(orders) for second, event in enumerate(events)
    ]
    con.executemany("INSERT INTO trace VALUES (?, ?, make_timestamp(1000000 * ?))", rows)
    asked: dict[str, Any] = {"event": "step:a", "then": "step:b"}
    said = {
        kind: con.execute(
            f"SELECT {BROKEN_WHEN[kind]} "
            f"FROM range({len(orders)}) AS sampled(place), (SELECT 'done' AS status) AS runs "
            "ORDER BY place",
            asked,
        ).fetchall()
        for kind in ("precedence", "response")
    }
    con.close()
    precedes = [("b" not in each) or ("a" in each and each.index("a") < each.index("b")) for each in orders]
    responds = [("a" not in each) or "b" in each[len(each) - 1 - each[::-1].index("a") :] for each in orders]
    assert said == {
        "precedence": [(not holds,) for holds in precedes],
        "response": [(not holds,) for holds in responds],
    }


def test_a_constraint_has_one_name() -> None:
    """Wherever it is shown."""
    assert Constraint(kind="precedence", event="step:a", then="step:b").name == "precedence step:a step:b"
    assert Constraint(kind="at_most", event="tool:a", most=2).name == "at_most tool:a 2"


def logged(fleet: Fleet, name: str, version: str = "1.0.0", **more: Any) -> None:
    """Fly a run whose version log names an agent."""
    flight = fleet.run(name).begin(**more)
    versions = [{"object": "agent", "id": "assessor", "version": version, "digest": ""}]
    flight.note("version_log", {"versions": versions})
    flight.step("assess")
    flight.end()


def test_what_is_in_force_is_held_against_what_was_sealed(fleet: Fleet) -> None:
    """One run under another version is critical at once; the sentence names it."""
    logged(fleet, "a1")
    land(fleet.home)
    drift.seal_baseline(fleet.home)
    logged(fleet, "b1")
    assert found(fleet, "config", "agent").verdict == "ok"
    logged(fleet, "b2", "1.1.0")
    judged = found(fleet, "config", "agent")
    assert (judged.verdict, judged.severity, judged.is_now, judged.n_current) == ("drift", "critical", 1.0, 2)
    assert "assessor 1.1.0" in judged.sentence


def test_another_deployment_than_those_that_were_sealed_is_drift(fleet: Fleet) -> None:
    """Who starts a mission is part of what was approved."""
    logged(fleet, "a1", deployment="claims-triage")
    land(fleet.home)
    drift.seal_baseline(fleet.home)
    logged(fleet, "b1", deployment="claims-triage")
    assert found(fleet, "config", "deployment").verdict == "ok"
    logged(fleet, "b2", deployment="claims-copy")
    assert "claims-copy" in found(fleet, "config", "deployment").sentence


def test_an_agent_that_is_missing_is_as_strange_as_one_that_is_new(fleet: Fleet) -> None:
    """Taking the reviewer out is drift."""
    logged(fleet, "a1")
    land(fleet.home)
    drift.seal_baseline(fleet.home)
    flight = fleet.run("b1").begin()
    flight.note("version_log", {"versions": [{"object": "agent", "id": "other", "version": "1", "digest": ""}]})
    flight.end()
    assert found(fleet, "config", "agent").verdict == "drift"


def test_without_a_seal_nothing_is_declared_and_nothing_is_green(fleet: Fleet) -> None:
    """No finding on configuration is not a good one."""
    logged(fleet, "a1")
    land(fleet.home)
    assert not [each for each in drift.report(fleet.home, TERMS).findings if each.monitor == "config"]


def test_an_answer_of_whoever_asked_for_the_run_is_told(fleet: Fleet) -> None:
    """A path check would pass it."""
    flight = fleet.run("r1").begin()
    flight.ask("g1")
    flight.answer("g1", "go", by="kim")
    flight.end()
    judged = found(fleet, "data", "self_approval")
    assert (judged.verdict, judged.severity) == ("drift", "critical")


def test_a_change_that_policy_never_allowed_is_told(fleet: Fleet) -> None:
    """The record of the decision says gate, that of the call says done; nothing lies between."""
    flight = fleet.run("r1").begin()
    key = flight.step("pay")
    flight.decide("gate", key="/step:pay/tool/decision:1")
    flight.tool("/step:pay/tool", step_key=key)
    flight.end()
    assert found(fleet, "data", "unapproved_effect").verdict == "drift"
    again = fleet.run("r2").begin()
    key = again.step("pay")
    again.decide("gate", key="/step:pay/tool/decision:1")
    again.decide("allow", key="/step:pay/tool/decision:2", approvals=["x"])
    again.tool("/step:pay/tool", step_key=key)
    again.end()
    assert found(fleet, "data", "unapproved_effect").is_now == 1.0


def test_records_that_agree_are_ok(fleet: Fleet) -> None:
    """Every check of the data says on how many runs it holds."""
    for number in range(3):
        fleet.flown(f"r{number}")
    land(fleet.home)
    judged = [each for each in drift.report(fleet.home, TERMS).findings if each.monitor == "data"]
    assert len(judged) == 7
    assert {(each.verdict, each.n_current) for each in judged} == {("ok", 3)}
