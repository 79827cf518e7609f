"""Gates waiting: the whole card, who may answer until when, what was said before, and the answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.choosing import choose_mission
from dashboards.desk import OPEN_SHOWN, Said, answer, earlier, gate_details, open_gates
from dashboards.entrance import require_entrance
from dashboards.frame import nothing, page
from dashboards.markup import card, join, label, show, table, tag
from dashboards.states import ANSWER, pill
from dashboards.wording import NOTHING, clock, count, latency, left, plural, since, spoken, zone
from gonogo.approvals import Reply
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dashboards.mart import Mart
    from gonogo.model import Answer

SOON = timedelta(minutes=30)
"""From here on a deadline is shown as urgent."""

NAME_MAX, REASON_MAX, CHANGES_MAX = 200, 2_000, 20_000

_BUTTONS: Mapping[Answer, str] = {"go": "Go", "no_go": "No-go", "revise": "Revise"}
_DOUBT_BUTTONS: Mapping[Answer, str] = {"go": "Did not happen: do it", "no_go": "Leave it", "revise": "It did happen"}
"""The same answers where the question is what became of an effect."""
_EARLIER_HEADS = (("Answer", ""), ("By", ""), ("Reason", ""), ("Waited", "num"), ("When", "num"))


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
    with asked:
        show(card(gate["card"] or "The card of this gate was erased."))
        _earlier(mart, gate, now)
    with reply:
        _deadline(gate, now)
        _answer_form(gate, now)


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
    if st.session_state.get("gate", st.query_params.get("gate")) not in by_id:
        st.session_state["gate"] = next(iter(by_id))
    elif "gate" not in st.session_state:
        st.session_state["gate"] = st.query_params["gate"]
    chosen = st.radio(
        "Gates that wait",
        list(by_id),
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
        ("Requester", gate["requester"]),
        ("Mission", spoken(gate["mission"])),
        ("Owner", gate["owner"]),
        ("Case", gate["case_ref"]),
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


def _earlier(mart: Mart, gate: dict[str, Any], now: datetime) -> None:
    rows, tally = earlier(mart, gate)
    if not rows:
        show(tag("h2", "Decided before"), tag("p", "Nobody has decided on such an action yet.", css="none"))
        return
    parts = [f"{tally[word]} {spoken(word)}" for word in ("go", "no_go", "revise", "expired") if tally[word]]
    waited = latency(None if tally["waited_ms"] is None else tally["waited_ms"] * 1_000)
    summary = f"{plural(tally['decisions'], 'decision')}: {', '.join(parts)}; median wait {waited}"
    where = zone(st.context.timezone)
    cells = [
        [
            pill(row["answer"], ANSWER),
            join([row["answered_by"], tag("div", row["proof"], css="second")]),
            row["reason"] or NOTHING,
            latency(None if row["waited_ms"] is None else row["waited_ms"] * 1_000),
            clock(row["answered_at"], now, where),
        ]
        for row in rows
    ]
    show(
        tag("h2", "Decided before ", tag("small", summary)), table(_EARLIER_HEADS, cells, "Earlier decisions like this")
    )


def _answer_form(gate: dict[str, Any], now: datetime) -> None:
    """Ask for an answer; every widget bears the gate's id, so that no answer can reach another gate."""
    environment, name = settings().environment, gate["gate"]
    late = gate["deadline"] is not None and gate["deadline"] <= now
    with st.form(f"answer-{name}", enter_to_submit=False):
        if environment != "dev":
            show(tag("p", _NO_PROOF.format(environment), css="said refused"))
        st.text_input("Your name", key=f"by-{name}", value=st.session_state.get("by", ""), max_chars=NAME_MAX)
        show(tag("p", "A typed name is recorded as ", tag("b", "unproven"), ".", css="hint"))
        st.text_area("Reason", key=f"reason-{name}", max_chars=REASON_MAX, height=88)
        with st.expander("Its result, if it did happen" if gate["doubt"] else "Other arguments, for revise"):
            st.text_area(
                "Result as JSON" if gate["doubt"] else "Arguments as JSON",
                key=f"changes-{name}",
                max_chars=CHANGES_MAX,
                placeholder='{"reference": "W-1042"}' if gate["doubt"] else '{"amount_eur": "4800.00"}',
            )
        with st.container(horizontal=True, key=f"verbs-{name}"):
            for option, word in (_DOUBT_BUTTONS if gate["doubt"] else _BUTTONS).items():
                if option in (gate["options"] or []):
                    st.form_submit_button(
                        word,
                        key=f"{option}-{name}",
                        type="primary" if option == "go" else "secondary",
                        disabled=environment != "dev" or late,
                        on_click=_say,
                        args=(name, gate["run_id"], option),
                    )


_NO_PROOF = (
    "This is {}. A name typed here proves nothing and does not count outside dev; answer with proof: gonogo decide."
)


def _say(gate: str, run_id: str, option: Answer) -> None:
    """Record what was said at the gate whose button was pressed; runs before the page is drawn anew."""
    by, reason, changes = (str(st.session_state.get(f"{field}-{gate}") or "") for field in ("by", "reason", "changes"))
    st.session_state["by"] = by
    try:
        wanted = _arguments(changes) if option == "revise" else {}
    except ValueError as error:
        st.session_state["said"] = Said(accepted=False, sentence=f"Nothing was recorded: {error}")
        return
    st.session_state["said"] = answer(settings(), gate, run_id, Reply(option, by, reason, "dashboard", changes=wanted))


def _arguments(text: str) -> dict[str, Any]:
    """Read the arguments a reviewer wants instead, or the result they saw; none typed, none wanted."""
    if not text.strip():
        return {}
    try:
        wanted = json.loads(text)
    except ValueError:
        msg = 'what was typed is no JSON; write it like {"amount_eur": "4800.00"}.'
        raise ValueError(msg) from None
    if not isinstance(wanted, dict):
        msg = 'what was typed must be a JSON object, like {"amount_eur": "4800.00"}.'
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that was typed wrongly
    return cast("dict[str, Any]", wanted)


require_entrance("pages/waiting.py")
page("Gates waiting", "A mission stands still until somebody says go or no-go.", body)
