"""Tiers: how much an agent does alone, from nothing to everything but a sample, as the law says."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import Reply, answer_gate
from gonogo.board import open_gates, open_reviews
from gonogo.errors import AnswerRefused
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.journals import journal_at
from gonogo.policy.registry import read_registry
from tests.gonogo.toy.asking import brief, paying
from tests.gonogo.toy.bank import CALLS, calls, payments
from tests.gonogo.toy.cutting import cut
from tests.gonogo.toy.errands import park
from tests.gonogo.toy.tiered import SAID, Ask, asked, in_code, tiered, tiered_policies
from tests.gonogo.toy.undoing import came_to, undoing

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.testing import GateView, Rehearsal
    from tests.gonogo.toy.counter import Brief

FINE = Reply("go", "grace", "It was right.", "cli")
WRONG = Reply("no_go", "grace", "The wrong account.", "cli")


def wanting(who: Any, *cents: int, **more: Any) -> Ask:
    """Return a case in which somebody is to make these payments, turn by turn."""
    wishes: Brief | None = brief(*([paying(f"p{sum_}", sum_)] for sum_ in cents)).brief
    assert wishes is not None
    return Ask(who=who, brief=wishes, **more)


def outcomes(went: Rehearsal) -> list[tuple[str, str]]:
    """Return how the tool calls of a run ended: the end of the key, and the outcome."""
    return [
        (body["key"].rpartition("/")[2].partition(":")[0], body["outcome"]) for body in went.told("tool_call", "result")
    ]


class TestProposals:
    """The tier propose: the agent goes on, the run collects, a person has it done."""

    @pytest.mark.usefixtures("backend")
    async def test_a_write_becomes_a_proposal_and_is_done_after_the_go(self, tmp_path: Path) -> None:
        """The agent is told that it is not done; the person sees a full card; then exactly that is done, once."""
        cards: list[GateView] = []

        def say(view: GateView) -> str:
            assert payments(tmp_path) == []
            cards.append(view)
            return "go"

        went = await asked(wanting("intern", 7), home=tmp_path, answers=say)  # pyright: ignore[reportArgumentType] - a word
        assert went.outcome == "done"
        assert "is proposed and NOT done" in went.landing.outcome["told"]  # pyright: ignore[reportOptionalSubscript] - done
        (view,) = cards
        assert (view.about, view.role, view.args) == ("proposal", "agent-owner", {"payee": "p7", "amount_cents": 7})
        assert "proposes this, and goes on without it" in view.card
        assert "`revise`" not in view.card
        assert payments(tmp_path) == [("p7", 7)]
        assert [outcome for _, outcome in outcomes(went)] == ["proposed", "done"]
        (intent,) = went.told("tool_call", "intent")
        (answer,) = went.told("approval_record")
        assert (intent["action_digest"], intent["principal"]) == (answer["action_digest"], "intern")

    @pytest.mark.parametrize("answer", ["no_go", None])
    async def test_without_a_go_it_is_not_done_and_the_outcome_stands(self, tmp_path: Path, answer: Any) -> None:
        """A person declines, or nobody answers: the mission itself came to its end."""
        went = await asked(wanting("intern", 7, 8), home=tmp_path, answers=answer)
        assert (went.outcome, payments(tmp_path)) == ("done", [])
        assert [outcome for _, outcome in outcomes(went)] == ["proposed", "proposed", "refused", "refused"]

    async def test_the_run_waits_with_all_its_proposals_open(self, tmp_path: Path) -> None:
        """Each is answered on its own, and the run ends when none is left."""
        landing = await park(wanting("intern", 7, 8), tmp_path, flying=tiered, policies=tiered_policies())
        journal = journal_at(tmp_path)
        assert (landing.status, len(landing.waits)) == ("waiting", 2)
        rows = open_gates(journal)
        assert [(row.about, row.options) for row in rows] == [("proposal", ("go", "no_go"))] * 2
        with pytest.raises(AnswerRefused, match="takes go, no_go"):
            answer_gate(journal, rows[0].gate, Reply("revise", "g", "less", "cli", changes={"amount_cents": 1}), "dev")
        answer_gate(journal, rows[0].gate, FINE, "dev")
        answer_gate(journal, rows[1].gate, WRONG, "dev")
        went = await asked(Ask(), home=tmp_path)
        assert (went.outcome, payments(tmp_path)) == ("done", [("p7", 7)])

    async def test_a_run_that_fails_does_not_do_what_was_proposed(self, tmp_path: Path) -> None:
        """What a broken mission wanted is not done behind its back, even with a go."""
        went = await asked(wanting("intern", 7, fails=True), home=tmp_path, answers="go")
        assert (went.landing.status, payments(tmp_path)) == ("failed", [])
        assert went.told("tool_call", "result")[-1]["error_class"] == "ProposalLapsed"

    async def test_the_law_rules_again_when_a_proposal_is_done(self, tmp_path: Path) -> None:
        """Above the limit the manager is asked, too; what is never allowed is not proposed."""
        roles: list[str] = []

        def say(view: GateView) -> str:
            roles.append(view.role)
            return "go"

        went = await asked(wanting("intern", 6_000, 200_000), home=tmp_path, answers=say)  # pyright: ignore[reportArgumentType] - a word
        assert (sorted(roles), payments(tmp_path)) == (["agent-owner", "manager"], [("p6000", 6_000)])
        assert [outcome for _, outcome in outcomes(went)] == ["proposed", "refused", "done"]

    async def test_code_that_needs_the_result_waits_for_the_go(self, tmp_path: Path) -> None:
        """A step on such a mandate cannot go on without; it waits at the gate, and the result is the tool's."""
        went = await asked(Ask(sure_pct=3), flying=in_code, home=tmp_path, answers="go")
        assert went.landing.outcome == {"outcome": "done", "told": "paid ada"}
        assert payments(tmp_path) == [("ada", 3)]

    async def test_proposals_count_against_the_changes_a_run_may_make(self, tmp_path: Path) -> None:
        """An agent cannot bury a person under proposals."""
        went = await asked(wanting("intern", *range(1, 30)), home=tmp_path, answers="go")
        assert (went.landing.status, went.landing.reason_code) == ("failed", "budget_exceeded")
        assert payments(tmp_path) == []

    @pytest.mark.usefixtures("backend")
    async def test_a_run_cut_off_at_any_record_proposes_and_does_everything_once(self, tmp_path: Path) -> None:
        """A crash after each record from the proposal on: the same end, one payment, one gate."""
        whole = await asked(wanting("intern", 7), home=tmp_path, answers="go")
        proposed = next(r.seq for r in whole.flight if r.data.get("outcome") == "proposed")
        for records in range(len(whole.flight) - 1, proposed, -1):
            cut(tmp_path, records)
            went = await asked(Ask(), home=tmp_path, answers="go")
            assert (went.landing.outcome, payments(tmp_path)) == (whole.landing.outcome, [("p7", 7)])
            assert len({r.data["gate"] for r in went.flight if r.artifact == "approval_request"}) == 1

    async def test_with_approval_the_run_waits_where_it_is(self, tmp_path: Path) -> None:
        """The agent is told the result, not that it is proposed."""
        went = await asked(wanting("trainee", 7), home=tmp_path, answers="go")
        assert "paid p7" in went.landing.outcome["told"]  # pyright: ignore[reportOptionalSubscript] - done
        assert [outcome for _, outcome in outcomes(went)] == ["done"]


