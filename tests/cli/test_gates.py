"""Gates at the command line: a process waits, another one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.cases import claim

if TYPE_CHECKING:
    from tests.e2e.command import Command, Started

GO = ("go", "--reason", "cover confirmed", "--as", "ada")


def waiting_run(gonogo: Command, name: str) -> tuple[Started, str, str]:
    """Return a run that waits at its gate in its own process, its id, and the gate."""
    waiting = gonogo.start("run", "claims_triage", case=claim("above_limit", name))
    gonogo.says(waiting, "Answer it: gonogo decide")
    run_id = gonogo.the_run()
    return waiting, run_id, gonogo.gate_of(run_id)


def test_a_waiting_run_says_how_to_answer_and_goes_on_when_another_process_does(gonogo: Command) -> None:
    """Exit 0, one payment, and the approval recorded as what it is: unproven."""
    waiting, run_id, gate = waiting_run(gonogo, "ASK")
    (row,) = gonogo.open_gates()
    answer = gonogo("decide", gate, *GO)
    done = waiting.wait()
    (approval,) = gonogo.told(run_id, "approval_record")
    assert (row["gate"], row["role"], row["run_id"]) == (gate, "claims-manager", run_id)
    assert f"gonogo decide {gate} go --reason" in done.err
    assert (answer.code, done.code) == (0, 0)
    assert approval.data | {"by": "ada", "proof": "unproven", "door": "cli", "accepted": True} == approval.data
    assert len(gonogo.payments("CLM-ASK")) == 1
    assert gonogo.open_gates() == []


def test_a_gate_is_answered_once(gonogo: Command) -> None:
    """The second answer is refused, with exit 2 and who was first; the refusal is recorded."""
    gonogo("run", "claims_triage", "--no-wait", case=claim("above_limit", "TWICE"))
    run_id = gonogo.the_run()
    gate = gonogo.gate_of(run_id)
    first = gonogo("decide", gate, *GO)
    second = gonogo("decide", gate, "no-go", "--reason", "changed my mind", "--as", "grace")
    assert (first.code, second.code) == (0, 2)
    assert second.sentence == f"Gate {gate} was already answered go by ada; an answer is given once."
    assert [record.data["accepted"] for record in gonogo.told(run_id, "approval_record")] == [True, False]


def test_no_go_ends_the_run_without_a_payment(gonogo: Command) -> None:
    """Exit 3, with the reviewer's name and reason."""
    waiting, _run_id, gate = waiting_run(gonogo, "NO")
    gonogo("decide", gate, "no-go", "--reason", "the file does not convince me", "--as", "grace")
    done = waiting.wait()
    assert done.code == 3
    assert "because   pay_claim: no-go by grace: the file does not convince me" in done.out
    assert gonogo.payments("CLM-NO") == []


def test_a_typed_name_counts_for_nothing_in_production(gonogo: Command) -> None:
    """Exit 2, the gate stays open, the attempt is on record."""
    prod = gonogo.approved()
    flown = gonogo("run", "claims_triage", "--no-wait", case=claim("straightforward", "PROD"), env=prod)
    run_id = gonogo.the_run()
    gate = gonogo.gate_of(run_id)
    answer = gonogo("decide", gate, *GO, env=prod)
    (attempt,) = gonogo.told(run_id, "approval_record")
    assert flown.code == 5
    assert answer.code == 2
    assert "ada is a name without proof" in answer.sentence
    assert attempt.data["accepted"] is False
    assert [row["gate"] for row in gonogo.open_gates()] == [gate]


def test_a_run_of_production_is_not_answered_from_a_shell_that_says_dev(gonogo: Command) -> None:
    """The environment of the run decides, not the one of whoever answers."""
    gonogo(
        "run",
        "claims_triage",
        "--no-wait",
        case=claim("straightforward", "SHELL"),
        env=gonogo.approved(),
    )
    gate = gonogo.gate_of(gonogo.the_run())
    answer = gonogo("decide", gate, *GO)
    assert answer.code == 2
    assert [row["gate"] for row in gonogo.open_gates()] == [gate]


def test_ctrl_c_at_a_gate_leaves_a_run_that_can_be_continued(gonogo: Command) -> None:
    """Exit 5; the evidence carries the run over to another process, and nothing is done twice."""
    waiting, run_id, gate = waiting_run(gonogo, "CTRL")
    waiting.interrupt()
    left = waiting.wait()
    gonogo("decide", gate, *GO)
    done = gonogo("run", "claims_triage", "--resume", run_id, "--json")
    assert left.code == 5
    assert f"gonogo run claims_triage --resume {run_id}" in left.out
    assert "Traceback" not in left.err
    assert (done.code, done.json["outcome"]["outcome"]) == (0, "paid")
    assert len(gonogo.payments("CLM-CTRL")) == 1


def test_silence_until_the_deadline_is_no_go(gonogo: Command) -> None:
    """Where the law names no time of its own, GONOGO_GATE_DEADLINE_SECONDS does; exit 3, answered by the clock."""
    gonogo.change_policies("claims.cedar", '@escalate("1d claims-director")\n', "")
    gonogo.change_policies("claims.cedar", '@deadline("2d")\n', "")
    soon = {"GONOGO_GATE_DEADLINE_SECONDS": "1"}
    done = gonogo("run", "claims_triage", case=claim("above_limit", "SILENCE"), env=soon)
    (answer,) = gonogo.told(gonogo.the_run(), "approval_record")
    assert done.code == 3
    assert "silence is no-go" in done.out
    assert (answer.data["proof"], answer.data["door"], answer.data["answer"]) == ("clock", "deadline", "no_go")
    assert gonogo.payments("CLM-SILENCE") == []


def test_a_revision_is_done_with_the_reviewers_arguments_and_asked_again(gonogo: Command) -> None:
    """A reviewer lowers the amount; the changed payment is another action, and needs no go any more."""
    waiting, run_id, gate = waiting_run(gonogo, "LESS")
    gonogo("decide", gate, "revise", "--reason", "pay half now", "--as", "ada", "--set", "amount_cents=400000")
    done = waiting.wait()
    assert done.code == 0
    assert gonogo.payments("CLM-LESS") == [4_000_00]
    assert [record.data["answer"] for record in gonogo.told(run_id, "approval_record")] == ["revise"]


def test_the_card_can_be_read_in_the_terminal(gonogo: Command) -> None:
    """What, why, what changes, and what silence means."""
    gonogo("run", "claims_triage", "--no-wait", case=claim("above_limit", "CARD"))
    card = gonogo("gates", "--card").out
    assert all(
        words in card for words in ("Go or no-go: pay_claim", "CLM-CARD", "payout-limit", "no-go", "claims-manager")
    )
