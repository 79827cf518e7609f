"""Runs in the house: handed over, asleep at gates, woken by answers and events, and landed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.evidence.canon import moment
from tests.e2e.cases import claim, incident
from tests.e2e.command import until

if TYPE_CHECKING:
    from tests.e2e.houses import UpHouse

pytestmark = pytest.mark.server

GO = ("go", "--reason", "cover confirmed", "--as", "ada")


def answers(house: UpHouse, run_id: str) -> list[dict[str, Any]]:
    """Return what was answered at a run's gates, in order."""
    return [record.data for record in house.gonogo.told(run_id, "approval_record")]


def actions(house: UpHouse, number: str) -> list[str]:
    """Return what operations really did for a ticket."""
    path = house.gonogo.home / "systems" / "ticketing.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("select action || ' ' || service from actions where number = ?", (number,)).fetchall()
    return sorted(words for (words,) in rows)


def has_slept(house: UpHouse, run_id: str, times: int) -> bool:
    """Whether a run has gone to sleep exactly so often; more often would be a loop."""
    assert house.gonogo.parks(run_id) <= times
    return house.gonogo.parks(run_id) == times


def test_a_case_is_handed_to_the_house_and_followed_to_its_end(house: UpHouse) -> None:
    """The same command, the same summary; Prefect shows the flow run and a task run for each step."""
    done = house.gonogo("run", "claims_triage", "--json", case=claim("straightforward", "HANDED"))
    assert done.code == 0, done.err + house.said()
    run_id = done.json["run_id"]
    flow_run = house.flow_run(run_id)
    begun = house.gonogo.journal.read_flight(run_id)[0].data
    steps = {record.data["step"] for record in house.gonogo.told(run_id, "step_record", "result")}
    house.until_state(run_id, "Completed")
    mine = {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}
    until(lambda: len(house.post("/task_runs/filter", mine)) == len(steps), "a task run for each step")
    assert (begun["lane"], begun["flow_run_id"]) == ("mission", flow_run["id"])
    assert steps == {"register", "assess_damage", "pay"}
    assert house.gonogo.payments("CLM-HANDED") == [done.json["outcome"]["paid_cents"]]


def test_an_answer_from_the_command_line_wakes_the_sleeping_run(house: UpHouse) -> None:
    """Suspended, decided, awake in the same flow run, paid once; the approval lands."""
    following = house.gonogo.start("run", "claims_triage", "--json", case=claim("above_limit", "WOKEN"))
    house.gonogo.says(following, "Answer it: gonogo decide")
    gate = following.err.read_text().partition("gonogo decide ")[2].split()[0]
    (row,) = [row for row in house.gonogo.open_gates() if row["gate"] == gate]
    house.until_state(row["run_id"], "Suspended")
    answer = house.gonogo("decide", gate, *GO)
    done = following.wait()
    assert (answer.code, done.code) == (0, 0), done.err
    assert done.json["run_id"] == row["run_id"]
    house.until_state(row["run_id"], "Completed")
    assert house.gonogo.payments("CLM-WOKEN") == [done.json["outcome"]["paid_cents"]]
    query = "select answered_by, door, proof, answer from gates where gate = ? and state = 'answered'"
    assert until(lambda: house.mart(query, gate), "the landed approval") == [("ada", "cli", "unproven", "go")]


@pytest.mark.parametrize("order", ["failover_database first", "restart_service first"])
def test_two_gates_open_at_once_are_neither_lost_nor_swapped(house: UpHouse, order: str) -> None:
    """Both wait side by side while the run sleeps; go means go for one, no-go for the other, in either order."""
    number = order.partition("_")[0].upper()
    run_id = house.asleep(incident("outage", number), "incident_response")
    open_gates = {row["action"]: row for row in house.gonogo.open_gates() if row["run_id"] == run_id}
    assert set(open_gates) == {"failover_database", "restart_service"}
    said = {"failover_database": "go", "restart_service": "no-go"}
    for action in sorted(said, key=lambda action: not order.startswith(action)):
        row = open_gates[action]
        done = house.gonogo("decide", row["gate"], said[action], "--reason", f"about {action}", "--as", "ada")
        assert done.code == 0, done.err
    public = until(
        lambda: [row for row in house.gonogo.open_gates() if row["run_id"] == run_id], "the gate for public words"
    )
    assert [row["action"] for row in public] == ["post_update"]
    house.gonogo("decide", public[0]["gate"], *GO)
    assert house.until_ended(run_id)["outcome"] == "handed_over"
    assert actions(house, f"INC-{number}") == ["failover_database orders-db"]
    given = {answer["gate"]: answer["answer"] for answer in answers(house, run_id)}
    assert given[open_gates["failover_database"]["gate"]] == "go"
    assert given[open_gates["restart_service"]["gate"]] == "no_go"
    assert len(given) == 3