class TestSamples:
    """The tier execute_with_sampling: alone, and a share is looked at."""

    @pytest.mark.usefixtures("backend")
    async def test_a_sample_is_reviewed_after_the_run_has_ended(self, tmp_path: Path) -> None:
        """Nothing waits for it; the review stands in the evidence and at the desk, and is answered once."""
        went = await asked(wanting("deputy", 7), home=tmp_path)
        assert (went.outcome, payments(tmp_path)) == ("done", [("p7", 7)])
        journal = journal_at(tmp_path)
        assert open_gates(journal) == []
        (row,) = open_reviews(journal)
        assert (row.about, row.role, row.action, row.args) == (
            "review",
            "auditor",
            "pay",
            {"payee": "p7", "amount_cents": 7},
        )
        assert "did this alone" in row.card
        assert '"paid p7"' in row.card
        answer_gate(journal, row.gate, FINE, "dev")
        assert open_reviews(journal) == []
        with pytest.raises(AnswerRefused, match="already answered go"):
            answer_gate(journal, row.gate, WRONG, "dev")
        assert [r.artifact for r in journal.read_desk("r1")] == ["approval_record", "approval_record"]

    @pytest.mark.usefixtures("backend")
    async def test_what_was_wrong_is_an_exception_of_the_agents_owner_and_can_be_rolled_back(
        self, tmp_path: Path
    ) -> None:
        """The exception stands at the desk, because the run has ended."""
        await asked(wanting("deputy", 7), home=tmp_path)
        journal = journal_at(tmp_path)
        (row,) = open_reviews(journal)
        answer_gate(journal, row.gate, WRONG, "dev")
        exception = journal.read_desk("r1")[0]
        assert (exception.artifact, exception.data["owner"]) == ("exception_record", "counter")
        assert exception.data["what"] == "pay was done alone and grace found it wrong: The wrong account."
        assert came_to(await undoing(tmp_path, policy_folder=tiered_policies())).outcome == "undone"

    async def test_a_review_needs_a_name_that_counts_and_takes_no_revision(self, tmp_path: Path) -> None:
        """As at any gate; a late one counts, because late is better than never."""
        await asked(wanting("deputy", 7), home=tmp_path)
        journal = journal_at(tmp_path)
        (row,) = open_reviews(journal)
        nameless, revising = Reply("go", " ", "x", "cli"), Reply("revise", "g", "x", "cli")
        for reply, environment in ((FINE, "prod"), (nameless, "dev"), (revising, "dev")):
            with pytest.raises(AnswerRefused):
                answer_gate(journal, row.gate, reply, environment)  # pyright: ignore[reportArgumentType] - one of the words
        assert len(open_reviews(journal)) == 1

    async def test_a_sample_may_be_held_before_it_is_done(self, tmp_path: Path) -> None:
        """Then it is a gate like any other, and nothing is reviewed afterwards."""
        roles: list[str] = []

        def say(view: GateView) -> str:
            assert payments(tmp_path) == []
            roles.append(view.role)
            return "go"

        went = await asked(wanting("guarded", 7), home=tmp_path, answers=say)  # pyright: ignore[reportArgumentType] - a word
        assert (went.outcome, roles, payments(tmp_path)) == ("done", ["sample-reviewer"], [("p7", 7)])
        assert open_reviews(journal_at(tmp_path)) == []

    async def test_about_the_declared_share_is_drawn_and_anybody_can_compute_which(self, tmp_path: Path) -> None:
        """Half of twenty: which ones follows from the run's first record, which no agent sees."""
        went = await asked(wanting("halver", *range(1, 21)), home=tmp_path)
        drawn = {r.data["key"].rpartition("/review/")[0] for r in went.flight if r.artifact == "approval_request"}
        assert 2 <= len(drawn) <= 18
        secret = went.flight[0].digest.encode()
        digests = {r.data["key"]: r for r in went.flight if r.artifact == "tool_call" and r.data["phase"] == "intent"}
        expected: set[str] = set()
        for key, record in digests.items():
            args = sha256_hex(payload_bytes(record.body()))
            number = hmac.digest(secret, f"r1\x1f{key}\x1f{args}".encode(), "sha256")[:8]
            if int.from_bytes(number, "big") * 100 < 50 << 64:
                expected.add(key)
        assert drawn == expected

    async def test_what_is_drawn_is_the_same_on_a_replay_and_reads_never_are(self, tmp_path: Path) -> None:
        """Cut off at any record, the same changes are reviewed, each once."""
        case = wanting("halver", 1, 2, 3, 4)
        whole = await asked(case, home=tmp_path)
        reviewed = {
            r.data["key"].rpartition("/review/")[0]: r for r in whole.flight if r.artifact == "approval_request"
        }
        for records in range(len(whole.flight) - 1, 1, -5):
            begun = {r.data["key"] for r in cut(tmp_path, records) if r.artifact == "tool_call"}
            went = await asked(case, home=tmp_path)
            again = [r.data["gate"] for r in went.flight if r.artifact == "approval_request"]
            assert len(again) == len(set(again))
            assert {request.data["gate"] for key, request in reviewed.items() if key in begun} <= set(again)
        looking = wanting("deputy").model_copy(update={"brief": brief([("look_up", {"account": "a"})]).brief})
        await asked(looking, home=tmp_path, run_id="r2")
        assert not [r for r in journal_at(tmp_path).read_flight("r2") if r.artifact == "approval_request"]


