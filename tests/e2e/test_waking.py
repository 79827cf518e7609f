"""Sleeping runs: woken by the bell and by Prefect's own resume, stopped by a cancellation, with a real server."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.command import ROOT, Command, shown, until
from tests.e2e.houses import UpHouse, is_open, killed, processes_of, told

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.server

MISSION = '''"""Post two letters, the second after a person has agreed.

Trigger    a test
"""

import asyncio
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from gonogo import Outcome, gate, mission, step, tool
from gonogo.settings import settings


class Letters(BaseModel):
    """What to post."""

    name: str
    held: bool = False
    sick: bool = False
    alone: bool = False


class Posted(Outcome):
    """They are posted."""

    outcome: Literal["posted"] = "posted"
    successes = frozenset({"posted"})


@tool(system="bank", effect="write")
async def post(account: str) -> str:
    """Post one letter; one that is held is on its way until somebody lets it go."""
    folder = settings().home / "letters"
    folder.mkdir(exist_ok=True)
    name = account.removesuffix("-held")
    if account.endswith("-sick") and not (folder / "well").exists():
        raise RuntimeError("the postman is ill")
    (folder / f"{name}.begun").touch()
    while account.endswith("-held") and not (folder / f"{name}.let-go").exists():
        await asyncio.sleep(0.01)
    (folder / f"{name}.posted").touch()
    return name


@step(on_failure="requeue")
async def post_one(account: str) -> str:
    """Post one letter."""
    return await post(account=account)


@mission(owner="tests", scope=["bank"])
async def letters(case: Letters) -> Posted:
    """Post two letters, the second after a person has agreed."""
    await post_one(f"{case.name}-first" + ("-held" if case.held else "-sick" if case.sick else ""))
    if case.alone:
        return Posted()
    if not case.held:
        await gate("go_on", after=1)
    await post_one(f"{case.name}-second")
    return Posted()
'''
PROJECT = """name: waking
deployments:
  - name: letters
    entrypoint: flows/letters.py:letters
    work_pool: {name: local}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[UpHouse]:
    """The house of a project with one mission, whose effects a test can hold."""
    folder, scratch = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("scratch")
    (folder / "flows").mkdir()
    (folder / "flows" / "letters.py").write_text(MISSION, encoding="utf-8")
    (folder / "prefect.yaml").write_text(PROJECT, encoding="utf-8")
    shutil.copytree(ROOT / "benchmarks" / "peers" / "law", folder / "policies")
    for name in ("bench.cedar", "bench.cedarschema"):
        path = folder / "policies" / name
        path.write_text(path.read_text(encoding="utf-8").replace("look_up", "post"), encoding="utf-8")
    card = folder / "policies" / "agents.yaml"
    card.write_text(card.read_text(encoding="utf-8").replace("look_up", "post"), encoding="utf-8")
    for room in ("analytics", "dashboards"):
        (folder / room).symlink_to(ROOT / room)
    gonogo = Command(folder / "home", scratch, cwd=folder)
    gonogo.settings |= {
        "GONOGO_GATE_WARM_SECONDS": "0.1",
        "GONOGO_REQUESTER": "tester",
        "GONOGO_REQUEUE_SECONDS": "1",
        "GONOGO_REQUEUES": "100",
    }
    found = UpHouse(gonogo)
    try:
        found.up()
        yield found
        assert found.stop() == 0, found.said()
    finally:
        if processes_of(gonogo.home):
            found.kill_tree()
        gonogo.clean_up()


def letters(house: UpHouse) -> set[str]:
    """Return what really happened."""
    return {path.name for path in (house.gonogo.home / "letters").iterdir()}


def asleep(house: UpHouse, name: str) -> str:
    """Return a run that sleeps at its gate, one letter posted."""
    return house.asleep({"name": name}, "letters")


def cancel(house: UpHouse, run_id: str) -> None:
    """Press Cancel in the Prefect UI."""
    flow_run = house.flow_run(run_id)["id"]
    house.post(f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})


def end(house: UpHouse, run_id: str) -> tuple[Any, ...]:
    """Return how a run ended, by its evidence."""
    data = house.until_ended(run_id)
    return data["status"], data.get("reason_code"), data.get("error")


def test_an_answer_on_the_command_line_wakes_the_run_through_the_house(house: UpHouse) -> None:
    """The command leaves it to the house, which has heard the desk ring; Prefect is asked once."""
    run_id = asleep(house, "cli")
    done = house.gonogo("decide", house.gonogo.gate_of(run_id), "go", "--reason", "yes", "--as", "ada")
    assert (done.code, "The house wakes the run now." in done.err + done.out) == (0, True), done.err
    assert end(house, run_id)[0] == "done"
    assert "cli-second.posted" in letters(house)
    assert house.gonogo.parks(run_id) == 1


def test_an_answer_in_prefects_own_form_wakes_the_run(house: UpHouse) -> None:
    """Only the server knows of it; its news reach the runner, and the run brings the answer to its desk itself."""
    run_id = asleep(house, "form")
    flow_run = house.flow_run(run_id)["id"]
    form = {"answer": "go", "reason": "yes", "name": "grace"}
    assert house.post(f"/flow_runs/{flow_run}/resume", {"run_input": form})["status"] == "ACCEPT"
    assert end(house, run_id)[0] == "done"
    (answer,) = house.gonogo.told(run_id, "approval_record")
    assert (answer.data["door"], answer.data["by"]) == ("prefect", "grace")