def test_resume_wakes_a_run_and_decides_nothing(house: UpHouse) -> None:
    """Somebody presses Resume without an answer, and with one that nobody stands for; the run goes back to sleep."""
    run_id = house.asleep(claim("above_limit", "PRESSED"))
    flow_run_id = house.flow_run(run_id)["id"]
    for sleeps, form in enumerate(({"answer": "wake"}, {"answer": "go", "reason": "", "name": ""}), start=2):
        assert house.post(f"/flow_runs/{flow_run_id}/resume", {"run_input": form})["status"] == "ACCEPT"
        until(partial(has_slept, house, run_id, sleeps), "the next sleep")
        house.until_state(run_id, "Suspended")
    assert [answer["accepted"] for answer in answers(house, run_id)] == [False]
    assert "needs a name and a reason" in answers(house, run_id)[0]["refused_because"]
    assert house.gonogo.payments("CLM-PRESSED") == []
    house.gonogo("decide", house.gonogo.gate_of(run_id), "no-go", "--reason", "enough", "--as", "ada")
    assert house.until_ended(run_id)["status"] == "no_go"


def test_a_gate_nobody_answers_is_no_go_though_the_run_sleeps(house: UpHouse) -> None:
    """The house's keeper answers at the deadline, in the name of the clock, and wakes the run."""
    run_id = house.asleep(claim("vague", "SILENT"))
    ended = house.until_ended(run_id)
    (request,) = house.gonogo.told(run_id, "approval_request")
    (answer,) = house.gonogo.told(run_id, "approval_record")
    (woken,) = [r for r in house.gonogo.told(run_id, "run_record") if r.data.get("event") == "resumed"]
    recorded = moment(answer.fields["recordedtime"])
    assert ended["status"] == "no_go"
    assert (answer.data["proof"], answer.data["door"]) == ("clock", "deadline")
    assert timedelta() <= recorded - moment(request.data["deadline"])
    assert recorded < moment(woken.fields["recordedtime"])
    assert house.gonogo.payments("CLM-SILENT") == []


def test_an_event_wakes_the_run_that_waits_for_it(house: UpHouse) -> None:
    """What the customer sends reaches a run that sleeps."""
    run_id = house.asleep(claim("one_document_missing", "PARCEL"))
    done = house.gonogo("event", "documents_received", "--run", run_id, "--set", 'documents=["repair_estimate"]')
    assert done.code == 0
    assert house.until_ended(run_id)["outcome"] == "paid"
    assert len(house.gonogo.payments("CLM-PARCEL")) == 1


def test_a_malformed_case_does_not_reach_the_server(house: UpHouse) -> None:
    """Refused before it is handed over: one sentence, no flow run."""
    asked = {"deployments": {"name": {"any_": ["claims-triage"]}}}
    before = house.post("/flow_runs/count", asked)
    done = house.gonogo("run", "claims_triage", case=claim("straightforward", "BAD") | {"claimed_cents": 0})
    assert done.code == 1
    assert "claimed_cents" in done.sentence
    assert house.post("/flow_runs/count", asked) == before


def test_a_second_house_in_the_same_home_is_refused(house: UpHouse) -> None:
    """One home, one house; the sentence says which process holds it."""
    done = house.gonogo("up")
    assert house.started is not None
    assert done.code == 1
    assert f"process {house.started.process.pid}" in done.err
    assert "Traceback" not in done.err
