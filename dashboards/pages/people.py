"""People: how long gates wait and what is said there, who carries the load, what is reviewed, what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards.benches import gate_totals, gate_worth, habits, open_reviews, reviewers, roles
from dashboards.choosing import choose_mission
from dashboards.entrance import require_entrance
from dashboards.frame import page
from dashboards.markup import join, show, table, tag
from dashboards.reviewing import reviews
from dashboards.scales import habits_table, worth_table, worth_tally
from dashboards.tiles import Tile, tiles
from dashboards.wording import NOTHING, count, latency, percent, plural, since

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

LOOK_AGAIN_SECONDS = 5.0

_ROLE_HEADS = (
    ("Role", ""), ("Waiting", "num"), ("Go", "num"), ("No-go", "num"), ("Revise", "num"), ("Expired", "num"),
    ("Median wait", "num"), ("9 of 10 waited less than", "num"),
)  # fmt: skip
_PERSON_HEADS = (
    ("Reviewer", ""), ("Last 7 days", ""), ("Answers", "num"), ("A day", "num"), ("Go", "num"), ("Median wait", "num"),
    ("Without proof", "num"),
)  # fmt: skip


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    with st.container(key="filters", horizontal=True):
        mission = choose_mission(mart)
    minute = now.replace(second=0, microsecond=0)
    _numbers(gate_totals(mart, mission, minute))
    reviews(*open_reviews(mart, mission, minute), now)
    _by_role(roles(mart, mission), now)
    _by_person(reviewers(mart, mission, minute))
    _habits(habits(mart), now)
    _worth(gate_worth(mart, mission))


def _numbers(found: dict[str, Any]) -> None:
    stopped = percent(found["stopped"] / found["answered"]) if found["answered"] else NOTHING
    tiles(
        Tile("Gates waiting", count(found["open"]), f"{count(found['late'])} past their deadline"),
        Tile("Answered", count(found["answered"]), f"{count(found['expired'])} expired: silence is no-go"),
        Tile("No-go or revise", stopped, f"{count(found['stopped'])} of {plural(found['answered'], 'answer')}"),
        Tile("Median wait", _waited(found["half_ms"]), "from opening to answer"),
        Tile("9 of 10 waited less than", _waited(found["most_ms"]), "from opening to answer"),
    )


def _waited(milliseconds: float | None) -> str:
    return latency(None if milliseconds is None else milliseconds * 1_000)


def _by_role(found: list[dict[str, Any]], now: datetime) -> None:
    show(tag("h2", "Gates by role"))
    if not found:
        show(tag("p", "No gate was ever opened here.", css="none"))
        return
    rows = [
        [
            tag("b", each["role"]),
            join([count(each["open"]), tag("div", _oldest(each, now), css="second") if each["open"] else None]),
            *(count(each[word]) for word in ("go", "no_go", "revise", "expired")),
            _waited(each["half_ms"]),
            _waited(each["most_ms"]),
        ]
        for each in found
    ]
    show(table(_ROLE_HEADS, rows, "Gates by role"))


def _oldest(each: dict[str, Any], now: datetime) -> str:
    return f"oldest {since(each['oldest'], now)}"


def _by_person(found: list[dict[str, Any]]) -> None:
    week = sum(each["week"] for each in found)
    show(tag("h2", "Load of reviewers ", tag("small", f"{plural(week, 'answer')} in the last 7 days")))
    if not found:
        show(tag("p", "Nobody has answered a gate yet.", css="none"))
        return
    show(table(_PERSON_HEADS, [_person_row(each, week) for each in found], "Load of reviewers"))


def _person_row(each: dict[str, Any], week: int) -> list[object]:
    share = each["week"] / week if week else 0.0
    bar = tag("div", tag("i", style=f"width:{share:.1%}"), css="share", aria_hidden="true")
    return [
        join([tag("b", each["person"]), tag("div", ", ".join(each["roles"] or []), css="second")]),
        join([f"{count(each['week'])}, {percent(share)}", bar]),
        count(each["answers"]),
        f"{each['answers'] / each['days']:,.1f}" if each["days"] else NOTHING,
        percent(each["go"] / each["answers"]),
        _waited(each["half_ms"]),
        percent(each["unproven"] / each["answers"]),
    ]


def _habits(found: list[dict[str, Any]], now: datetime) -> None:
    show(
        tag(
            "h2",
            "How reviews bore out ",
            tag("small", "all missions; a look is from card to answer; small counts say nothing, and none is a score"),
        )
    )
    if not found:
        show(tag("p", "Nobody has answered a gate yet.", css="none"))
        return
    show(habits_table(found, now))


def _worth(found: list[dict[str, Any]]) -> None:
    show(tag("h2", "What each gate costs and catches ", tag("small", worth_tally(found))))
    if not found:
        show(tag("p", "No rule has asked for a person yet.", css="none"))
        return
    if any(each["basis"] == "example" for each in found):
        told = "What an hour of people costs is an example in policies/assumptions.yaml; nobody answers for it yet."
        show(tag("p", tag("b", "Example prices. "), told, css="notice", role="note"))
    show(worth_table(found))


require_entrance("pages/people.py")
page("Gates and reviewers", "Who is waited for, how long, what they say, and who carries the load.", body,
     LOOK_AGAIN_SECONDS)  # fmt: skip
