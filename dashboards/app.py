"""The dashboard: `streamlit run dashboards/app.py`, or `gonogo up`, which serves it beside the house.

Reads the published mart under GONOGO_HOME and changes nothing, except that a gate is answered and
a switch is thrown through gonogo's public verbs, as on the command line.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards.entrance import enter
from dashboards.palette import stylesheet
from dashboards.visitor import lead_back

HERE = Path(__file__).parent

st.set_page_config(page_title="gonogo", page_icon=str(HERE / "mark.svg"), layout="wide")
st.logo(str(HERE / "mark.svg"), size="large")
# Nothing from outside goes into a stylesheet.
st.html(stylesheet(sorted((HERE / "look").glob("*.css"))))

page = st.navigation(
    [
        st.Page("pages/live.py", title="Live", default=True),
        st.Page("pages/waiting.py", title="Gates waiting", url_path="waiting"),
        st.Page("pages/board.py", title="Board", url_path="board"),
        st.Page("pages/kpis.py", title="Numbers", url_path="kpis"),
        st.Page("pages/findings.py", title="Findings", url_path="findings"),
        st.Page("pages/evidence.py", title="Evidence", url_path="evidence"),
        st.Page("pages/registry.py", title="Registry", url_path="registry"),
        st.Page("pages/costs.py", title="Cost", url_path="costs"),
        st.Page("pages/people.py", title="People", url_path="people"),
    ],
    position="top",
)
enter()
lead_back()
page.run()
