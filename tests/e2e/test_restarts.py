"""A house of one project: its schedule, its death, its return, and its orderly end."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.cases import claim
from tests.e2e.command import Command, until
from tests.e2e.houses import UpHouse, is_open, processes_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = [pytest.mark.server, pytest.mark.slow]

OFTEN_SECONDS = 6


@pytest.fixture(scope="module")
def house(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[UpHouse]:
    """The house of a project whose drill is flown every few seconds; each test finds it up."""
    path = project / "prefect.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    drill = declared["deployments"][1]["schedules"][0]
    often = {"interval": OFTEN_SECONDS, "slug": "often", "active": True, "parameters": drill["parameters"]}
    declared["deployments"][1]["schedules"].append(often)
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    folder = tmp_path_factory.mktemp("restarts")
    scratch = folder / "scratch"
    scratch.mkdir()
    gonogo = Command(folder / "home", scratch, cwd=project)
    found = UpHouse(gonogo)
    yield found
    if processes_of(gonogo.home):
        found.kill_tree()
    gonogo.clean_up()


def test_a_schedule_fires_by_itself_and_its_runs_land(house: UpHouse) -> None:
    """Nobody asks for anything; two drills are flown, resolved, and stand in the mart."""
    house.up()
    query = "select outcome from runs where mission = 'incident_response' and status = 'done'"
    landed = until(lambda: rows if len(rows := house.mart(query)) >= 2 else [], "two landed drills")
    ended = {
        "flow_runs": {"tags": {"all_": ["auto-scheduled", "incidents"]}, "state": {"name": {"any_": ["Completed"]}}}
    }
    assert set(landed) == {("resolved",)}
    until(lambda: house.post("/flow_runs/count", ended) >= 2, "Prefect's word that both have completed")
    pause(house, "often")


def pause(house: UpHouse, slug: str) -> None:
    """Pause a schedule, as an operator does: on a busy machine its runs would come faster than they are flown."""
    for deployment in house.post("/deployments/filter", {}):
        for schedule in deployment["schedules"]:
            if schedule["slug"] == slug:
                house.patch(f"/deployments/{deployment['id']}/schedules/{schedule['id']}", {"active": False})


def test_runs_go_on_when_the_whole_house_was_killed_and_comes_up_again(house: UpHouse) -> None:
    """One run was flying and one slept at a gate when every process died; each claim is paid once."""
    house.up()
    asleep = house.asleep(claim("above_limit", "ASLEEP"))
    begun = set(house.gonogo.journal.run_ids())
    house.gonogo.start("run", "claims_triage", case=claim("straightforward", "FLYING"))

    def flying() -> list[str]:
        new = [run for run in house.gonogo.journal.run_ids() if run not in begun and run.startswith("claims")]
        return [run for run in new if house.gonogo.told(run, "tool_call", "result")]

    (flown,) = until(flying, "a run in the middle of its work")
    house.kill_tree()
    is_cut = flown in house.gonogo.journal.live_run_ids()
    house.up()
    ended = house.until_ended(flown)
    answer = house.gonogo("decide", house.gonogo.gate_of(asleep), "go", "--reason", "cover confirmed", "--as", "ada")
    assert answer.code == 0, answer.err
    assert is_cut
    assert ended["outcome"] == "paid"
    assert house.until_ended(asleep)["outcome"] == "paid"
    assert len(house.gonogo.payments("CLM-FLYING")) == 1
    assert len(house.gonogo.payments("CLM-ASLEEP")) == 1
    for run_id in (flown, asleep):
        keys = [record.data["key"] for record in house.gonogo.told(run_id, "step_record", "result")]
        assert len(keys) == len(set(keys)) == 3


def test_an_orderly_end_while_runs_fall_asleep_loses_none(house: UpHouse) -> None:
    """The house is told to go in the moment the first of three runs lies down; all three go on the next day."""
    house.up()
    begun = set(house.gonogo.journal.run_ids())
    before = house.post("/flow_runs/count", {"flows": {"name": {"any_": ["claims_triage"]}}})
    names = ("DUSK-1", "DUSK-2", "DUSK-3")
    for name in names:
        house.gonogo.start("run", "claims_triage", "--no-wait", case=claim("above_limit", name))

    def claims_runs() -> list[str]:
        return [run for run in house.gonogo.journal.run_ids() if run not in begun and run.startswith("claims")]

    def lies_down() -> bool:
        return any(house.gonogo.parks(run) for run in claims_runs())

    def handed() -> bool:
        """Tell whether the house has all three; a command that is still starting would find nobody there."""
        return house.post("/flow_runs/count", {"flows": {"name": {"any_": ["claims_triage"]}}}) == before + len(names)

    until(handed, "the three hand-overs")
    until(lies_down, "the first sleep")
    assert house.stop() == 0, house.said()
    house.up()
    until(lambda: len(claims_runs()) == len(names), "the beginning of every run")
    for run_id in claims_runs():
        answer = house.gonogo("decide", house.gonogo.gate_of(run_id), "go", "--reason", "checked", "--as", "ada")
        assert answer.code == 0, answer.err
    assert [house.until_ended(run_id)["outcome"] for run_id in claims_runs()] == ["paid"] * len(names)
    assert [len(house.gonogo.payments(f"CLM-{name}")) for name in names] == [1] * len(names)


def test_an_orderly_end_leaves_nothing_running(house: UpHouse) -> None:
    """SIGTERM: exit 0, every process gone, every port closed, no address left behind."""
    house.up()
    assert is_open(house.port)
    until(lambda: is_open(house.dashboard_port), "the dashboard")
    code = house.stop()
    assert code == 0, house.said()
    assert processes_of(house.gonogo.home) == []
    assert not is_open(house.port)
    assert not is_open(house.dashboard_port)
    assert not (house.gonogo.home / "house.json").exists()


def test_an_end_during_the_start_leaves_nothing_running_either(house: UpHouse) -> None:
    """SIGTERM as soon as the first child is there."""
    if house.started is not None and house.started.process.poll() is None:
        house.stop()
    starting = house.gonogo.start("up", "--port", str(house.port), "--dashboard-port", str(house.dashboard_port))
    log = house.gonogo.home / "logs" / "prefect-server.log"
    before = log.stat().st_mtime_ns if log.exists() else 0
    until(lambda: log.exists() and log.stat().st_mtime_ns > before, "the first word of the server")
    starting.process.terminate()
    starting.wait()
    assert processes_of(house.gonogo.home) == []
    assert not (house.gonogo.home / "house.json").exists()


def test_a_port_that_is_taken_is_refused_and_its_owner_left_alone(house: UpHouse) -> None:
    """The server that answers there is somebody else's; it is given nothing."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        for option in ("--port", "--dashboard-port"):
            done = house.gonogo("up", option, taken, env={"GONOGO_HOME": str(house.gonogo.scratch / "elsewhere")})
            assert done.code == 1
            assert f"port {taken} already; stop that, or choose another {option}" in done.err
            assert "Traceback" not in done.err
