"""Board: the seven numbers, what agents are worth, and what all of it stands on; each number has its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from analytics import roi
from analytics.errors import AssumptionsBroken
from dashboards import sheets
from dashboards.boardroom import Figure, assumptions_of, board_figures, snapshot_of, whose_names, whose_words
from dashboards.entrance import require_entrance
from dashboards.figures import ALL_MISSIONS, as_csv, computed_before
from dashboards.frame import page
from dashboards.markup import join, show, tag
from dashboards.mart import Mart
from dashboards.notices import age_warning, price_warning
from dashboards.printing import board_report, receipt_file
from dashboards.tiles import Tile, tiles
from dashboards.vouchers import amount_of, assumptions_sheet, snapshot_facts, stands_on, voucher
from dashboards.worth import SHEET, account_rows, accounts_table, forecast_table, left_out, options_table, value_table

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.accounts import RoiReport

LOOK_AGAIN_SECONDS = 15.0


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    snapshot = snapshot_of(mart)
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        known = whose_names(mart)
        chosen = st.selectbox(
            "Whose numbers", known or [ALL_MISSIONS], key="whose", bind="query-params", format_func=whose_words,
            label_visibility="collapsed",
        )  # fmt: skip
        _downloads(mart)
    figures = board_figures(mart, chosen if chosen in known else ALL_MISSIONS)
    age_warning(computed_before(mart), now)
    price_warning({figure.kpi.basis for figure in figures})
    tiles(*map(_tile, figures))
    _worth(mart)
    show(tag("h2", "Receipts ", tag("small", "what it takes to compute each number again")))
    show(tag("section", [voucher(figure, snapshot) for figure in figures], snapshot_facts(snapshot), css="sheet"))
    assumed = assumptions_of(mart)
    show(tag("h2", "Assumptions ", tag("small", "edited in policies/assumptions.yaml, by review, and nowhere else")))
    show(assumptions_sheet(assumed) if assumed else tag("p", snapshot["assumptions_fault"] or "None.", css="none"))


def _tile(figure: Figure) -> Tile:
    amount, unit = amount_of(figure.kpi)
    beneath = join([tag("div", figure.question), tag("div", stands_on(figure.kpi), css="second")])
    return Tile(f"{figure.kpi.name}", amount, beneath, unit)


def _downloads(mart: Mart) -> None:
    """Offer the report, the numbers and the receipt; each is made when it is asked for."""
    for words, made, name, kind in (
        ("Report to print", lambda: board_report(mart.home).encode(), "gonogo-board.html", "text/html"),
        ("Numbers", lambda: as_csv([each.kpi for each in board_figures(mart, None)]), "gonogo-board.csv", "text/csv"),
        ("Receipt", lambda: receipt_file(mart.home), "gonogo-receipt.json", "application/json"),
    ):
        st.download_button(words, made, name, kind, on_click="ignore", icon=":material/download:")


def _worth(mart: Mart) -> None:
    show(tag("h2", "What agents are worth ", tag("small", "failures and people's time are in the cost")))
    try:
        report = _report(mart)
    except AssumptionsBroken as error:
        show(tag("p", str(error), css="none"))
        return
    if not report.missions:
        show(tag("p", "No mission with declared review and platform cost has landed.", css="none"))
    else:
        show(accounts_table(report))
        show(tag("h2", "Value ", tag("small", "money and hours apart: a line without a reference in the ledger is 0")))
        show(value_table(report))
        show(tag("h2", "Alternatives ", tag("small", "every case gets done: what is left over is done by hand")))
        show(options_table(report))
        drawn = "net present value (NPV) of 10,000 drawn plans; payback is the median's"
        show(tag("h2", "Plans ", tag("small", drawn)), forecast_table(report))
        st.download_button(
            "Accounts as CSV", sheets.as_csv(SHEET, account_rows(report)), "gonogo-roi.csv", "text/csv",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    if (missing := left_out(report)) is not None:
        show(missing)


@st.cache_data(max_entries=2, show_spinner=False, hash_funcs={Mart: hash})
def _report(mart: Mart) -> RoiReport:
    """Compute the return once a version of the mart; its draws take longer than any query."""
    return roi.report(mart.home)


require_entrance("pages/board.py")
page("Board", "Seven numbers, what agents are worth, and what it takes to check them.", body, LOOK_AGAIN_SECONDS)
