"""Breaking the glass: a named role goes alone, signs for it, and somebody else looks at it; the law is not lifted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import answer_gate, find_request
from gonogo.ballots import Reply
from gonogo.board import open_gates, open_reviews
from gonogo.errors import AnswerRefused, EvidenceBroken
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from gonogo.reviews import sweep
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import errand
from tests.gonogo.toy.people import SINCE, Town, public

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.board import GateRow
    from gonogo.evidence.records import Record

pytestmark = pytest.mark.usefixtures("backend")

LARGE = paying(6_000)
PAID = [("a", 6_000)]
WHY = "The pumps stand still and the supplier delivers against cash only."
RULE = '@gate("manager")\n@deadline("1h")\nforbid (principal, action == Action::"pay"'
GLASS = '@break_glass("on-call")\n@reviewer("audit")\n@review("24h")\n'


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    town = Town(tmp_path)
    for name, roles in {"otto": ["on-call", "audit"], "vera": ["audit"], "emil": ["on-call"]}.items():
        town.people[name] = {"roles": roles, "keys": [{"key": public(town.key(name)), "since": SINCE}]}
    town.rule(RULE, RULE.replace("forbid", f'@quorum("2")\n{GLASS}forbid'))
    town.enrol()
    return town


async def waiting(town: Town) -> str:
    """Fly until the gate, and return it."""
    (gate,) = (await town.park(LARGE)).waits
    return gate


def breaking(town: Town, gate: str, name: str = "otto", reason: str = WHY) -> Record:
    """Break the glass at a gate."""
    return town.say(gate, town.token(gate, name, code="BREAK_GLASS", reason=reason))


async def broken(town: Town) -> GateRow:
    """Break the glass, let the run come to its end, and return the review of it."""
    breaking(town, await waiting(town))
    assert (await town.park(None)).status == "done"
    (review,) = open_reviews(journal_of(town.settings))
    return review


def flight(town: Town, artifact: Any) -> list[Record]:
    """Return what the run recorded of one kind."""
    return only(journal_of(town.settings).read_flight("r1"), artifact)


def owned(town: Town) -> list[dict[str, Any]]:
    """Return the exceptions that lie on the run's desk."""
    return [record.data for record in only(town.desk(), "exception_record")]


async def test_a_named_role_goes_alone_where_two_would_be_asked(town: Town) -> None:
    """One signature opens the gate; the review was asked for before anything happened."""
    gate = await waiting(town)
    assert open_gates(journal_of(town.settings))[0].glass == "on-call"
    record = breaking(town, gate)
    assert (record.data["reason_code"], record.data.get("partial")) == ("BREAK_GLASS", None)
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == PAID
    (review,) = open_reviews(journal_of(town.settings))
    assert (review.about, review.role, review.action) == ("glass", "audit", "pay")
    assert WHY in review.card
    asked = next(r for r in flight(town, "approval_request") if r.data["gate"] == review.gate)
    begun = next(r for r in flight(town, "tool_call") if r.data["phase"] == "intent")
    assert asked.seq < begun.seq
    due = moment(asked.data["deadline"]) - moment(asked.fields["time"])
    assert timedelta(hours=23) < due <= timedelta(hours=24)


@pytest.mark.parametrize(
    ("name", "reason", "told"),
    [
        ("grace", WHY, "To break the glass at .* takes the role on-call"),
        ("otto", "urgent", "glass-takes-a-reason"),
    ],
)
async def test_who_may_not_or_does_not_say_why_breaks_nothing(town: Town, name: str, reason: str, told: str) -> None:
    """Refused, on record, the gate stays open, and no review is asked for."""
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match=told):
        breaking(town, gate, name, reason)
    assert (await town.park(None)).status == "waiting"
    assert [record.data["accepted"] for record in only(town.desk(), "approval_record")] == [False]
    assert (payments(town.home), open_reviews(journal_of(town.settings))) == ([], [])


async def test_a_typed_name_breaks_no_glass_in_dev_either(tmp_path: Path) -> None:
    """Not even where a typed name may say go."""
    town = Town(tmp_path, "dev")
    town.rule(RULE, RULE.replace("forbid", f"{GLASS}forbid"))
    gate = await waiting(town)
    reply = Reply("go", "otto", WHY, "cli", reason_code="BREAK_GLASS")
    with pytest.raises(AnswerRefused, match="takes a signature, in every environment"):
        answer_gate(journal_of(town.settings), gate, reply, "dev")


