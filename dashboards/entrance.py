"""The entrance: every visit begins in app.py, whichever page its address names.

Streamlit runs a file of a folder named ``pages`` by itself when its address is the first thing that
a freshly started server is asked for; navigation and look would be missing. Such a visit is led
through app.py and back to where it wanted to go.
"""

from __future__ import annotations

import streamlit as st

_ENTERED = "entered"
_WANTED = "wanted"


def enter() -> None:
    """Note that the visit came through app.py, and lead it on to where it wanted to go."""
    st.session_state[_ENTERED] = True
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        path, query = wanted
        st.switch_page(path, query_params=query)


def require_entrance(path: str) -> None:
    """Lead a visit that did not come through app.py there first, and remember the page it wanted."""
    if _ENTERED not in st.session_state:
        st.session_state[_WANTED] = (path, st.query_params.to_dict())
        st.switch_page("app.py")
