"""Halting: what is halted now, and the control that halts a run, a mission or everything.

Acts through gonogo's public verb alone. To re-arm is not done here: it is an approval of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from dashboards.desk import Said
from dashboards.fleet import live, missions
from dashboards.markup import show, tag
from dashboards.wording import since, spoken
from gonogo.errors import GonogoError
from gonogo.settings import settings
from gonogo.switches import Target, halt, halts

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.fleet import Chosen
    from dashboards.mart import Mart
    from gonogo.targets import Halt

NAME_MAX, REASON_MAX = 200, 1_000
EVERYTHING = "everything"


def halted_now(now: datetime) -> None:
    """Say what is halted, by whom and why; nothing where nothing is."""
    said = cast("Said | None", st.session_state.get("halted"))
    if said is not None:
        show(tag("p", said.sentence, css="said" if said.accepted else "said refused", role="alert"))
    known = halts(settings())
    if known:
        show(tag("section", tag("h2", "Halted now"), tag("ul", [_row(each, now) for each in known]), css="halted"))


def _row(known: Halt, now: datetime) -> object:
    how = f"by signal {known.signal}" if known.signal else "by hand"
    return tag(
        "li",
        tag("strong", _words(known.target)),
        f", {how}, by ",
        tag("b", known.by),
        f", {since(known.when, now)}: {known.reason} ",
        tag("code", known.way_out),
    )


def _words(target: Target) -> str:
    return spoken(str(target)).capitalize()


def abort_form(mart: Mart, chosen: Chosen) -> None:
    """Ask what to halt, why, and whether that is meant; the button does it."""
    runs, _ = live(mart, chosen)
    targets = {f"mission {spoken(name)}": Target("mission", name) for name in missions(mart)}
    targets |= {f"run {run['run_id']}": Target("run", run["run_id"]) for run in runs}
    targets[EVERYTHING] = Target("all")
    with (
        st.expander("Abort: halt a run, a mission, or everything", key="abort"),
        st.form("halt", enter_to_submit=False),
    ):
        st.selectbox("What", list(targets), key="halt-what", index=None, placeholder="Choose what to halt")
        st.text_input("Your name", key="halt-by", max_chars=NAME_MAX)
        st.text_area("Reason", key="halt-reason", max_chars=REASON_MAX, height=88)
        st.checkbox("Stop it now. It starts again only after somebody has re-armed it.", key="halt-meant")
        show(tag("p", "A typed name is recorded as ", tag("b", "unproven"), ".", css="hint"))
        st.form_submit_button("Abort", key="halt-now", type="primary", on_click=_halt, args=(targets,))


def _halt(targets: dict[str, Target]) -> None:
    """Throw the switch; runs before the page is drawn anew."""
    what, by, reason = (str(st.session_state.get(f"halt-{field}") or "") for field in ("what", "by", "reason"))
    if what not in targets or not st.session_state.get("halt-meant"):
        sentence = "Nothing was halted: choose what to halt, and tick that it is to stop now."
        st.session_state["halted"] = Said(accepted=False, sentence=sentence)
        return
    try:
        thrown = halt(settings(), targets[what], reason, by=by)
    except GonogoError as error:
        st.session_state["halted"] = Said(accepted=False, sentence=f"Nothing was halted: {error}")
        return
    st.session_state["halt-meant"] = False
    told = "What flies stops within a second; what sleeps is ended by the house."
    st.session_state["halted"] = Said(accepted=True, sentence=f"{thrown.sentence} {told}")