async def test_a_promotion_is_another_version_of_the_agent() -> None:
    """A tier is text in the registry; the digest that every run records changes with it."""
    card = read_registry(tiered_policies()).card("trainee")
    promoted = card.model_copy(update={"tier": "execute_within_limits"})
    assert promoted.model_dump() != card.model_dump()
    went = await asked(wanting("trainee", 7))
    (versions,) = [r.data["versions"] for r in went.flight if r.artifact == "version_log"]
    assert card.digest in {row["digest"] for row in versions if row["id"] == "trainee"}


class TestConfidence:
    """How sure an agent says it is, and what follows."""

    async def test_a_sure_answer_is_used(self) -> None:
        """The law was asked, and nobody else."""
        went = await asked(Ask(who="oracle", sure_pct=70))
        assert went.outcome == "done"
        assert went.told("approval_request") == []
        assert [body["action"] for body in went.told("policy_decision")] == ["conclude"]

    @pytest.mark.parametrize(("answer", "status"), [("go", "done"), ("no_go", "no_go"), (None, "no_go")])
    async def test_an_unsure_answer_waits_for_a_person(self, answer: Any, status: str) -> None:
        """Who is shown the answer, and how sure the agent is; silence is no-go."""
        went = await asked(Ask(who="oracle", sure_pct=69), answers=answer)
        assert went.landing.status == status
        (request,) = [r for r in went.flight if r.artifact == "approval_request"]
        assert (request.data["role"], request.data["options"]) == ("agent-owner", ["go", "no_go"])
        assert request.body_object()["args"] == {"confidence_pct": 69, "least_pct": 70}
        assert "sure_pct" in request.body_object()["card"]

    @pytest.mark.parametrize("sure_pct", [-1, 101, 10**12])
    async def test_what_is_no_percentage_is_not_believed(self, sure_pct: int) -> None:
        """A data mismatch, not certainty."""
        went = await asked(Ask(who="oracle", sure_pct=sure_pct), answers="go")
        assert (went.landing.status, went.landing.reason_code) == ("failed", "data_mismatch")


