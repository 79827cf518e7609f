"""Choosing: the filters, which are part of the page's address, so that a view can be sent to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboards.fleet import STATUSES, Chosen, missions
from dashboards.wording import spoken

if TYPE_CHECKING:
    from dashboards.mart import Mart

ALL = "all missions"


def choose_mission(mart: Mart) -> str | None:
    """Ask for one mission, or all of them, which is ``None``."""
    known = missions(mart)
    chosen = st.selectbox(
        "Mission", [ALL, *known], key="mission", bind="query-params", format_func=spoken, label_visibility="collapsed"
    )
    return chosen if chosen in known else None


def choose(mart: Mart) -> Chosen:
    """Ask for a mission and for states."""
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        mission = choose_mission(mart)
        states = st.pills(
            "State",
            STATUSES,
            selection_mode="multi",
            key="state",
            bind="query-params",
            format_func=spoken,
            label_visibility="collapsed",
        )
    return Chosen(mission, tuple(state for state in STATUSES if state in states))
