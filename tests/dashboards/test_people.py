"""The page of gates and reviewers: waits, answers, load, and samples that are reviewed through the public verb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.benches import open_reviews, reviewers, roles
from dashboards.mart import current_mart
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
    for words in ("claims-manager", "duty-manager", "Half waited less than", "5 min"):
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


def test_the_worth_of_gates_is_not_invented(home: Path) -> None:
    """Where the mart weighs no gates, the page says so; where it does, it shows the rows."""
    publish(home, fleet())
    assert "A number nobody computed is not shown as one." in text(draw(PAGE)) or _weighs(home)


def _weighs(home: Path) -> bool:
    from dashboards.benches import gate_worth

    return gate_worth(current_mart(home)) is not None


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
