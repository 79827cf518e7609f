"""kill -9 in the mission lane: flown on under the same Prefect server, a run comes to what it would have come to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.house.server import free_port, prefect_server
from tasks.rehearsals import MISSIONS
from tests.crash.points import executed
from tests.crash.projection import order_holds, projected
from tests.crash.stories import effects
from tests.e2e.command import PATIENCE_SECONDS, ROOT, Command

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = [pytest.mark.server, pytest.mark.slow]

NEVER = ("never", "1")
CASES = [
    ("claims_triage", "straightforward", ("irreversible tool, happened", "1")),
    ("claims_triage", "above_limit", ("park, after", "1")),
    ("content_review", "house_note", ("model, answered", "3")),
    ("contract_review", "illegible", ("step, worked", "1")),
    ("incident_response", "stale_cache", ("write tool, happened", "3")),
    ("lead_qualification", "warm_client", ("commit, acknowledged", "14")),
]


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with prefect_server(tmp_path_factory.mktemp("server"), free_port()) as url:
        yield url


class Flights:
    """One case of a mission in a home of its own, under a Prefect server."""

    def __init__(self, folder: Path, server: str, mission: str, kind: str) -> None:
        folder.mkdir()
        scratch = folder / "scratch"
        scratch.mkdir()
        self.gonogo = Command(folder / "home", scratch)
        self.gonogo.settings |= {"PREFECT_API_URL": server, "GONOGO_GATE_WARM_SECONDS": "0"}
        self.mission = mission
        case = getattr(MISSIONS[mission], kind)(Random(kind), "CRASH")  # noqa: S311 - repeatable, no secret
        self.case = self.gonogo.write_case(case)

    def fly(self, kill: tuple[str, str], *how: str) -> int:
        """Fly, to the end or to the point, and return how the process ended."""
        command = [sys.executable, "-m", "tests.crash.flying", *kill, "run", self.mission, *how]
        done = subprocess.run(
            command, cwd=ROOT, env=self.gonogo.environment(), capture_output=True, check=False,
            timeout=PATIENCE_SECONDS * 2, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.said = done.stderr.decode()
        return done.returncode

    def answer_what_is_asked(self) -> None:
        """Say go at every gate that is open; nobody flies the run now."""
        for gate in self.gonogo.open_gates():
            done = self.gonogo("decide", gate["gate"], "go", "--reason", "checked", "--as", "ada")
            assert done.code == 0, done.err

    def undisturbed(self) -> None:
        """Fly to the end; a gate is met as by the other, asleep, and answered while nobody flies."""
        assert self.fly(("park, after", "1"), "--input", str(self.case)) in {0, -signal.SIGKILL}, self.said
        if self.gonogo.journal.live_run_ids():
            self.answer_what_is_asked()
            self.go_on()

    def go_on(self) -> None:
        """Continue the run to its end."""
        assert self.fly(NEVER, "--resume", self.gonogo.the_run()) == 0, self.said

    def told(self) -> list[str]:
        """Return the projection of the run's evidence, without which of Prefect's flow runs it was."""
        run_id, journal = self.gonogo.the_run(), self.gonogo.journal
        flight = journal.read_flight(run_id)
        assert order_holds(flight)
        lines = projected(flight, journal.read_desk(run_id))
        return sorted(json.dumps(_own(json.loads(line)), sort_keys=True).replace(run_id, "RUN") for line in lines)


def _own(line: list[Any]) -> list[Any]:
    line[0]["data"] = {
        name: value for name, value in line[0]["data"].items() if not name.startswith(("flow_run", "case_ref"))
    }
    return line


@pytest.mark.parametrize(("mission", "kind", "kill"), CASES)
def test_a_run_killed_under_prefect_goes_on_to_what_it_would_have_come_to(
    tmp_path: Path, server: str, mission: str, kind: str, kill: tuple[str, str]
) -> None:
    """The same evidence, the same rows in the systems of record, and nothing recorded is executed again."""
    undisturbed, killed = (Flights(tmp_path / name, server, mission, kind) for name in ("undisturbed", "killed"))
    undisturbed.undisturbed()
    assert killed.fly(kill, "--input", str(killed.case)) == -signal.SIGKILL, killed.said
    journal, run_id = killed.gonogo.journal, killed.gonogo.the_run()
    done = {r.data["key"] for r in journal.read_flight(run_id) if "key" in r.data and r.data["phase"] == "result"}
    before = len(list(executed(killed.gonogo.home / "executed")))
    killed.answer_what_is_asked()
    killed.go_on()
    assert killed.told() == undisturbed.told()
    assert effects(killed.gonogo.home) == effects(undisturbed.gonogo.home)
    again = [key for _, _, key in list(executed(killed.gonogo.home / "executed"))[before:]]
    assert not done & set(again)
    assert again or kill[0] == "park, after"
