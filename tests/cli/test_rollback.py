"""`gonogo rollback RUN`: what can be undone is, after a go where the law wants one; what stands has an owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.cases import claim
from tests.e2e.command import until

if TYPE_CHECKING:
    from tests.e2e.command import Command, Done

WHY = ("--reason", "paid the wrong claim", "--as", "ada")


def refunds(gonogo: Command) -> list[int]:
    """Return what was fetched back, in cents."""
    return [cents for (cents,) in gonogo.ledger("select amount_cents from refunds")]


def flown(gonogo: Command, kind: str, name: str) -> str:
    """Return a claim's run that has ended."""
    done = gonogo("run", "claims_triage", "--json", case=claim(kind, name))
    assert done.code == 0, done.err
    return done.json["run_id"]


def test_a_payment_is_fetched_back_once_after_a_go_and_what_stands_is_owned(gonogo: Command) -> None:
    """It leaves at the gate with exit 5; the same command goes on, and a third time only tells what came of it."""
    run_id = flown(gonogo, "straightforward", "UNDO")
    paid = gonogo.payments("CLM-UNDO")
    waiting = gonogo("rollback", run_id, *WHY, "--no-wait")
    gate = gonogo.gate_of(f"{run_id}-rollback")
    assert (waiting.code, refunds(gonogo)) == (5, [])
    assert f'After the answer it continues with: gonogo rollback {run_id} --reason "..."' in waiting.out
    assert gonogo("decide", gate, "go", "--reason", "it was wrong", "--as", "ben").code == 0
    done = gonogo("rollback", run_id, *WHY)
    assert (done.code, refunds(gonogo)) == (1, paid)
    assert "owned by claims-operations" in done.out
    assert "1 undone" in done.out
    again = gonogo("rollback", run_id, *WHY, "--json")
    assert (again.code, again.json["outcome"]["outcome"], refunds(gonogo)) == (1, "partly_undone", paid)
    assert again.json["run_id"] == f"{run_id}-rollback"
    exceptions = gonogo.told(f"{run_id}-rollback", "exception_record")
    assert len(exceptions) == again.json["outcome"]["not_undone"] == len(again.json["outcome"]["left"])


def test_a_rollback_waits_at_its_gate_and_a_no_leaves_the_money_where_it_is(gonogo: Command) -> None:
    """Without --no-wait the command stays, says how to answer, and ends by itself after the answer."""
    run_id = flown(gonogo, "straightforward", "STAY")
    rolling = gonogo.start("rollback", run_id, *WHY)
    gate = gonogo.gate_of(f"{run_id}-rollback")
    gonogo.says(rolling, f"waits at gate {gate}")
    assert gonogo("decide", gate, "no-go", "--reason", "it was right", "--as", "ben").code == 0
    done = rolling.wait()
    assert (done.code, refunds(gonogo)) == (1, [])
    assert "stands: pay_claim" in done.out


def test_a_rollback_that_was_killed_at_its_gate_goes_on_where_it_was(gonogo: Command) -> None:
    """Answered while nobody flew it; the next command undoes once."""
    run_id = flown(gonogo, "straightforward", "KILL")
    rolling = gonogo.start("rollback", run_id, *WHY)
    gate = gonogo.gate_of(f"{run_id}-rollback")
    rolling.kill()
    assert gonogo("decide", gate, "go", "--reason", "it was wrong", "--as", "ben").code == 0
    done = gonogo("rollback", run_id, *WHY, "--json")
    assert done.json["outcome"]["undone"] == 1
    assert refunds(gonogo) == gonogo.payments("CLM-KILL")


def test_what_cannot_be_rolled_back_is_refused_in_a_sentence(gonogo: Command) -> None:
    """An unknown run, no reason, a run that has not ended, the rollback of a rollback; nothing is recorded of it."""
    gonogo.start("run", "claims_triage", case=claim("above_limit", "FLIES"))
    until(gonogo.journal.run_ids, "a run")
    flying = gonogo.the_run()
    gonogo.gate_of(flying)

    def refused(*arguments: str) -> Done:
        return gonogo("rollback", *arguments)

    assert "No run called nobody" in refused("nobody", *WHY).sentence
    assert "has not ended" in refused(flying, *WHY).sentence
    assert "needs a reason" in refused(flying, "--reason", "  ").sentence
    assert refused(flying).code == 2
    assert gonogo.journal.run_ids() == [flying]


@pytest.mark.parametrize("name", ["not_covered"])
def test_a_run_of_a_mission_that_is_gone_says_so_and_undoes_nothing(gonogo: Command, name: str) -> None:
    """Its tools are unknown, so everything it did stands, and its owner hears of it."""
    run_id = flown(gonogo, name, "GONE")
    empty = gonogo.scratch / "flows"
    empty.mkdir()
    done = gonogo("rollback", run_id, *WHY, "--json", env={"GONOGO_FLOW_FOLDER": str(empty)})
    assert (done.code, done.json["outcome"]["outcome"], done.json["outcome"]["undone"]) == (1, "partly_undone", 0)
    assert "The mission cannot be loaded" in done.err
    assert all("is not defined any more" in left["why"] for left in done.json["outcome"]["left"])
