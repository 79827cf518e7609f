"""kill -9 in the middle of a payout, at ten moments spread over the run: everything is done once all the same."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.cases import claim
from tests.e2e.command import PATIENCE_SECONDS, Command, Done, Started

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.slow

MOMENTS = 10
ATTEMPTS = 6
"""How often a run may be faster than its killer before the test gives up."""

CASE = claim("straightforward", "KILLED")


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What one run comes to when nobody disturbs it."""

    records: int
    outcome: dict[str, Any]
    results: list[tuple[str, str]]
    effects: dict[str, int]


@pytest.fixture(scope="module", name="homes")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[], Command]]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """A maker of commands with a home each: the same claim is new to every ledger."""
    made: list[Command] = []

    def fresh() -> Command:
        folder = tmp_path_factory.mktemp("kill")
        scratch = folder / "scratch"
        scratch.mkdir()
        made.append(Command(folder / "home", scratch))
        return made[-1]

    yield fresh
    for command in made:
        command.clean_up()


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed(homes: Callable[[], Command]) -> Undisturbed:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    gonogo = homes()
    done = gonogo("run", "claims_triage", "--json", case=CASE)
    records = len(gonogo.journal.read_flight(gonogo.the_run()))
    return Undisturbed(records, done.json["outcome"], results(gonogo), gonogo.effects())


def results(gonogo: Command) -> list[tuple[str, str]]:
    """Return every operation that the only run of a home recorded as done, as often as it did."""
    records = gonogo.journal.read_flight(gonogo.the_run())
    # The call ids a model makes up are other ones in every run.
    return sorted(
        (r.artifact, re.sub(r"pyd_ai_\w+", "pyd_ai", r.data["key"]))
        for r in records
        if r.data["phase"] == "result" and "key" in r.data
    )


def kill_after(gonogo: Command, started: Started, records: int) -> None:
    """Kill a run as soon as its journal holds that many records; looks every half millisecond."""
    folder: Path = gonogo.home / "journals" / "flights"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl")) < records:
        assert time.monotonic() < deadline, started.err.read_text()
        time.sleep(0.0005)
    started.kill()


def cut_run(homes: Callable[[], Command], records: int) -> Command:
    """Return a home whose only run was killed in flight, after that many records or soon after."""
    for _ in range(ATTEMPTS):
        gonogo = homes()
        kill_after(gonogo, gonogo.start("run", "claims_triage", case=CASE), records)
        if gonogo.journal.live_run_ids():
            return gonogo
    raise AssertionError(f"The run was over each of {ATTEMPTS} times before it could be killed.")


def resume(gonogo: Command) -> Done:
    """Continue the only run of a home."""
    return gonogo("run", "claims_triage", "--resume", gonogo.the_run(), "--json")


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_goes_on_and_nothing_is_done_twice(
    homes: Callable[[], Command], undisturbed: Undisturbed, moment: int
) -> None:
    """Each step has one result, the payment exists once, and the outcome is that of an undisturbed run."""
    span = undisturbed.records - 3
    records = Random(moment).randrange(1 + span * moment // MOMENTS, 2 + span * (moment + 1) // MOMENTS)  # noqa: S311 - a moment, no secret
    gonogo = cut_run(homes, records)
    done = resume(gonogo)
    assert done.code == 0, done.err
    assert done.json["outcome"] == undisturbed.outcome
    assert results(gonogo) == undisturbed.results
    assert gonogo.effects() == undisturbed.effects
    assert len(gonogo.payments("CLM-KILLED")) == 1
