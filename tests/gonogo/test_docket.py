"""The docket: a finding is opened, routed and closed once, whoever asks how often, and never on too little."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gonogo import docket
from gonogo.docket import Found
from gonogo.errors import EvidenceUnwritable
from gonogo.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

FOUND = Found(
    monitor="outcome_rate",
    mission="claims_triage",
    subject="",
    severity="high",
    owner="claims-operations",
    deputy="claims-quality",
    route="ticket",
    due_at=datetime(2026, 1, 3, tzinfo=UTC),
    sentence="claims_triage: the success rate is 70.0 % and should be 95.0 %.",
    reference_through=datetime(2026, 1, 1, tzinfo=UTC),
    after=datetime(2026, 1, 2, tzinfo=UTC),
    needs_runs=100,
    deployments=("claims-triage",),
)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home of its own."""
    return Settings(home=tmp_path)


def test_a_finding_comes_back_from_its_evidence_as_it_was_opened(home: Settings) -> None:
    """Nothing of it is kept elsewhere."""
    (entry,) = docket.open_findings(home, [FOUND])
    assert (entry.found, entry.state) == (FOUND, "open")
    assert docket.entries(home) == [entry]
    unsealed = replace(FOUND, subject="a", reference_through=None)
    assert docket.open_findings(home, [unsealed])[0].found == unsealed


def test_a_finding_that_is_not_closed_is_not_opened_again(home: Settings) -> None:
    """However often it is found, within a report or over days."""
    assert len(docket.open_findings(home, [FOUND, FOUND])) == 1
    assert docket.open_findings(home, [replace(FOUND, severity="critical")]) == []
    assert len(docket.entries(home)) == 1


def test_what_comes_back_after_it_was_closed_is_another_finding(home: Settings) -> None:
    """The number counts how often it came back."""
    (first,) = docket.open_findings(home, [FOUND])
    docket.note_routed(home, first, "ticket T-1")
    assert docket.note_closed(home, first, 100, "it holds") is not None
    (second,) = docket.open_findings(home, [FOUND])
    assert (first.id[-2:], second.id[-2:], first.id[:-2]) == ("-1", "-2", second.id[:-2])


def test_a_finding_is_routed_once(home: Settings) -> None:
    """Who comes second is told so, and changes nothing."""
    (entry,) = docket.open_findings(home, [FOUND])
    routed = docket.note_routed(home, entry, "ticket T-1")
    assert routed is not None
    assert (routed.state, routed.receipt) == ("routed", "ticket T-1")
    assert docket.note_routed(home, entry, "ticket T-2") is None
    assert docket.entries(home)[0].receipt == "ticket T-1"


def test_a_finding_nobody_was_told_of_is_not_closed(home: Settings) -> None:
    """It is routed first, so that its owner learns of it."""
    (entry,) = docket.open_findings(home, [FOUND])
    assert docket.note_closed(home, entry, 100, "it holds") is None
    assert docket.entries(home)[0].state == "open"


@pytest.mark.parametrize("runs", [0, 1, 99])
def test_too_few_later_runs_close_nothing(home: Settings, runs: int) -> None:
    """Absent data is no good data."""
    (entry,) = docket.open_findings(home, [FOUND])
    docket.note_routed(home, entry, "ticket T-1")
    assert docket.note_closed(home, entry, runs, "it seems to hold") is None
    assert docket.entries(home)[0].state == "routed"


def test_a_closed_finding_stays_closed(home: Settings) -> None:
    """Neither routed again, nor closed on other grounds."""
    (entry,) = docket.open_findings(home, [FOUND])
    docket.note_routed(home, entry, "ticket T-1")
    docket.note_closed(home, entry, 100, "it holds")
    assert docket.note_routed(home, entry, "ticket T-2") is None
    assert docket.note_closed(home, entry, 500, "again") is None
    assert docket.entries(home)[0].closed_because == "it holds"


def test_a_finding_nobody_opened_is_not_routed(home: Settings, tmp_path: Path) -> None:
    """An entry of another home means nothing here."""
    (entry,) = docket.open_findings(Settings(home=tmp_path / "other"), [FOUND])
    assert docket.note_routed(home, entry, "ticket T-1") is None
    assert docket.entries(home) == []


def test_watchers_at_once_open_and_route_a_finding_once(home: Settings) -> None:
    """Each takes a turn, and reads before it writes."""
    opened: list[object] = []
    routed: list[object] = []
    begin = threading.Barrier(8)

    def look() -> None:
        begin.wait()
        opened.extend(docket.open_findings(home, [FOUND]))
        (entry,) = docket.entries(home)
        if docket.note_routed(home, entry, "ticket T-1") is not None:
            routed.append(entry)

    watchers = [threading.Thread(target=look) for _ in range(8)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    assert (len(opened), len(routed)) == (1, 1)


def test_words_that_no_leaf_can_hold_are_made_plain(home: Settings) -> None:
    """A case of a user may hold anything; half a character, an essay."""
    hostile = replace(FOUND, sentence="half \ud83d " + "a" * 5_000, subject="é\n\t[red]")
    (entry,) = docket.open_findings(home, [hostile])
    assert len(entry.found.sentence) <= 1_000
    assert docket.entries(home) == [entry]


def test_a_home_that_cannot_be_written_opens_nothing(tmp_path: Path) -> None:
    """The recorder says so; nobody is told of what is not on record."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(EvidenceUnwritable):
        docket.open_findings(Settings(home=blocked), [FOUND])


def test_overdue_is_past_due_and_not_closed(home: Settings) -> None:
    """A finding that was closed late is not overdue any more."""
    (entry,) = docket.open_findings(home, [replace(FOUND, due_at=datetime.now(UTC) - timedelta(hours=1))])
    assert entry.is_overdue
    assert not replace(entry, state="closed").is_overdue


class Life(RuleBasedStateMachine):
    """Any order of asking, by watchers who may each have crashed before the next word."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile
        from pathlib import Path as Folder

        self.folder = tempfile.TemporaryDirectory()
        self.home = Settings(home=Folder(self.folder.name))
        self.seen: dict[str, str] = {}

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.folder.cleanup()

    @rule(subject=st.sampled_from("ab"))
    def open(self, subject: str) -> None:
        """Find it."""
        docket.open_findings(self.home, [replace(FOUND, subject=subject)])

    @rule(number=st.integers(0, 3))
    def route(self, number: int) -> None:
        """Route any."""
        known = docket.entries(self.home)
        if known:
            docket.note_routed(self.home, known[number % len(known)], "ticket")

    @rule(number=st.integers(0, 3), runs=st.sampled_from([0, 99, 100]))
    def close(self, number: int, runs: int) -> None:
        """Close any, on enough or too little."""
        known = docket.entries(self.home)
        if known:
            docket.note_closed(self.home, known[number % len(known)], runs, "it holds")

    @invariant()
    def states_only_go_forward_and_one_of_a_kind_is_alive(self) -> None:
        """open, routed, closed; never back, never two that are not closed."""
        order = ["open", "routed", "closed"]
        known = docket.entries(self.home)
        for entry in known:
            assert order.index(entry.state) >= order.index(self.seen.get(entry.id, "open"))
            self.seen[entry.id] = entry.state
            assert entry.state != "closed" or entry.verified_runs >= entry.found.needs_runs
        alive = [entry.found.key for entry in known if entry.state != "closed"]
        assert len(alive) == len(set(alive))


TestLife = Life.TestCase
TestLife.settings = hypothesis_settings(max_examples=15, stateful_step_count=12, deadline=None)
