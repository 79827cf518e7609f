"""The page of gates and reviewers: waits, answers, load, and samples that are reviewed through the public verb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.benches import gate_worth, habits, open_reviews, reviewers, roles
from dashboards.mart import current_mart
from dashboards.scales import worth_table
from gonogo.evidence.canon import payload_bytes, sha256_hex, timestamp
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.ledger import Ledger
from tests.dashboards.fleets import fleet, publish, rows
from tests.dashboards.flights import ENVELOPE, RUN, waiting_run
from tests.dashboards.views import draw, objections, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/people.py"
SAMPLE = "sample2345"


def test_gates_are_told_by_role_with_waits_and_answers(home: Path) -> None:
    """Go, no-go, revise and expired, exactly as the table has them."""
    publish(home, fleet())
    mart = current_mart(home)
    told = {each["role"]: each for each in roles(mart, None)}
    exact = mart.rows("SELECT role, count(*) FILTER (WHERE answer = 'go') AS go FROM gates GROUP BY role")
    assert {each["role"]: each["go"] for each in exact} == {role: each["go"] for role, each in told.items()}
    said = text(draw(PAGE))
    for words in ("claims-manager", "duty-manager", "Median wait", "5 min"):
        assert words in said


def test_the_load_of_reviewers_adds_up(home: Path) -> None:
    """Everybody's answers together are all that people gave; the clock is nobody."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE gates SET state = 'expired', answered_by = 'deadline', proof = 'clock' "
                    "WHERE answered_by = 'Sam Okafor'")  # fmt: skip

    publish(home, fill)
    mart = current_mart(home)
    people = reviewers(mart, None, datetime.now(UTC))
    answered = mart.row("SELECT count(*) AS n FROM gates WHERE state = 'answered'")["n"]
    assert {each["person"] for each in people} == {"Dana Ortiz", "Lee Novak"}
    assert sum(each["answers"] for each in people) == answered
    assert "Without proof" in text(draw(PAGE))


def test_people_are_told_how_their_answers_bore_out(home: Path) -> None:
    """What the mart's view of reviewers says stands on the page, shares as counts of counts."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute(
            "UPDATE approvals SET answered_at = opened_at + INTERVAL 1 SECOND FROM gates "
            "WHERE gates.gate = approvals.gate AND approvals.answered_by = 'Lee Novak'"
        )
        told = {"mission": "claims_triage", "answered_by": "Dana Ortiz", "told_at": datetime.now(UTC)}
        for probe, verdict in (("p1", "caught"), ("p2", "missed"), ("p3", "caught")):
            rows(con, "probes", [{**told, "run_id": probe, "probe": probe, "verdict": verdict}])

    publish(home, fill)
    told = {each["reviewer"]: each for each in habits(current_mart(home))}
    lee = told["Lee Novak"]
    assert (lee["unread"], lee["median_open_ms"]) == (lee["answers"], 1_000)
    said = text(draw(PAGE))
    assert f"{lee['answers']} of {lee['answers']}" in said, "answered faster than the card can be read"
    assert "2 of 3" in said, "probes caught"
    assert "none is a score" in said


def test_what_a_gate_catches_is_not_said_of_fewer_than_thirty_answers(home: Path) -> None:
    """Young gates are counted and left unjudged; of others stand the interval, the cost and the verdict."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=900)(con)
        con.execute("DELETE FROM gates WHERE mission = 'claims_triage' AND state = 'answered' "
                    "AND hash(run_id) % 9 <> 0")  # fmt: skip

    publish(home, fill)
    of = {each["mission"]: each for each in gate_worth(current_mart(home), None)}
    young, known = of["claims_triage"], of["incident_response"]
    assert 0 < young["answered"] < 30 <= known["answered"]
    said = text(draw(PAGE))
    assert "1 with fewer than 30 answers, of which nothing can be said yet" in said
    assert f"{known['caught_low']:.1f} to {known['caught_high']:.1f} % of answers" in said
    assert f"{young['caught_low']:.1f} to {young['caught_high']:.1f}" not in said
    assert said.count("Example prices.") == 1
    assert "People's time, example prices" in said
    assert "example prices" not in said.split("People's time, example prices")[1], "what holds for all is said once"