def test_cancelling_a_flow_run_stops_it_after_the_effect_that_has_begun(house: UpHouse) -> None:
    """The first letter is on its way and arrives; the second is never begun; evidence and Prefect agree."""
    house.gonogo.start("run", "letters", "--no-wait", "--json", case={"name": "stop", "held": True})
    folder = house.gonogo.home / "letters"
    until((folder / "stop-first.begun").exists, "the first letter on its way")
    (run_id,) = house.gonogo.journal.live_run_ids()
    log = house.gonogo.home / "logs" / "runner.log"
    flow_run = house.flow_run(run_id)["id"]
    cancel(house, run_id)
    until(lambda: log.exists() and f"{flow_run} was cancelled" in shown(log), "the runner's word")
    (folder / "stop-first.let-go").touch()
    assert end(house, run_id) == ("aborted", "aborted", "The flow run was cancelled in Prefect.")
    house.until_state(run_id, "Cancelled")
    assert {name for name in letters(house) if name.startswith("stop")} == {
        "stop-first.begun", "stop-first.let-go", "stop-first.posted"
    }  # fmt: skip
    assert [r.data["outcome"] for r in house.gonogo.told(run_id, "tool_call", "result")] == ["done"]


def test_cancelling_a_suspended_flow_run_ends_its_run_as_aborted(house: UpHouse) -> None:
    """Prefect calls it Cancelled by itself; the evidence follows, and a later answer is refused."""
    run_id = asleep(house, "bed")
    gate = house.gonogo.gate_of(run_id)
    cancel(house, run_id)
    assert end(house, run_id)[0] == "aborted"
    done = house.gonogo("decide", gate, "go", "--reason", "too late", "--as", "ada")
    assert done.code == 2
    assert "bed-second.begun" not in letters(house)


def test_a_run_that_failed_for_now_rests_in_prefect_and_flies_again_by_itself(house: UpHouse) -> None:
    """The same flow run, woken by the house until the postman is well; the letter is posted once, nobody was asked."""
    house.gonogo.start("run", "letters", "--json", case={"name": "flu", "sick": True, "alone": True})
    until(house.gonogo.journal.live_run_ids, "a run")
    (run_id,) = house.gonogo.journal.live_run_ids()

    def rounds() -> list[int]:
        return [r.data["round"] for r in house.gonogo.told(run_id, "run_record") if r.data.get("event") == "requeued"]

    until(lambda: len(rounds()) > 1, "a second failure")
    asleep_in = house.flow_run(run_id)["id"]
    (house.gonogo.home / "letters" / "well").touch()
    assert end(house, run_id)[0] == "done"
    house.until_state(run_id, "Completed")
    assert house.flow_run(run_id)["id"] == asleep_in
    assert rounds() == list(range(1, len(rounds()) + 1))
    assert {name for name in letters(house) if name.startswith("flu")} == {
        "flu-first-sick.begun",
        "flu-first-sick.posted",
    }
    assert house.gonogo.told(run_id, "approval_request") == []


def test_a_server_that_was_killed_comes_back_and_its_runs_go_on(house: UpHouse) -> None:
    """One run flies meanwhile and one sleeps and is answered; both end, in Prefect as well; each letter goes once."""
    sleeper = asleep(house, "night")
    begun = set(house.gonogo.journal.run_ids())
    house.gonogo.start("run", "letters", "--no-wait", "--json", case={"name": "storm", "held": True})
    folder = house.gonogo.home / "letters"
    until((folder / "storm-first.begun").exists, "the first letter on its way")
    (flier,) = set(house.gonogo.journal.run_ids()) - begun
    killed(house, "server", "start")
    done = house.gonogo("decide", house.gonogo.gate_of(sleeper), "go", "--reason", "yes", "--as", "ada")
    assert done.code == 0, done.err
    (folder / "storm-first.let-go").touch()
    for run_id in (flier, sleeper):
        assert end(house, run_id)[0] == "done", house.said()
    until(lambda: is_open(house.port), "the server")
    for run_id in (flier, sleeper):
        house.until_state(run_id, "Completed")
        assert [r.data["outcome"] for r in house.gonogo.told(run_id, "tool_call", "result")] == ["done", "done"]
    assert told(house, "prefect-server") == ["The prefect-server was killed by signal 9; it is started again in 1 s."]


def test_arrivals_show_their_queue_in_prefect(house: UpHouse) -> None:
    """One flow run, whose progress artifact says how many came and how long they waited."""
    path = house.gonogo.scratch / "letters.jsonl"
    cases = [{"name": f"post-{number}", "alone": True, "at": f"2026-01-01T00:00:{number:02}"} for number in range(5)]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    done = house.gonogo("run", "letters", "--each", path, "--arrived", "at", "--speed", "100", "--json")
    assert (done.code, done.json["statuses"]) == (0, {"done": 5}), done.err
    (artifact,) = house.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["arrivals"]}}})
    assert (artifact["type"], artifact["data"]) == ("progress", 100.0)
    assert artifact["description"].startswith("5 of 5 cases have come, 5 have begun, 0 wait")
    waited = [
        house.gonogo.told(run["run_id"], "run_record", "intent")[0].data["waited_ms"] for run in done.json["runs"]
    ]
    assert len(waited) == 5
