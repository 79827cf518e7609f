"""Answers: who may give one, once, in time, with a name and a reason; a refused one is evidence, too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import (
    Reply,
    _objection,  # pyright: ignore[reportPrivateUsage] - looks at a deadline without waiting for it
    accepted_answer,
    answer_gate,
    find_request,
    silence,
)
from gonogo.errors import AnswerRefused, RunUnknown
from gonogo.evidence.journals import journal_at
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import Errand, Payment, park, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.model import Environment

pytestmark = pytest.mark.usefixtures("backend")

LARGE = Errand(payments=[Payment(payee="ada", cents=6_000)])
GO = Reply("go", "grace", "The invoice is right.", "cli")


def replied(**changes: Any) -> Reply:
    """Return an answer that counts, with changes."""
    fields: dict[str, Any] = {"answer": "go", "by": "grace", "reason": "The invoice is right.", "door": "cli"}
    return Reply(**(fields | changes))


@pytest.fixture(name="waiting")
def _waiting(tmp_path: Path) -> Callable[..., Any]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    async def until_it_waits(case: Errand = LARGE, **changes: Any) -> tuple[Journal, str]:
        landing = await park(case, tmp_path, **changes)
        assert landing.status == "waiting"
        return journal_at(tmp_path), landing.waits[0]

    return until_it_waits


async def test_an_answer_is_recorded_with_everything_it_is_bound_to(waiting: Any) -> None:
    """Who, in which role, through which door, with what proof, to exactly which action."""
    journal, gate_id = await waiting()
    answer_gate(journal, gate_id, GO, "dev")
    request = find_request(journal, gate_id)
    (record,) = journal.read_desk("r1")
    assert record.data == {
        "objects": [{"id": "r1", "type": "run"}, {"id": gate_id, "type": "gate"}],
        "phase": "fact",
        "gate": gate_id,
        "answer": "go",
        "by": "grace",
        "role": "manager",
        "proof": "unproven",
        "door": "cli",
        "action_digest": request.data["action_digest"],
        "accepted": True,
    }
    assert record.body() == {"reason": "The invoice is right.", "changes": {}}
    assert (record.fields["authtype"], record.fields["authid"]) == ("unauthenticated", "grace")
    assert record.fields["runid"] == "r1"
    assert record.fields["policydigest"] == request.fields["policydigest"]


@pytest.mark.parametrize(
    ("reply", "environment", "told"),
    [
        (GO, "prod", "grace is a name without proof, which counts only in the dev environment; this is prod"),
        (GO, "test", "without proof"),
        (replied(by=" "), "dev", "needs a name and a reason"),
        (replied(reason="\n"), "dev", "needs a name and a reason"),
        (replied(answer="maybe"), "dev", "takes go, no_go, revise; maybe is not among them"),
        (replied(changes={"amount_cents": 1}), "dev", "Changed arguments make it another action: answer revise"),
        (replied(answer="no_go", changes={"amount_cents": 1}), "dev", "Changed arguments make it another action"),
        (replied(proof="clock"), "dev", "clock only says no-go"),
        (replied(proof="clock", answer="revise"), "prod", "clock only says no-go"),
    ],
)
async def test_an_answer_that_does_not_count_is_refused_and_recorded(
    waiting: Any, reply: Reply, environment: Environment, told: str
) -> None:
    """The gate stays open, and the evidence says who tried what and why it was refused."""
    journal, gate_id = await waiting()
    with pytest.raises(AnswerRefused, match=told):
        answer_gate(journal, gate_id, reply, environment)
    (record,) = journal.read_desk("r1")
    assert record.data["accepted"] is False
    assert told[:20] in record.data["refused_because"]
    assert accepted_answer(journal.read_desk("r1"), gate_id) is None
    answer_gate(journal, gate_id, GO, "dev")


async def test_a_gate_is_answered_once(waiting: Any) -> None:
    """The first accepted answer stands; the second is refused by name of the first, and recorded."""
    journal, gate_id = await waiting()
    answer_gate(journal, gate_id, replied(answer="no_go"), "dev")
    with pytest.raises(AnswerRefused, match="already answered no-go by grace; an answer is given once"):
        answer_gate(journal, gate_id, replied(by="linus"), "dev")
    assert [record.data["accepted"] for record in journal.read_desk("r1")] == [True, False]
    answer = accepted_answer(journal.read_desk("r1"), gate_id)
    assert answer is not None
    assert answer.data["answer"] == "no_go"


async def test_of_two_answers_at_the_same_moment_one_counts(waiting: Any) -> None:
    """Two people click at once; neither is lost, neither is swapped, one is told it came second."""
    journal, gate_id = await waiting()
    together, refused = threading.Barrier(4), list[str]()

    def answer(name: str) -> None:
        together.wait(120)
        try:
            answer_gate(journal, gate_id, replied(by=name), "dev")
        except AnswerRefused as error:
            refused.append(str(error))

    people = [threading.Thread(target=answer, args=(f"person{number}",)) for number in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join(10)
    assert len(refused) == 3
    desk = journal.read_desk("r1")
    assert sum(record.data["accepted"] for record in desk) == 1
    assert {record.data["by"] for record in desk} == {"person0", "person1", "person2", "person3"}


async def test_after_the_deadline_only_the_clock_answers(tmp_path: Path) -> None:
    """An answer that comes too late does not count, even before the run has noticed."""
    landing = await park(Errand(crew=4), tmp_path, gate_deadline_seconds=1)
    journal = journal_at(tmp_path)
    request = find_request(journal, landing.waits[0])
    # The request is moved into the past rather than slept out.
    request.data["deadline"] = "2020-01-01T00:00:00.000000Z"
    assert "has passed; it counts as no-go" in str(_objection(request, [], GO, "dev"))
    assert _objection(request, [], silence(landing.waits[0]), "prod") is None


async def test_an_unknown_gate_is_one_sentence(waiting: Any) -> None:
    """Neither a gate nobody opened nor the id of a run leads anywhere."""
    journal, _ = await waiting()
    for name in ("nosuchgate", "r1", "", "../../etc/passwd"):
        with pytest.raises(RunUnknown, match="There is no gate"):
            answer_gate(journal, name, GO, "dev")
    assert journal.read_desk("r1") == []


@pytest.mark.parametrize("text", ["caf\u0065\u0301", "\ud800 surrogate", "\x00\x1b[2J", "a" * 10_000, "| x | <b>"])
async def test_hostile_text_in_an_answer_is_recorded_and_harms_nothing(waiting: Any, text: str) -> None:
    """A shell may hand over anything as name and reason."""
    journal, gate_id = await waiting()
    answer_gate(journal, gate_id, replied(by=text, reason=text), "dev")
    (record,) = journal.read_desk("r1")
    assert record.data["accepted"]
    assert len(record.data["by"]) <= 200


async def test_the_deadlines_no_is_recorded_as_the_clocks(waiting: Any, tmp_path: Path) -> None:
    """Silence needs no proof, in no environment, and is no person's doing."""
    journal, gate_id = await waiting()
    answer_gate(journal, gate_id, silence(gate_id), "prod")
    (record,) = journal.read_desk("r1")
    assert (record.data["proof"], record.data["answer"], record.fields["authtype"]) == ("clock", "no_go", "system")
    went = await run(None, home=tmp_path, run_id="r1")
    assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_expired")
    assert payments(tmp_path) == []


async def test_waking_decides_nothing(waiting: Any, tmp_path: Path) -> None:
    """A run that wakes without an accepted answer goes back to sleep at the same gate."""
    journal, gate_id = await waiting()
    with pytest.raises(AnswerRefused):
        answer_gate(journal, gate_id, GO, "prod")
    landing = await park(LARGE, tmp_path)
    assert (landing.status, landing.waits) == ("waiting", (gate_id,))
    assert payments(tmp_path) == []
    answer_gate(journal, gate_id, GO, "dev")
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.landing.status == "done"
    assert payments(tmp_path) == [("ada", 6_000)]
