"""Gates waiting: the whole card, who may answer until when, what was said before, and the answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.answering import answer_form, opened
from dashboards.choosing import choose_mission
from dashboards.desk import OPEN_SHOWN, Said, earlier, gate_details, open_gates, standing
from dashboards.entrance import require_entrance
from dashboards.frame import nothing, page
from dashboards.markup import card, join, label, show, table, tag
from dashboards.states import ANSWER, RUN, pill
from dashboards.visitor import way_in
from dashboards.wording import NOTHING, clock, count, latency, left, money, plural, since, spoken, zone
from gonogo.settings import settings

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

SOON = timedelta(minutes=30)
"""From here on a deadline is shown as urgent."""

_EARLIER_HEADS = (
    ("Answer", ""), ("By", ""), ("Reason", ""), ("Then the run", ""), ("Waited", "num"), ("When", "num")
)  # fmt: skip


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    _last_said()
    listed, asked, reply = st.columns([1, 2.1, 1.3], gap="medium")
    with listed:
        mission = choose_mission(mart)
        gates, total = open_gates(mart, settings(), mission)
        chosen = _choose_gate(gates, total, now)
    if chosen is None:
        with asked:
            nothing(
                "No gate waits for anybody", "When a mission needs a person to say go or no-go, the question is here."
            )
        return
    gate = gate_details(mart, chosen)
    opened(chosen, gate["run_id"])
    with asked:
        show(card(gate["card"] or "The card of this gate was erased."))
    with reply:
        _deadline(gate, now)
        way_in()
        answer_form(gate, now)
    # Below all three: where they stand in one column, the answer comes right after its card.
    _earlier(mart, gate, now)


def _last_said() -> None:
    said = cast("Said | None", st.session_state.get("said"))
    if said is not None:
        show(tag("p", said.sentence, css="said" if said.accepted else "said refused", role="alert"))


def _choose_gate(gates: list[dict[str, Any]], total: int, now: datetime) -> str | None:
    """Ask which gate to look at: the one in the page's address, or the most urgent one."""
    shown = f"the {OPEN_SHOWN} most urgent of {count(total)}" if total > len(gates) else plural(total, "gate")
    show(tag("p", shown, css="second"))
    by_id = {gate["gate"]: gate for gate in gates}
    if not by_id:
        return None
    if st.session_state.get("gate") not in by_id:
        st.session_state.pop("gate", None)
    linked = st.query_params.get("gate")
    chosen = st.radio(
        "Gates that wait",
        list(by_id),
        # As what it begins with: a browser that opens the page overwrites what is set in the session's state.
        index=list(by_id).index(linked) if linked in by_id else 0,
        key="gate",
        # The id is part of the label because Streamlit tells options apart by what they show.
        format_func=lambda gate: f"**{label(by_id[gate]['action'] or 'unknown action')}** {label(gate)}",
        captions=[_caption(gate, now) for gate in gates],
        label_visibility="collapsed",
        width="stretch",
    )
    if chosen is not None:
        st.query_params["gate"] = chosen
    return chosen


def _caption(gate: dict[str, Any], now: datetime) -> str:
    facts = (gate["role"], left(gate["deadline"], now), gate["case_ref"])
    return "  \n".join(label(fact) for fact in facts if fact)


def _deadline(gate: dict[str, Any], now: datetime) -> None:
    """Show how long there is, and who is asked by whom."""
    deadline, opened = gate["deadline"], gate["opened_at"]
    urgent = deadline is not None and deadline - now < SOON
    passed = 1.0 if deadline is None or deadline <= opened else (now - opened) / (deadline - opened)
    bar = tag("i", style=f"width:{min(max(passed, 0), 1):.1%}")
    facts = [
        ("Who may answer", gate["role"]),
        *_takes(gate),
        ("Requester", gate["requester"]),
        ("Mission", spoken(gate["mission"])),
        ("Owner", gate["owner"]),
        ("Case", gate["case_ref"]),
        ("Cost so far", money(gate["cost_micros"], gate["currency"])),
        ("Open since", since(opened, now).removesuffix(" ago")),
        ("Run", tag("code", gate["run_id"])),
    ]
    show(
        tag(
            "section",
            tag("p", left(deadline, now), css="left urgent" if urgent else "left"),
            tag("div", bar, css="bar urgent" if urgent else "bar", aria_hidden="true"),
            tag("p", "Silence is no-go.", css="second"),
            tag("dl", [join([tag("dt", name), tag("dd", fact or NOTHING)]) for name, fact in facts], css="facts"),
            css="panel",
        ),
    )


def _takes(gate: dict[str, Any]) -> list[tuple[str, object]]:
    """Return the risk a rule names, and how many people it takes, where that is more than one."""
    found = standing(settings(), gate["gate"], gate["run_id"])
    if found is None:
        return []
    rows: list[tuple[str, object]] = [("Risk", found.risk)] if found.risk else []
    if found.quorum > 1:
        rows.append(("Have said go", f"{len(found.said)} of {found.quorum}: {', '.join(found.said) or 'nobody yet'}"))
    return rows


def _earlier(mart: Mart, gate: dict[str, Any], now: datetime) -> None:
    rows, tally = earlier(mart, gate)
    if not rows:
        show(tag("h2", "Decided before"), tag("p", "Nobody has decided on such an action yet.", css="none"))
        return
    parts = [f"{tally[word]} {spoken(word)}" for word in ("go", "no_go", "revise", "expired") if tally[word]]
    waited = latency(None if tally["waited_ms"] is None else tally["waited_ms"] * 1_000)
    well = f"; {tally['went_well']} of {tally['went']} with a go ended well" if tally["went"] else ""
    summary = f"{plural(tally['decisions'], 'decision')}: {', '.join(parts)}; median wait {waited}{well}"
    where = zone(st.context.timezone)
    cells = [
        [
            pill(row["answer"], ANSWER),
            join([row["answered_by"], tag("div", row["proof"], css="second")]),
            row["reason"] or NOTHING,
            join([pill(row["status"], RUN), tag("div", spoken(row["outcome"] or ""), css="second")])
            if row["status"]
            else NOTHING,
            latency(None if row["waited_ms"] is None else row["waited_ms"] * 1_000),
            clock(row["answered_at"], now, where),
        ]
        for row in rows
    ]
    show(
        tag("h2", "Decided before ", tag("small", summary)), table(_EARLIER_HEADS, cells, "Earlier decisions like this")
    )


require_entrance("pages/waiting.py")
page("Gates waiting", "A mission stands still until somebody says go or no-go.", body)
