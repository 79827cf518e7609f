"""The command line on several machines that share journals: homes of their own, one Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.cases import claim
from tests.e2e.command import Command

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.postgres import PostgresServer


@pytest.fixture(autouse=True)
def _shared(gonogo: Command, postgres_url: str) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    gonogo.settings["GONOGO_JOURNALS"] = postgres_url


@pytest.fixture
def elsewhere(gonogo: Command, tmp_path: Path) -> Generator[Command]:
    """The same journals, seen from another machine: nothing else is shared."""
    scratch = tmp_path / "elsewhere"
    scratch.mkdir()
    command = Command(tmp_path / "another home", scratch, settings=dict(gonogo.settings))
    yield command
    command.clean_up()


def test_a_run_is_seen_answered_and_landed_from_another_machine(gonogo: Command, elsewhere: Command) -> None:
    """It waits here, is answered there, goes on here, and is counted there."""
    assert gonogo("run", "claims_triage", "--no-wait", case=claim("above_limit", "FAR")).code == 5
    run_id = gonogo.the_run()
    (row,) = elsewhere.open_gates()
    assert row["run_id"] == run_id
    assert elsewhere("decide", row["gate"], "go", "--reason", "cover confirmed", "--as", "ada").code == 0
    assert gonogo("run", "claims_triage", "--resume", run_id).code == 0
    assert len(gonogo.payments("CLM-FAR")) == 1
    assert elsewhere("land").code == 0
    shown = elsewhere("evidence", run_id)
    assert shown.code == 0
    assert "both chains hold" in shown.out
    assert not (gonogo.home / "journals").exists()


def test_a_second_machine_is_refused_while_the_first_flies(gonogo: Command, elsewhere: Command) -> None:
    """One sentence that says who flies it; nothing happens twice."""
    waiting = gonogo.start("run", "claims_triage", case=claim("above_limit", "TWO"))
    gonogo.says(waiting, "Answer it: gonogo decide")
    run_id = gonogo.the_run()
    refused = elsewhere("run", "claims_triage", "--resume", run_id)
    assert refused.code == 1
    assert f"Run {run_id} is being flown by another process" in refused.sentence
    assert f"It is process {waiting.process.pid} on " in refused.sentence
    assert elsewhere("decide", gonogo.gate_of(run_id), "go", "--reason", "cover confirmed", "--as", "ada").code == 0
    assert waiting.wait().code == 0
    assert len(gonogo.payments("CLM-TWO")) == 1


def test_a_run_that_waits_sees_an_answer_through_a_restart_of_the_server(
    gonogo: Command, elsewhere: Command, postgres: PostgresServer
) -> None:
    """The server is killed under a process that waits at its gate; it goes on as if nothing had been."""
    waiting = gonogo.start("run", "claims_triage", case=claim("above_limit", "KILL"))
    gonogo.says(waiting, "Answer it: gonogo decide")
    gate = gonogo.gate_of(gonogo.the_run())
    postgres.stop("kill")
    postgres.start()
    assert elsewhere("decide", gate, "go", "--reason", "cover confirmed", "--as", "ada").code == 0
    assert waiting.wait().code == 0
    assert len(gonogo.payments("CLM-KILL")) == 1


def test_an_address_where_nobody_answers_is_one_sentence(gonogo: Command, postgres: PostgresServer) -> None:
    """With the way out; nothing was started."""
    gonogo.settings["GONOGO_JOURNALS"] = postgres.url().replace("/postgres?", "/nowhere?")
    refused = gonogo("run", "claims_triage", case=claim("above_limit", "NONE"))
    assert refused.code == 1
    assert "cannot be reached" in refused.sentence
    assert gonogo.effects() == {}
