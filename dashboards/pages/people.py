"""People: how long gates wait and what is said there, who carries the load, and samples to be reviewed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.benches import (
    REVIEWS_SHOWN,
    gate_totals,
    gate_worth,
    open_reviews,
    reviewers,
    roles,
)
from dashboards.choosing import choose_mission
from dashboards.desk import Said, answer
from dashboards.entrance import require_entrance
from dashboards.frame import page
from dashboards.markup import Html, card, join, label, show, table, tag
from dashboards.tiles import Tile, tiles
from dashboards.wording import NOTHING, count, latency, left, percent, plural, since, spoken
from gonogo.approvals import Reply, find_request
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.model import MICROS_PER_UNIT
from gonogo.settings import settings

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart
    from gonogo.model import Answer

LOOK_AGAIN_SECONDS = 5.0
NAME_MAX, REASON_MAX = 200, 2_000

_ROLE_HEADS = (
    ("Role", ""), ("Waiting", "num"), ("Go", "num"), ("No-go", "num"), ("Revise", "num"), ("Expired", "num"),
    ("Half waited less than", "num"), ("9 of 10 less than", "num"),
)  # fmt: skip
_PERSON_HEADS = (
    ("Reviewer", ""), ("Last 7 days", ""), ("Answers", "num"), ("A day", "num"), ("Go", "num"), ("Median wait", "num"),
    ("Without proof", "num"),
)  # fmt: skip
_REVIEW_HEADS = (("Sample", ""), ("Agent", ""), ("Did", ""), ("Reviewer", ""), ("Due", "num"))


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    with st.container(key="filters", horizontal=True):
        mission = choose_mission(mart)
    minute = now.replace(second=0, microsecond=0)
    _numbers(gate_totals(mart, mission, minute))
    _samples(*open_reviews(mart, mission, minute), now)
    _by_role(roles(mart, mission), now)
    _by_person(reviewers(mart, mission, minute))
    _worth(mart)


def _numbers(found: dict[str, Any]) -> None:
    stopped = percent(found["stopped"] / found["answered"]) if found["answered"] else NOTHING
    tiles(
        Tile("Gates waiting", count(found["open"]), f"{count(found['late'])} past their deadline"),
        Tile("Answered", count(found["answered"]), f"{count(found['expired'])} expired: silence is no-go"),
        Tile("No-go or revise", stopped, f"{count(found['stopped'])} of {plural(found['answered'], 'answer')}"),
        Tile("Half waited less than", _waited(found["half_ms"]), "from opening to answer"),
        Tile("9 of 10 less than", _waited(found["most_ms"]), "from opening to answer"),
    )


def _waited(milliseconds: float | None) -> str:
    return latency(None if milliseconds is None else milliseconds * 1_000)


def _samples(found: list[dict[str, Any]], counts: dict[str, Any], now: datetime) -> None:
    """Show samples of what agents did alone; a review holds nothing up, and a wrong one opens an exception."""
    reviewed = counts["agreed"] + counts["disagreed"]
    told = f"{plural(reviewed, 'sample')} reviewed"
    told += f", {percent(counts['agreed'] / reviewed)} right" if reviewed else ""
    show(
        tag(
            "h2",
            "Samples to review ",
            tag("small", f"{count(counts['open'])} wait, {count(counts['late'])} late; {told}"),
        )
    )
    said = cast("Said | None", st.session_state.get("reviewed"))
    if said is not None:
        show(tag("p", said.sentence, css="said" if said.accepted else "said refused", role="alert"))
    if not found:
        why = "Nothing waits. Samples are drawn of agents with the tier execute_with_sampling in policies/agents.yaml."
        show(tag("p", why, css="none"))
        return
    listed, asked = st.columns([1.6, 1], gap="medium")
    with listed:
        show(table(_REVIEW_HEADS, [_sample_row(each, now) for each in found], "Samples to review"))
        if counts["open"] > REVIEWS_SHOWN:
            show(tag("p", f"{count(counts['open'] - REVIEWS_SHOWN)} more wait; these are due first.", css="none"))
    with asked:
        _review_form(found)


def _sample_row(each: dict[str, Any], now: datetime) -> list[object]:
    late = each["due_at"] is not None and each["due_at"] <= now
    return [
        join([tag("code", each["gate"]), tag("div", spoken(each["mission"]), css="second")]),
        each["agent_id"] or NOTHING,
        each["tool"] or NOTHING,
        each["role"] or NOTHING,
        tag("span", left(each["due_at"], now), css="warn" if late else ""),
    ]


def _review_form(found: list[dict[str, Any]]) -> None:
    """Ask about one sample; every widget bears its id, so that no answer can reach another one."""
    by_gate = {each["gate"]: each for each in found}
    gate = st.selectbox(
        "Sample", list(by_gate), key="sample", bind="query-params",
        format_func=lambda name: f"{label(by_gate[name]['tool'] or '')} {label(name)}",
    )  # fmt: skip
    if gate is None or gate not in by_gate:
        return
    show(_card(gate, by_gate[gate]["run_id"]))
    environment = settings().environment
    with st.form(f"review-{gate}", enter_to_submit=False):
        if environment != "dev":
            told = f"This is {environment}: a typed name does not count here. Answer with proof: gonogo decide."
            show(tag("p", told, css="said refused"))
        st.text_input("Your name", key=f"review-by-{gate}", max_chars=NAME_MAX)
        show(tag("p", "A typed name is recorded as ", tag("b", "unproven"), ".", css="hint"))
        st.text_area("Reason", key=f"review-reason-{gate}", max_chars=REASON_MAX, height=88)
        with st.container(horizontal=True, key=f"review-verbs-{gate}"):
            for word, option in (("Agree: it was right", "go"), ("Disagree: it was wrong", "no_go")):
                st.form_submit_button(
                    word, key=f"review-{option}-{gate}", type="primary" if option == "go" else "secondary",
                    disabled=environment != "dev", on_click=_say, args=(gate, by_gate[gate]["run_id"], option),
                )  # fmt: skip


def _card(gate: str, run_id: str) -> Html:
    """Return what was done, as its card says; the mart keeps no cards of samples."""
    with suppress(GonogoError):
        told = find_request(journal_of(settings()), gate, run_id).body_object().get("card")
        if told:
            return card(str(told))
    return tag("p", "What was done stands in the run's record, which is not on this machine or was erased.", css="none")


def _say(gate: str, run_id: str, option: Answer) -> None:
    """Record what was said of a sample; runs before the page is drawn anew."""
    by, reason = (str(st.session_state.get(f"review-{field}-{gate}") or "") for field in ("by", "reason"))
    st.session_state["reviewed"] = answer(settings(), gate, run_id, Reply(option, by, reason, "dashboard"))


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


def _worth(mart: Mart) -> None:
    show(tag("h2", "What each gate costs and catches"))
    told = gate_worth(mart)
    if told is None:
        why = (
            "This mart does not weigh gates: it has no table gate_worth. A number nobody computed is not shown as one."
        )
        show(tag("p", why, css="none"))
        return
    rows, columns = told
    if not rows:
        show(tag("p", "No gate has been answered that could be weighed.", css="none"))
        return
    heads = [
        (spoken(column["name"]).capitalize(), "num" if _is_number(rows, column["name"]) else "") for column in columns
    ]
    shown = [[_cell(row[column["name"]], column["name"]) for column in columns] for row in rows]
    show(table(heads, shown, "What each gate costs and catches"))


def _is_number(rows: list[dict[str, Any]], name: str) -> bool:
    return any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)


def _cell(value: object, name: str) -> str:
    if value is None or isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value or []))) or NOTHING
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name.endswith("_micros"):
            return f"{value / MICROS_PER_UNIT:,.4f}"
        return _waited(value) if name.endswith("_ms") else f"{value:,}"
    return str(value)


require_entrance("pages/people.py")
page("Gates and reviewers", "Who is waited for, how long, what they say, and who carries the load.", body,
     LOOK_AGAIN_SECONDS)  # fmt: skip