def test_gates_whose_people_cost_by_different_word_say_so_each(home: Path) -> None:
    """One mission's figures are Finance's, another's nobody's: no heading can speak for both."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=900)(con)

    publish(home, fill)
    found = gate_worth(current_mart(home), None)
    mixed = [{**each, "basis": "declared" if number else "example"} for number, each in enumerate(found)]
    shown = worth_table(mixed)
    assert ">People&#x27;s time<" in shown
    assert ">example prices<" in shown
    assert ">declared prices<" in shown


def test_a_house_where_nobody_was_asked_says_so(home: Path) -> None:
    """No gate, no answer, no review: three sentences, and no zero that looks like praise."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        for table in ("gates", "approvals", "reviews"):
            con.execute(f"DELETE FROM {table}")

    publish(home, fill)
    said = text(draw(PAGE))
    for words in ("No rule has asked for a person yet", "Nobody has answered a gate yet", "Nothing waits. Samples"):
        assert words in said


def test_an_emergency_waits_beside_the_samples(home: Path) -> None:
    """Who broke the glass is reviewed like an agent that acted alone, and told from it."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        now = datetime.now(UTC)
        broken = {"review": "glass23456", "run_id": "r", "mission": "claims_triage", "gate": "g", "broken_by": "Robin"}
        broken |= {"action": "pay_claim", "reviewer_role": "chief", "asked_at": now, "due_at": now - timedelta(hours=1)}
        rows(con, "broken_glass", [{**broken, "is_overdue": True, "state": "open"}])

    publish(home, fill)
    found, counts = open_reviews(current_mart(home), None, datetime.now(UTC))
    assert (found[0]["gate"], found[0]["of"], counts["late"]) == ("glass23456", "emergency", 1)
    said = text(draw(PAGE))
    assert "glass23456 claims triage emergency Robin pay claim chief overdue by" in said


def _sampled(home: Path) -> None:
    """Record a sample that waits for a review, and publish a mart that lists it."""
    waiting_run(home)
    ledger = Ledger.open(RUN, FileJournal(home / "journals"), ENVELOPE)
    try:
        ledger.note(
            "approval_request",
            {
                "gate": SAMPLE,
                "key": f"/tool:pay/review/gate:{SAMPLE}",
                "review": True,
                "action": "pay_claim",
                "action_digest": sha256_hex(b"act"),
                "card_digest": sha256_hex(b"card"),
                "role": "sample-reviewer",
                "rules": [],
                "because": ["One change in four is looked at."],
                "options": ["go", "no_go"],
                "requester": "night-shift",
                "owner": "claims-finance",
                "deadline": timestamp(datetime.now(UTC) + timedelta(days=14)),
            },
            payload=payload_bytes({"card": "## Was it right to pay 1,250.00 EUR?", "args": {}, "preview": ""}),
        )
        ledger.stream.commit_now()
    finally:
        ledger.close()

    def fill(con: DuckDBPyConnection) -> None:
        con.execute("SET TimeZone = 'UTC'")
        zeros = dict.fromkeys(("cost_micros", "model_calls", "tool_calls", "input_tokens", "output_tokens"), 0)
        now = datetime.now(UTC)
        run: dict[str, Any] = {"run_id": RUN, "mission": "claims_triage", "status": "waiting", "records": 3}
        rows(con, "runs", [{**run, **zeros, "last_recorded_at": now}])
        asked = {"gate": SAMPLE, "run_id": RUN, "mission": "claims_triage", "agent_id": "claims_cashier"}
        asked |= {"tool": "pay_claim", "role": "sample-reviewer", "state": "open", "asked_at": now}
        rows(con, "reviews", [{**asked, "due_at": now + timedelta(days=14)}])

    publish(home, fill)


@pytest.mark.parametrize(("option", "word"), [("go", "go"), ("no_go", "no-go")])
def test_a_sample_is_reviewed_through_the_public_verb(home: Path, option: str, word: str) -> None:
    """Agree or disagree is evidence on the run's desk; a wrong one has an owner from then on."""
    _sampled(home)
    app = draw(PAGE)
    assert "Was it right to pay 1,250.00 EUR?" in text(app)
    app.text_input(key=f"review-by-{SAMPLE}").set_value("Dana Ortiz")
    app.text_area(key=f"review-reason-{SAMPLE}").set_value("Cover was checked.")
    app.button(key=f"review-{option}-{SAMPLE}").click().run()
    assert f"{word} at gate {SAMPLE} is recorded, by Dana Ortiz (unproven)." in text(app)
    desk = FileJournal(home / "journals").read_desk(RUN)
    said = [record.data for record in desk if record.artifact == "approval_record"]
    assert [(one["gate"], one["answer"], one["accepted"], one["door"]) for one in said] == [
        (SAMPLE, option, True, "dashboard")
    ]
    raised = [record.data["owner"] for record in desk if record.artifact == "exception_record"]
    assert bool(raised) is (option == "no_go")


