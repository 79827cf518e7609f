"""The page of waiting gates: what is shown of one, and what an answer does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import Reply, answer_gate
from gonogo.evidence.journal import FileJournal
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.flights import GATE, RUN, landed, waiting_run
from tests.dashboards.views import draw, text

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

PAGE = "pages/waiting.py"


def _desk(home: Path) -> list[dict[str, Any]]:
    return [record.data for record in FileJournal(home / "journals").read_desk(RUN)]


def _say(app: AppTest, option: str, by: str = "Dana Ortiz", reason: str = "Photos and invoice agree.") -> AppTest:
    app.text_input(key=f"by-{GATE}").set_value(by)
    app.text_area(key=f"reason-{GATE}").set_value(reason)
    return app.button(key=f"{option}-{GATE}").click().run()


def test_a_gate_shows_its_card_role_deadline_requester_and_precedents(home: Path) -> None:
    """A reviewer finds all of it on one page."""
    publish(home, fleet())
    said = text(draw(PAGE))
    for words in ("Go or no-go:", "CLM-20417", "duty-manager", "left", "night-shift", "Decided before", "median wait"):
        assert words in said


def test_no_gate_waiting_is_good_news(home: Path) -> None:
    """An empty desk says so."""
    publish(home, fleet(live=0))
    assert "No gate waits for anybody" in text(draw(PAGE))


@pytest.mark.parametrize("option", ["go", "no_go", "revise"])
def test_an_answer_is_recorded_as_evidence_and_unproven(home: Path, option: str) -> None:
    """The approval on disk says what was said, by whom, through which door, and what the name is worth."""
    waiting_run(home)
    publish(home, landed())
    app = _say(draw(PAGE), option)
    assert "is recorded, by Dana Ortiz (unproven)" in text(app)
    (record,) = _desk(home)
    assert (record["answer"], record["by"], record["proof"], record["door"], record["accepted"]) == (
        option,
        "Dana Ortiz",
        "unproven",
        "dashboard",
        True,
    )
    (kept,) = FileJournal(home / "journals").read_desk(RUN)
    assert kept.body()["reason"] == "Photos and invoice agree."


def test_an_answered_gate_leaves_the_page_before_it_lands(home: Path) -> None:
    """The mart still says open; the run's desk knows better."""
    waiting_run(home)
    publish(home, landed())
    app = draw(PAGE)
    answer_gate(FileJournal(home / "journals"), GATE, Reply("go", "Lee", "fine", "cli"), "dev")
    assert "No gate waits for anybody" in text(app.run())


def test_an_answer_that_comes_second_is_refused_in_words(home: Path) -> None:
    """Two reviewers press at once: the first counts, the second is told who was first."""
    waiting_run(home)
    publish(home, landed())
    app = draw(PAGE)
    answer_gate(FileJournal(home / "journals"), GATE, Reply("no_go", "Lee", "too old", "cli"), "dev")
    said = text(_say(app, "go"))
    assert "already answered no-go by Lee" in said
    assert [record["accepted"] for record in _desk(home)] == [True, False]


def test_an_answer_without_a_reason_does_not_count(home: Path) -> None:
    """The gate stays open, and the page says what is missing."""
    waiting_run(home)
    publish(home, landed())
    said = text(_say(draw(PAGE), "go", reason="  "))
    assert "needs a name and a reason" in said
    assert "1 gate" in said


def test_revise_carries_the_arguments_a_reviewer_wants(home: Path) -> None:
    """They are recorded as data, not as text."""
    waiting_run(home)
    publish(home, landed())
    app = draw(PAGE)
    app.text_area(key=f"changes-{GATE}").set_value('{"amount_eur": "4800.00"}')
    _say(app, "revise")
    (kept,) = FileJournal(home / "journals").read_desk(RUN)
    assert kept.body()["changes"] == {"amount_eur": "4800.00"}


@pytest.mark.parametrize("typed", ["amount 4800", "[1]", "{"])
def test_arguments_that_are_no_object_record_nothing(home: Path, typed: str) -> None:
    """A slip of the keyboard is no answer."""
    waiting_run(home)
    publish(home, landed())
    app = draw(PAGE)
    app.text_area(key=f"changes-{GATE}").set_value(typed)
    assert "Nothing was recorded" in text(_say(app, "revise"))
    assert _desk(home) == []


def test_outside_dev_a_typed_name_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says so beforehand, and the attempt is evidence."""
    monkeypatch.setenv("GONOGO_ENVIRONMENT", "prod")
    waiting_run(home)
    publish(home, landed())
    app = draw(PAGE)
    assert "does not count outside dev" in text(app)
    assert "Answer with proof of who you are" in text(_say(app, "go"))
    assert [(each["accepted"], each["proof"]) for each in _desk(home)] == [(False, "unproven")]


def test_after_the_deadline_there_is_nothing_to_press(home: Path) -> None:
    """Silence has already said no."""
    publish(home, landed(deadline=timedelta(minutes=-3)))
    app = draw(PAGE)
    assert "overdue by" in text(app)
    assert app.button(key=f"go-{GATE}").disabled


def test_gates_that_look_alike_are_not_mistaken_for_each_other(home: Path) -> None:
    """Choosing the second of three equal actions shows the card of the second."""
    publish(home, landed("gateb", "gatec"))
    app = draw(PAGE)
    assert f"Card of {GATE}" in text(app)
    app.radio(key="gate").set_value("gateb").run()
    assert "Card of gateb" in text(app)


def test_the_chosen_gate_stays_chosen_when_others_leave(home: Path) -> None:
    """A list that moves under the reader must not move the reader to another gate."""
    waiting_run(home)
    publish(home, landed("gateb", "gatec"))
    app = draw(PAGE)
    app.radio(key="gate").set_value("gatec").run()
    answer_gate(FileJournal(home / "journals"), GATE, Reply("go", "Lee", "fine", "cli"), "dev")
    said = text(app.run())
    assert "2 gates" in said
    assert "Card of gatec" in said


def test_a_gate_is_found_by_its_address(home: Path) -> None:
    """A link to a gate opens that gate."""
    publish(home, landed("gateb", "gatec"))
    assert "Card of gatec" in text(draw(PAGE, gate="gatec"))


def test_a_gate_that_is_gone_gives_way_to_the_most_urgent_one(home: Path) -> None:
    """An old link is no dead end."""
    publish(home, landed("gateb"))
    assert f"Card of {GATE}" in text(draw(PAGE, gate="long-gone"))


def test_a_run_that_cannot_be_found_is_told(home: Path) -> None:
    """The mart knows a gate whose journal is gone: nothing is recorded, and nothing breaks."""
    publish(home, landed())
    assert f"There is no gate {GATE}" in text(_say(draw(PAGE), "go"))


def test_at_a_gate_in_doubt_the_buttons_say_what_the_answers_mean(home: Path) -> None:
    """Whether it happened is another question than whether it may."""
    waiting_run(home)
    publish(home, landed(doubt="0190-intent"))
    app = draw(PAGE)
    words = {option: app.button(key=f"{option}-{GATE}").label for option in ("go", "no_go", "revise")}
    assert words == {"go": "Did not happen: do it", "no_go": "Leave it", "revise": "It did happen"}
    app.text_area(key=f"changes-{GATE}").set_value('{"reference": "W-1042"}')
    _say(app, "revise")
    (kept,) = FileJournal(home / "journals").read_desk(RUN)
    assert kept.body()["changes"] == {"reference": "W-1042"}
