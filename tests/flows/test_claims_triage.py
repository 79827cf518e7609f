"""The claims mission, flown on every route: the evidence, the law, the agents and the ledger are real."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from flows.claims_triage import claims_triage
from gonogo.testing import GateView, Rehearsal, Reply, rehearse
from tasks import rehearsal_claims as kinds
from tasks.rehearsals import Random, demo_cases, demo_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.model import Answer


def case(kind: Callable[[Random, str], dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """Return a claim of a kind, with these facts."""
    return kind(Random("flows"), "1-0001") | facts


def events(claim: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what the customer sends."""
    return [(name, body) for name, body, _ in demo_events("claims_triage", claim)]


def on_record(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the ledger."""
    with closing(sqlite3.connect(home / "systems" / "ledger.db")) as db:
        return db.execute(query).fetchall()


def asked(flown: Rehearsal) -> list[tuple[str, str]]:
    """Return which gates opened, for what and whom."""
    return [(gate["action"], gate["role"]) for gate in flown.told("approval_request")]


async def test_a_straightforward_claim_is_paid_without_anybody_being_asked(tmp_path: Path) -> None:
    """Small, complete, covered: one payment, of what is owed, to the account on the policy."""
    claim = case(kinds.straightforward)
    flown = await rehearse(claims_triage, claim, home=tmp_path)
    owed = claim["claimed_cents"] - claim["policy"]["deductible_cents"]
    assert (flown.outcome, asked(flown)) == ("paid", [])
    assert on_record(tmp_path, "select amount_cents, payee from payments") == [(owed, claim["payee"])]
    assert flown.landing.outcome is not None
    assert flown.landing.outcome["paid_cents"] == owed


async def test_a_claim_flown_again_from_its_evidence_does_nothing_twice(tmp_path: Path) -> None:
    """The same run continued: same outcome, no further model call, one payment."""
    claim = case(kinds.straightforward)
    first = await rehearse(claims_triage, claim, home=tmp_path, run_id="r1")
    again = await rehearse(claims_triage, claim, home=tmp_path, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    assert len(again.told("model_call", "result")) == len(first.told("model_call", "result"))
    assert on_record(tmp_path, "select count(*) from payments") == [(1,)]


async def test_a_payout_above_the_limit_waits_for_the_claims_manager(tmp_path: Path) -> None:
    """The card says what would change; with a go it is paid."""
    seen: list[GateView] = []

    def says(gate: GateView) -> Answer:
        seen.append(gate)
        return "go"

    flown = await rehearse(claims_triage, case(kinds.above_limit), answers=says, home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("paid", [("pay_claim", "claims-manager")])
    assert "cannot be undone" in seen[0].card
    assert "insured sum left" in seen[0].card
    assert on_record(tmp_path, "select count(*) from payments") == [(1,)]


@pytest.mark.parametrize("answer", ["no_go", None])
async def test_without_a_go_nothing_is_paid(answer: Answer | None, tmp_path: Path) -> None:
    """A no-go and silence both end the run no-go, with the claim still open."""
    flown = await rehearse(claims_triage, case(kinds.above_limit), answers=answer, home=tmp_path)
    assert (flown.landing.status, flown.outcome) == ("no_go", None)
    assert on_record(tmp_path, "select count(*) from payments") == [(0,)]
    assert on_record(tmp_path, "select status from claims") == [("open",)]


async def test_an_amount_that_the_manager_revises_is_ruled_on_again(tmp_path: Path) -> None:
    """The changed payment is another action: within the limit it is done, as changed."""
    revised = Reply("revise", "grace", "pay the undisputed part", "rehearsal", changes={"amount_cents": 400_000})
    flown = await rehearse(claims_triage, case(kinds.above_limit), answers=lambda _gate: revised, home=tmp_path)
    assert flown.landing.status == "done", flown.landing
    assert on_record(tmp_path, "select amount_cents from payments") == [(400_000,)]
    assert flown.landing.outcome is not None
    assert flown.landing.outcome["paid_cents"] == 400_000


async def test_a_large_and_unsure_payout_needs_both_roles(tmp_path: Path) -> None:
    """Adjuster and manager each say go; one alone is not enough."""
    claim = case(kinds.large_and_vague)
    both = await rehearse(claims_triage, claim, answers="go", home=tmp_path / "both")
    assert both.outcome == "paid"
    assert {role for _, role in asked(both)} == {"claims-manager", "claims-adjuster"}

    def manager_only(gate: GateView) -> Answer:
        return "go" if gate.role == "claims-manager" else "no_go"

    one = await rehearse(claims_triage, claim, answers=manager_only, home=tmp_path / "one")
    assert one.landing.status == "no_go"
    assert on_record(tmp_path / "one", "select count(*) from payments") == [(0,)]


async def test_an_unsure_payout_waits_for_the_adjuster(tmp_path: Path) -> None:
    """A vague description is not paid by a machine alone."""
    flown = await rehearse(claims_triage, case(kinds.vague), answers="go", home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("paid", [("pay_claim", "claims-adjuster")])


@pytest.mark.parametrize(("kind", "rounds"), [(kinds.one_document_missing, 1), (kinds.two_documents_missing, 2)])
async def test_a_customer_who_answers_is_paid(
    kind: Callable[[Random, str], dict[str, Any]], rounds: int, tmp_path: Path
) -> None:
    """A letter a round, the documents filed, the claim assessed again."""
    claim = case(kind)
    flown = await rehearse(claims_triage, claim, events=events(claim), home=tmp_path)
    assert flown.outcome == "paid"
    assert on_record(tmp_path, "select count(*) from letters where purpose = 'documents_request'") == [(rounds,)]
    assert len(flown.told("event_receipt")) >= rounds
    routes = [route["choice"] for route in flown.told("route_record")]
    assert routes == ["missing_documents"] * rounds + ["fast_track"]


async def test_a_run_that_waits_for_the_customer_leaves_and_continues(tmp_path: Path) -> None:
    """Nothing comes: the run parks. Later the document is there, and it goes on where it was."""
    claim = case(kinds.one_document_missing)
    parked = await rehearse(claims_triage, claim, home=tmp_path, run_id="r1")
    assert parked.landing.status == "waiting"
    assert on_record(tmp_path, "select status from claims") == [("waiting_for_documents",)]
    flown = await rehearse(claims_triage, claim, events=events(claim), home=tmp_path, run_id="r1")
    assert flown.outcome == "paid"
    assert on_record(tmp_path, "select count(*) from letters") == [(1,)]


async def test_a_claim_that_never_becomes_complete_is_declined(tmp_path: Path) -> None:
    """Asked twice, and no more."""
    claim = case(kinds.never_complete)
    flown = await rehearse(claims_triage, claim, events=events(claim), home=tmp_path)
    assert (flown.outcome, flown.landing.outcome and flown.landing.outcome["outreach_rounds"]) == ("declined", 2)
    letters = on_record(tmp_path, "select purpose from letters order by letter_id")
    assert letters == [("documents_request",), ("documents_request",), ("decline",)]


async def test_a_customer_who_stays_silent_is_reminded_and_then_declined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait ends by itself, twice; nothing is assessed again in between."""
    from datetime import timedelta

    # Prefect, like importlib mode, may load a flow file under another name; the story's globals are its own.
    monkeypatch.setitem(claims_triage.story.__globals__, "CUSTOMER_ANSWERS_WITHIN", timedelta(0))
    claim = case(kinds.one_document_missing)
    flown = await rehearse(claims_triage, claim, home=tmp_path)
    assert flown.outcome == "declined"
    assert len([step for step in flown.told("step_record", "result") if step["step"] == "assess_damage"]) == 1
    assert "reminder" in on_record(tmp_path, "select body from letters order by letter_id")[1][0]


async def test_an_event_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    """A broken delivery is an owned exception, and the wait goes on."""
    claim = case(kinds.one_document_missing)
    broken = ("documents_received", {"documents": ["selfie"]})
    flown = await rehearse(claims_triage, claim, events=[broken, *events(claim)], home=tmp_path)
    assert flown.outcome == "paid"
    assert [e["reason_code"] for e in flown.told("exception_record")] == ["data_mismatch"]


async def test_a_suspicious_claim_goes_to_an_investigator(tmp_path: Path) -> None:
    """It is queued with the reasons, and nothing is paid."""
    flown = await rehearse(claims_triage, case(kinds.suspicious), home=tmp_path)
    assert flown.outcome == "referred"
    assert flown.landing.success is False
    ((queue, reason),) = on_record(tmp_path, "select queue, reason from referrals")
    assert queue == "investigator"
    assert "Against it" in reason


async def test_a_claim_without_cover_is_declined(tmp_path: Path) -> None:
    """The claimant is told, and nobody has to be asked."""
    flown = await rehearse(claims_triage, case(kinds.not_covered), home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("declined", [])


async def test_a_claim_on_an_unknown_policy_is_declined_only_after_an_adjuster_looked(tmp_path: Path) -> None:
    """What could not be read is no ground for a decision."""
    flown = await rehearse(claims_triage, case(kinds.straightforward, policy=None), answers="go", home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("declined", [("decline_claim", "claims-adjuster")])


async def test_money_to_a_foreign_account_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    """The law says which rule, and no answer could lift it."""
    flown = await rehearse(claims_triage, case(kinds.foreign_account), answers="go", home=tmp_path)
    assert (flown.landing.status, flown.landing.reason_code) == ("no_go", "policy_block")
    assert "payee-on-policy" in (flown.landing.error or "")
    assert asked(flown) == []
    assert on_record(tmp_path, "select count(*) from payments") == [(0,)]
    refused = [call for call in flown.told("tool_call", "result") if call["outcome"] == "refused"]
    assert [call["tool"] for call in refused] == ["pay_claim"]


async def test_a_claim_that_was_paid_is_not_paid_by_another_run_without_a_manager(tmp_path: Path) -> None:
    """The same claim, a second run: the ledger remembers, and the law asks or refuses."""
    claim = case(kinds.straightforward)
    await rehearse(claims_triage, claim, home=tmp_path)
    second = await rehearse(claims_triage, claim, home=tmp_path, answers="go")
    assert second.landing.status == "no_go"
    assert on_record(tmp_path, "select count(*) from payments") == [(1,)]


async def test_a_dozen_rehearsal_claims_show_every_ending(tmp_path: Path) -> None:
    """The demo's cases cover every outcome, both roles, a refusal, and one and two rounds of outreach."""
    flown = [
        await rehearse(claims_triage, claim, answers="go", events=events(claim), home=tmp_path)
        for claim in demo_cases("claims_triage", 12, 5)
    ]
    assert {each.outcome for each in flown} == {"paid", "declined", "referred", None}
    assert {role for each in flown for _, role in asked(each)} == {"claims-manager", "claims-adjuster"}
    assert [each.landing.reason_code for each in flown].count("policy_block") == 1
    assert {each.landing.status for each in flown} == {"done", "no_go"}
    assert {each.landing.totals["price_basis"] for each in flown} == {"notional"}
