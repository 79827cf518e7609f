"""Stories: what is flown in the matrix. Every mission with its gates and events, and one that cannot repeat itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from flows.claims_triage import claims_triage
from flows.content_review import content_review
from flows.contract_review import contract_review
from flows.incident_response import incident_response
from flows.lead_qualification import lead_qualification
from gonogo.approvals import Reply, is_doubt, silence
from gonogo.tools import TOOLS
from tasks import rehearsal_claims, rehearsal_content, rehearsal_contracts, rehearsal_incidents, rehearsal_leads
from tests.crash.projection import bare, plain
from tests.gonogo.toy import POLICIES as TOY_POLICIES
from tests.gonogo.toy.bank import letters
from tests.gonogo.toy.errands import errand

if TYPE_CHECKING:
    from gonogo.evidence.records import Record

ROOT = Path(__file__).parents[2]
GO = Reply("go", "grace", "Seen and agreed.", "cli")
UNREPEATABLE = {tool.name for tool in TOOLS.values() if tool.effect != "read" and not tool.is_idempotent}


@dataclass(frozen=True, slots=True)
class Event:
    """What comes from outside, to which case it belongs, and in which order."""

    name: str
    body: dict[str, Any]
    occurred: Any = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a story, with what will be said at its gates and come from outside."""

    run_id: str
    body: dict[str, Any]
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """Cases of one mission that are flown together."""

    name: str
    mission: Any
    """A mission; said to be anything, because a flow in the place of an attribute is taken for a method."""
    cases: tuple[Case, ...]
    policies: Path = ROOT / "policies"
    refused: str = ""
    """The role whose gate is answered no-go; every other is go."""
    owner: str = "looks"
    """What the mission's owner does about a doubt: ``looks`` what is there and says so, ``no_go``, or ``silence``."""

    def says(self, request: Record, home: Path) -> Reply:
        """Return the answer at a gate; the same in every flight, but where it depends on what became of an effect."""
        if not is_doubt(request):
            return Reply("no_go", "grace", "Not now.", "cli") if request.data["role"] == self.refused else GO
        match self.owner:
            case "looks":
                posted = any(text == request.body_object()["args"]["text"] for _, text in letters(home))
                happened = Reply("revise", "grace", "It was posted.", "cli", changes={"result": "posted to ada"})
                return happened if posted else Reply("go", "grace", "It was not posted.", "cli")
            case "no_go":
                return Reply("no_go", "grace", "Leave it.", "cli")
            case _:
                return silence(request.data["gate"])


def _told(rehearsal: Any, *kinds: str) -> tuple[Case, ...]:
    """Return rehearsal cases of these kinds, each with what happens outside meanwhile."""
    cases: list[Case] = []
    for number, kind in enumerate(kinds, 1):
        body = getattr(rehearsal, kind)(Random(kind), f"CRASH-{number}")  # noqa: S311 - repeatable, no secret
        events = tuple(Event(*each) for each in rehearsal.events(body))
        cases.append(Case(f"run-{kind.replace('_', '-')}", body, events))
    return tuple(cases)


def _errands(*letter: str) -> tuple[Case, ...]:
    """Return an errand with everything: agent, papers, launch, payments side by side, a letter that has no key."""
    turn = [{"tool": "look_up", "args": {"account": "ada"}}, {"tool": "pay", "args": {"payee": "z", "amount_cents": 9}}]
    body: dict[str, Any] = {
        "brief": {"turns": [turn]},
        "needs_papers": True,
        "crew": 5,
        "payments": [{"payee": "a", "cents": 1}, {"payee": "b", "cents": 6_000}, {"payee": "c", "cents": 3}],
    }
    papers = (Event("papers", {"pages": 3}),)
    return tuple(Case(f"run-{number}", body | {"letter": text}, papers) for number, text in enumerate(letter, 1))


STORIES = {
    story.name: story
    for story in (
        Story("claims_triage", claims_triage, _told(rehearsal_claims, "one_document_missing", "large_and_vague")),
        Story("content_review", content_review, _told(rehearsal_content, "town_hall", "boastful_newsletter")),
        Story("contract_review", contract_review, _told(rehearsal_contracts, "illegible", "exclusive")),
        Story("incident_response", incident_response, _told(rehearsal_incidents, "outage", "handled_elsewhere")),
        Story("lead_qualification", lead_qualification, _told(rehearsal_leads, "key_account", "cold")),
        Story("errand", errand, _errands("Dear Ada!", "Dear Ada, once more"), TOY_POLICIES),
        Story("errand, no-go", errand, _errands("Dear Ada"), TOY_POLICIES, owner="no_go"),
        Story("errand, silence", errand, _errands("Dear Ada"), TOY_POLICIES, owner="silence"),
    )
}


def effects(home: Path) -> list[str]:
    """Return everything that stands in the systems of record of a home: one line for each row, sorted.

    Times, numbers given by the system and idempotency keys are left out; a row that was written twice is there twice.
    Which of two parallel writes to a record was the earlier (its revision) is one of those numbers, the run another.
    """
    lines: list[str] = []
    for path in sorted([*home.glob("systems/*.db"), *home.glob("bank.sqlite")]):
        with closing(sqlite3.connect(path)) as db:
            db.row_factory = sqlite3.Row
            names = db.execute("select name from sqlite_master where type = 'table' order by name").fetchall()
            for (table,) in names:
                given = {row["name"] for row in db.execute(f"pragma table_info({table})") if _is_given(row)}
                for row in db.execute(f"select * from {table}"):
                    kept = {name: _read(row[name]) for name in row.keys() if name not in given}  # noqa: SIM118 - a Row is no dict
                    lines.append(plain(json.dumps([path.name, table, kept], sort_keys=True, default=str)))
    return sorted(lines)


def _read(value: Any) -> Any:
    """Return a value as it is, or what it says in JSON without its times."""
    return bare(json.loads(value)) if isinstance(value, str) and value.startswith(("{", "[")) else value


def _is_given(column: sqlite3.Row) -> bool:
    name = column["name"]
    is_number = column["pk"] == 1 and column["type"] == "INTEGER"
    return is_number or name.endswith("_at") or name in {"idempotency_key", "key", "revision", "run_id"}