def test_a_review_without_a_name_is_refused_with_the_reason(home: Path) -> None:
    """Nothing counts that nobody said."""
    _sampled(home)
    app = draw(PAGE)
    app.button(key=f"review-go-{SAMPLE}").click().run()
    assert "said refused" in "\n".join(element.proto.body for element in app.get("html"))


def test_samples_that_are_due_first_stand_on_top_and_a_long_list_says_so(home: Path) -> None:
    """Fifty of many; late ones are counted."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("INSERT INTO reviews BY NAME SELECT r.* REPLACE ('late-' || i AS gate, 'open' AS state, "
                    "r.asked_at - INTERVAL 30 DAY AS due_at) "
                    "FROM (FROM reviews LIMIT 1) r, range(60) n(i)")  # fmt: skip

    publish(home, fill)
    found, counts = open_reviews(current_mart(home), None, datetime.now(UTC))
    assert all(each["gate"].startswith("late-") for each in found)
    assert counts["late"] >= 60
    app = draw(PAGE)
    assert "more wait; these are due first" in text(app)
    assert objections(app) == []


def test_outside_dev_no_review_counts_under_a_law_that_nobody_approved(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buttons are off, with the reason and the way out."""
    _sampled(home)
    monkeypatch.setenv("GONOGO_ENVIRONMENT", "prod")
    app = draw(PAGE)
    said = text(app)
    assert "Nobody approved the law" in said
    assert "gonogo policies approve" in said
    assert all(app.button(key=f"review-{option}-{SAMPLE}").disabled for option in ("go", "no_go"))


def test_a_token_that_is_none_does_not_count_and_is_not_kept(home: Path) -> None:
    """What was typed as proof is looked at by the public verb; the field is empty afterwards."""
    _sampled(home)
    app = draw(PAGE)
    app.text_input(key=f"review-by-{SAMPLE}").set_value("Dana Ortiz")
    app.text_area(key=f"review-reason-{SAMPLE}").set_value("Cover was checked.")
    app.text_input(key=f"review-token-{SAMPLE}").set_value("gonogo1.nonsense")
    app.button(key=f"review-go-{SAMPLE}").click().run()
    assert "said refused" in "\n".join(element.proto.body for element in app.get("html"))
    assert app.text_input(key=f"review-token-{SAMPLE}").value == ""
    desk = FileJournal(home / "journals").read_desk(RUN)
    assert not any(record.data["accepted"] for record in desk if record.artifact == "approval_record")
