"""The story ``gonogo demo`` tells: every mission over generated cases, and people who answer."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gonogo.approvals import answer_gate
from gonogo.ballots import Reply
from gonogo.board import GateRow, open_gates, run_view
from gonogo.cli.numbers import drift, print_kpis, room
from gonogo.cli.screen import money, plain_cell, print_table, say, word
from gonogo.errors import AnswerRefused, GonogoError, ServerUnreachable
from gonogo.events import deliver
from gonogo.evidence.canon import short_id, uuid7
from gonogo.evidence.journals import Journal, journal_of
from gonogo.evidence.ledger import only
from gonogo.house.handing import schedule
from gonogo.house.household import house, runner
from gonogo.house.loading import find_mission
from gonogo.house.waking import wake
from gonogo.plans import read_case

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.board import RunView
    from gonogo.settings import Settings

LOOK_SECONDS = 0.2
STORY_SECONDS_MAX = 900.0
"""A limit for what hangs; a small machine that has other work takes a few minutes."""
PEOPLE = ("ada", "grace", "edsger")
"""Who answers gates in the demo: unproven names, which count in ``dev`` only."""


@dataclass(slots=True)
class Story:
    """What the demo keeps track of."""

    settings: Settings
    journal: Journal
    events: dict[str, list[tuple[str, dict[str, Any], datetime | None]]] = field(
        default_factory=dict[str, "list[tuple[str, dict[str, Any], datetime | None]]"]
    )
    """Outside events still to come, by run."""
    answers: list[tuple[GateRow, str, str]] = field(default_factory=list[tuple[GateRow, str, str]])


def tell_story(settings: Settings, cases: int, seed: int | None) -> None:
    """Fly the demo and say what happened and where to look."""
    begun = time.monotonic()
    rehearsals = import_module("tasks.rehearsals")
    story = Story(settings, journal_of(settings))
    # A ledger remembers the cases it has seen; a second demo brings new ones.
    number = seed if seed is not None else 1 + len(story.journal.run_ids())
    missions = ", ".join(rehearsals.MISSIONS)
    say(f"gonogo demo: {missions} over generated cases, gates answered by three people who exist only here")
    say(f"Model: {settings.model or 'offline:scripted, the scripted offline model; its prices are notional'}")
    with house(settings, port=None, dashboard_port=None) as address, runner(settings):
        say(f"A Prefect server is up at {address.ui_url}, its deployments are served.")
        for name in rehearsals.MISSIONS:
            mission = find_mission(settings, name)
            for case in rehearsals.demo_cases(name, cases, number):
                run_id = f"{name.replace('_', '-')}-{short_id(uuid7())}"
                story.events[run_id] = list(rehearsals.demo_events(name, case))
                schedule(address.api_url, name, read_case(mission, case), run_id, story.journal)
        _fly(story)
    _tell_gates(story)
    _tell_runs(story)
    _tell_numbers(settings)
    say(f"\nThe demo took {time.monotonic() - begun:.0f} s. Nothing is left running.")
    _tell_where(settings)


def _fly(story: Story) -> None:
    """Answer gates and bring events until every run has landed."""
    until = time.monotonic() + STORY_SECONDS_MAX
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with bar:
        task = bar.add_task("flying", total=len(story.events))
        while True:
            landed = len(story.events) - len(_live(story))
            bar.update(task, completed=landed)
            if landed == len(story.events):
                return
            if time.monotonic() > until:
                raise ServerUnreachable(f"The demo did not land in time; {story.settings.home}/logs says why.")
            for gate in open_gates(story.journal):
                if gate.run_id in story.events:
                    _answer(story, gate)
            _bring_events(story)
            time.sleep(LOOK_SECONDS)


def _live(story: Story) -> set[str]:
    """Return our runs that have not ended, those not begun included."""
    known = set(story.journal.run_ids())
    return (set(story.events) - known) | (set(story.journal.live_run_ids()) & set(story.events))


def _answer(story: Story, gate: GateRow) -> None:
    """Say go; no-go to every fourth gate, so that both can be seen."""
    number = len(story.answers)
    person = PEOPLE[number % len(PEOPLE)]
    says_no = number % 4 == 1
    reply = Reply(
        "no_go" if says_no else "go",
        person,
        "the file does not convince me" if says_no else "checked against the system of record",
        "cli",
    )
    try:
        answer_gate(story.journal, gate.gate, reply, story.settings.environment, gate.run_id)
    except AnswerRefused:
        return
    story.answers.append((gate, person, reply.answer))
    wake(story.settings, gate.run_id)


def _bring_events(story: Story) -> None:
    """Deliver the next event of every run that waits for one."""
    for run_id, events in story.events.items():
        if not events:
            continue
        records = story.journal.read_flight(run_id)
        awaited = {r.data["event"] for r in only(records, "event_receipt") if r.data["state"] == "awaited"}
        if events[0][0] not in awaited:
            continue
        name = events[0][0]
        due = [(body, occurred) for event, body, occurred in events if event == name]
        story.events[run_id] = [event for event in events if event[0] != name]
        try:
            deliver(story.journal, run_id, name, due, "driver")
        except GonogoError:
            continue
        wake(story.settings, run_id)


def _tell_gates(story: Story) -> None:
    rows = [
        (gate.gate, gate.mission, gate.action, " ".join(gate.because), word(answer), f"{person} (unproven)")
        for gate, person, answer in story.answers
    ]
    print_table("Gates, and who answered", ("gate", "mission", "action", "because", "answer", "by"), rows, "No gate.")


def _tell_runs(story: Story) -> None:
    views = [view for run_id in story.events if (view := run_view(story.journal, run_id)) is not None]
    outcomes = Counter((v.mission, word(v.status), v.outcome or "") for v in views)
    costs: Counter[tuple[str, str, str]] = Counter()
    for v in views:
        costs[v.mission, word(v.status), v.outcome or ""] += v.cost_micros
    rows = [(*key, count, money(costs[key])) for key, count in sorted(outcomes.items())]
    print_table("How the runs landed", ("mission", "status", "outcome", "runs", "model cost"), rows, "No run.")
    refused = [(view, rule) for view in views for rule in _refusals(story, view)]
    if refused:
        view, record = refused[0]
        say(f"Refused by policy {len(refused)} times; for example run {view.run_id}:")
        say(f"  {record['principal']} may not {record['action']}: {plain_cell(' '.join(record['because']))}")


def _refusals(story: Story, view: RunView) -> list[dict[str, Any]]:
    decisions = only(story.journal.read_flight(view.run_id), "policy_decision")
    return [record.data for record in decisions if record.data["verdict"] == "deny"]


def _tell_numbers(settings: Settings) -> None:
    landed = room(settings.warehouse).land(settings.home)
    say(f"Landed {landed.new_records} records of {landed.runs} runs in DuckDB.")
    # Steps and measures one by one are for `gonogo kpis`; the story tells the whole.
    print_kpis([kpi for kpi in to_jsonable_python(room(settings.kpis).report(settings.home)) if not kpi["segment"]])
    drift()


def _tell_where(settings: Settings) -> None:
    say("Look further:")
    say("  gonogo runs --all           every run")
    say("  gonogo kpis                 every number, by step and measure, too")
    say("  gonogo evidence RUN         the record of one")
    say("  gonogo up                   the Prefect UI, the dashboard, and schedules, for as long as you stay")
    mart = settings.home / "mart.duckdb"
    query = "select role, answer, answered_by, answered_at from gates"
    say(f"  python -c \"import duckdb; print(duckdb.connect('{mart}', read_only=True).sql('{query}'))\"")