class TestAnswers:
    """What an agent answers is held against its criteria."""

    async def test_the_model_is_told_and_may_answer_again(self) -> None:
        """What was wrong is on record, by the criterion's name."""
        SAID[:] = ["1", "2"]
        went = await asked(Ask(who="oracle"))
        assert (went.outcome, went.landing.totals["model_calls"]) == ("done", 3)
        broken = went.told("criterion_record")
        assert [(body["owner"], body["side"], body["criterion"]) for body in broken] == [
            ("oracle", "output", "is_in_words")
        ] * 2

    async def test_after_the_last_retry_the_agent_has_failed(self, tmp_path: Path) -> None:
        """The criterion is named; a replay asks nobody and says the same."""
        SAID[:] = ["1", "2", "3", "4"]
        went = await asked(Ask(who="oracle"), home=tmp_path)
        assert (went.landing.error_class, went.landing.reason_code) == ("CriterionBroken", "data_mismatch")
        assert "is_in_words is broken: the answer is in words does not hold" in str(went.landing.error)
        cut(tmp_path, len(went.flight) - 3)
        SAID.clear()
        CALLS.clear()
        again = await asked(Ask(who="oracle"), home=tmp_path)
        assert again.landing.error == went.landing.error
        assert len(again.told("criterion_record")) == 3
        assert calls("pay") == []
