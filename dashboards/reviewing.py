"""Reviewing: what was done alone and waits to be looked at, and the form in which somebody says how it was."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards.benches import REVIEWS_SHOWN
from dashboards.desk import Said, answer
from dashboards.markup import Html, card, join, label, show, table, tag
from dashboards.wording import NOTHING, count, left, percent, plural, spoken
from gonogo.approvals import find_request
from gonogo.ballots import Reply
from gonogo.enactments import check_enacted
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings
from gonogo.statements import TOKEN_MAX_CHARACTERS

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.model import Answer

NAME_MAX, REASON_MAX = 200, 2_000

_HEADS = (("Review", ""), ("Of", ""), ("Done by", ""), ("What", ""), ("For role", ""), ("Due", "num"))

_UNPROVEN = {
    True: "A typed name alone is recorded as unproven, and counts for low risk only.",
    False: "A typed name alone does not count outside dev: add a code or a token.",
}


def reviews(found: list[dict[str, Any]], counts: dict[str, Any], now: datetime) -> None:
    """Show what waits and the form; a review holds nothing up, and a wrong one opens an exception with an owner."""
    show(tag("h2", "Done alone, to be reviewed ", tag("small", _tally(counts))))
    said = cast("Said | None", st.session_state.get("reviewed"))
    if said is not None:
        show(tag("p", said.sentence, css="said" if said.accepted else "said refused", role="alert"))
    if not found:
        why = (
            "Nothing waits. Samples are drawn of agents with the tier execute_with_sampling in policies/agents.yaml; "
            "emergencies come from people who break the glass."
        )
        show(tag("p", why, css="none"))
        return
    listed, asked = st.columns([1.6, 1], gap="medium")
    with listed:
        show(table(_HEADS, [_row(each, now) for each in found], "Done alone, to be reviewed"))
        if counts["open"] > REVIEWS_SHOWN:
            show(tag("p", f"{count(counts['open'] - REVIEWS_SHOWN)} more wait; these are due first.", css="none"))
    with asked:
        _form(found)


def _tally(counts: dict[str, Any]) -> str:
    reviewed = counts["agreed"] + counts["disagreed"]
    right = f", {percent(counts['agreed'] / reviewed)} right" if reviewed else ""
    return f"{plural(counts['open'], 'review')} wait, {count(counts['late'])} late; {count(reviewed)} done{right}"


def _row(each: dict[str, Any], now: datetime) -> list[object]:
    late = each["due_at"] is not None and each["due_at"] <= now
    return [
        join([tag("code", each["gate"]), tag("div", spoken(each["mission"]), css="second")]),
        tag("b", each["of"]) if each["of"] == "emergency" else each["of"],
        each["who"] or NOTHING,
        spoken(each["action"] or NOTHING),
        each["role"] or NOTHING,
        tag("span", left(each["due_at"], now), css="warn" if late else ""),
    ]


def _form(found: list[dict[str, Any]]) -> None:
    """Ask about one of them; every widget bears its id, so that no answer can reach another one."""
    by_gate = {each["gate"]: each for each in found}
    gate = st.selectbox(
        "Review", list(by_gate), key="sample", bind="query-params",
        format_func=lambda name: f"{spoken(by_gate[name]['action'] or '')} {label(name)}",
    )  # fmt: skip
    if gate is None or gate not in by_gate:
        return
    run_id = by_gate[gate]["run_id"]
    show(_card(gate, run_id))
    unlawful = _unlawful()
    with st.form(f"review-{gate}", enter_to_submit=False):
        if unlawful:
            show(tag("p", unlawful, css="said refused"))
        st.text_input("Your name", key=f"review-by-{gate}", max_chars=NAME_MAX)
        show(tag("p", _UNPROVEN[settings().environment == "dev"], css="hint"))
        st.text_area("Reason", key=f"review-reason-{gate}", max_chars=REASON_MAX, height=88)
        st.text_input(
            "Code or token", key=f"review-token-{gate}", max_chars=TOKEN_MAX_CHARACTERS, autocomplete="off",
            placeholder="six digits, or gonogo1.…",
        )  # fmt: skip
        with st.container(horizontal=True, key=f"review-verbs-{gate}"):
            for word, option in (("Agree: it was right", "go"), ("Disagree: it was wrong", "no_go")):
                st.form_submit_button(
                    word, key=f"review-{option}-{gate}", type="primary" if option == "go" else "secondary",
                    disabled=bool(unlawful), on_click=_say, args=(gate, run_id, option),
                )  # fmt: skip


def _unlawful() -> str:
    """Return why no answer counts here at all: outside ``dev`` only under a law that somebody approved."""
    try:
        check_enacted(settings(), settings().environment)
    except GonogoError as error:
        return str(error)
    return ""


def _card(gate: str, run_id: str) -> Html:
    """Return what was done, as its card says; the mart keeps no cards of reviews."""
    with suppress(GonogoError):
        told = find_request(journal_of(settings()), gate, run_id).body_object().get("card")
        if told:
            return card(str(told))
    return tag("p", "What was done stands in the run's record, which is not on this machine or was erased.", css="none")


def _say(gate: str, run_id: str, option: Answer) -> None:
    """Record what was said of it; runs before the page is drawn anew."""
    by, reason, token = (
        str(st.session_state.get(f"review-{field}-{gate}") or "") for field in ("by", "reason", "token")
    )
    reply = Reply.typed(option, by, reason, "dashboard", token=token)
    st.session_state["reviewed"] = answer(settings(), gate, run_id, reply)
    # A code or a token counts once; left in the field it would be sent again.
    st.session_state[f"review-token-{gate}"] = ""