async def test_a_glass_that_no_rule_names_cannot_be_broken(tmp_path: Path) -> None:
    """Whoever holds whatever role."""
    town = Town(tmp_path)
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match="is provided for by no rule"):
        breaking(town, gate, "grace")


async def test_what_the_law_forbids_to_everybody_no_emergency_lifts(town: Town) -> None:
    """No gate opens, so there is no glass; a revise to it, alone, does not lead there either."""
    landing = await town.park(paying(100_001))
    assert (landing.status, landing.waits, payments(town.home)) == ("no_go", (), [])
    assert "Nobody pays more than 1,000 EUR here." in str(landing.error)


async def test_a_second_gate_is_not_opened_by_the_first_ones_glass(town: Town) -> None:
    """Where a rule names nobody for emergencies, its role is asked all the same."""
    (gate,) = (await town.park(paying(60_000))).waits
    breaking(town, gate)
    (other,) = (await town.park(None)).waits
    with pytest.raises(AnswerRefused, match="is provided for by no rule"):
        breaking(town, other)
    assert payments(town.home) == []


async def test_whoever_went_alone_does_not_say_that_it_was_right(town: Town) -> None:
    """Also with the role that looks at it; another one does, and nothing else follows."""
    review = await broken(town)
    with pytest.raises(AnswerRefused, match="one-person-one-go"):
        town.say(review.gate, town.token(review.gate, "otto"))
    town.say(review.gate, town.token(review.gate, "vera"))
    assert (open_reviews(journal_of(town.settings)), owned(town)) == ([], [])


async def test_a_review_that_finds_it_wrong_opens_an_exception(town: Town) -> None:
    """Of the mission's owner, and once."""
    review = await broken(town)
    town.say(review.gate, town.token(review.gate, "vera", "no_go", reason="there was cash in the safe"), "no_go")
    (wrong,) = owned(town)
    assert (wrong["owner"], wrong["reason_code"]) == ("counter", "data_mismatch")
    assert "vera found it wrong: there was cash in the safe" in wrong["what"]


async def test_a_review_that_nobody_does_in_time_is_an_exception_until_somebody_does(town: Town) -> None:
    """Once, however often it is swept; a late one closes it, and counts."""
    review = await broken(town)
    journal = journal_of(town.settings)
    due = moment(review.deadline)
    assert sweep(journal, due - timedelta(seconds=1)) == []
    (late,) = sweep(journal, due)
    assert sweep(journal, due + timedelta(days=1)) == []
    assert (late.data["owner"], late.data["role"], late.data["reason_code"]) == ("counter", "audit", "approval_expired")
    assert "otto alone, in an emergency" in late.data["what"]
    town.say(review.gate, town.token(review.gate, "vera"))
    assert [each.get("closes") for each in owned(town)] == [None, late.fields["id"]]
    assert sweep(journal, due + timedelta(days=2)) == []


async def test_nobody_goes_alone_again_before_the_last_time_was_looked_at(town: Town) -> None:
    """Once the review is due; another person still may, and so may this one after it."""
    town.rule('@review("24h")', '@review("1s")')
    review = await broken(town)
    due = moment(review.deadline)
    while datetime.now(UTC) < due:
        sweep(journal_of(town.settings))
    (gate,) = (await fly(errand, LARGE, Plan("r2", LocalPilot(patience="leave"), town.settings))).waits
    with pytest.raises(AnswerRefused, match="the-last-glass-is-swept-up-first"):
        breaking(town, gate)
    breaking(town, gate, "emil")
    town.say(review.gate, town.token(review.gate, "vera"))


async def test_a_go_that_was_made_an_emergency_afterwards_does_not_count(town: Town) -> None:
    """Whoever can write the desk cannot turn half a quorum into a whole one."""
    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    (half,) = only(town.desk(), "approval_record")
    journal = journal_of(town.settings)
    data = {name: value for name, value in half.data.items() if name != "partial"}
    body = journal.read_desk("r1")[-1].payload
    assert body is not None
    with journal.open_desk("r1") as desk:
        envelope = {name: half.fields[name] for name in ("runid", "subject", "tenantid", "envname", "missionid")}
        desk.append(envelope, "approval_record", data | {"reason_code": "BREAK_GLASS"}, payload=body.body)
        desk.commit_now()
    landing = await town.park(None)
    assert (landing.status, landing.error_class, payments(town.home)) == ("failed", EvidenceBroken.__name__, [])
    assert find_request(journal, gate).data["quorum"] == 2
