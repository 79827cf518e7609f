"""Findings: what drifted, should beside is, whose it is, by when, and what has to pass before it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import streamlit as st

from dashboards import sheets
from dashboards.choosing import choose_mission
from dashboards.dossier import SHOWN, Which, dossier, dossier_table, value
from dashboards.entrance import require_entrance
from dashboards.figures import computed_before, findings, subject
from dashboards.frame import page
from dashboards.markup import Html, join, show, table, tag
from dashboards.notices import age_warning
from dashboards.states import VERDICT, VERDICT_WORDS, pill
from dashboards.tiles import Tile, tiles
from dashboards.wording import NOTHING, count, left, percent, plural, spoken

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

LOOK_AGAIN_SECONDS = 10.0
COMPARISONS_SHOWN = 200

_HEADS = (
    ("What", ""), ("Verdict", ""), ("Should", "num"), ("Is", "num"), ("Runs before, now", "num"), ("Test", ""),
)  # fmt: skip
_SHEET = (
    "finding", "mission", "monitor", "subject", "severity", "owner", "deputy", "route", "state", "should", "is_now",
    "unit", "opened_at", "due_at", "closed_at", "sentence",
)  # fmt: skip


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        mission = choose_mission(mart)
        which = st.segmented_control(
            "Which", list(get_args(Which)), default="open", key="which", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
    kind = cast("Which", which) if which in get_args(Which) else "open"
    age_warning(computed_before(mart), now)
    found, counts = dossier(mart, mission, kind, now.replace(second=0, microsecond=0))
    compared = findings(mart, mission)
    _numbers(counts, compared, now)
    _owned(found, counts, kind, now)
    _compared(compared)


def _numbers(counts: dict[str, Any], compared: list[dict[str, Any]], now: datetime) -> None:
    unknown = sum(each["verdict"] == "not_enough_data" for each in compared)
    drifting = sum(each["verdict"] == "drift" for each in compared)
    in_time = percent(counts["closed_in_time"] / counts["closed"]) if counts["closed"] else NOTHING
    closed = f"of {plural(counts['closed'], 'closed finding')}" if counts["closed"] else "no finding was closed yet"
    due = f"next: {left(counts['next_due'], now)}" if counts["next_due"] else "nothing is due"
    tiles(
        Tile("Open findings", count(counts["open"]), f"{count(counts['critical'])} critical; {due}"),
        Tile("Overdue", count(counts["overdue"]), "past the time their severity allows"),
        Tile("Closed in time", in_time, closed),
        Tile("Drifting now", count(drifting), f"of {plural(len(compared), 'comparison')}"),
        Tile("Not enough data", count(unknown), "nobody can say yet; that is no good news"),
    )


def _owned(found: list[dict[str, Any]], counts: dict[str, Any], kind: Which, now: datetime) -> None:
    total = counts[kind]
    shown = f"the {SHOWN} most urgent of {count(total)}" if total > SHOWN else plural(total, "finding")
    show(tag("h2", "Owned findings ", tag("small", shown)))
    if found:
        show(dossier_table(found, now))
        st.download_button(
            "Findings as CSV", sheets.as_csv(_SHEET, found), "gonogo-findings.csv", "text/csv", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
        show(tag("h2", "What closes them"), _closing(found))
    else:
        show(tag("p", _NONE[kind], css="none"))


_NONE = {
    "open": "Nobody owns an open finding. The house looks every hour; what drifts with at least medium severity gets "
    "an owner here.",
    "overdue": "No finding is past its due time.",
    "closed": "No finding was closed yet. Only later runs that pass close one; nobody's word does.",
}


def _closing(found: list[dict[str, Any]]) -> Html:
    """Return the question each finding was opened by, as SQL on the mart, and the runs it is asked of."""
    return tag("section", [_question(each) for each in found], css="sheet")


def _question(each: dict[str, Any]) -> Html:
    after = each["judged_through"]
    told = (
        f"Asked of runs of {spoken(each['mission'])} that ended after {after:%Y-%m-%d %H:%M:%S} UTC; "
        if after
        else "Asked of later runs; "
    )
    told += f"{plural(each['needs_runs'] or 0, 'run')} must pass. Whoever owns it cannot close it by saying so."
    return tag(
        "details",
        tag("summary", tag("code", each["finding"]), " ", subject({**each, "step": each["subject"]})),
        tag("p", told, css="second"),
        tag("pre", tag("code", _VERIFY.format(mission=_quoted(each["mission"]), after=_quoted(str(after))))),
        css="voucher",
    )


_VERIFY = """SELECT count(*) AS later_runs, count(*) FILTER (WHERE success) AS succeeded
FROM runs
WHERE mission = {mission} AND ended_at > {after}::TIMESTAMPTZ;
-- The verdict on them: gonogo drift --all"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _compared(compared: list[dict[str, Any]]) -> None:
    tally = {word: sum(each["verdict"] == word for each in compared) for word in VERDICT_WORDS}
    told = ", ".join(f"{number} {VERDICT_WORDS[word]}" for word, number in tally.items() if number)
    show(tag("h2", "Should beside is ", tag("small", told or "nothing was compared yet")))
    if not compared:
        show(tag("p", "A comparison needs runs before and runs now.", css="none"))
        return
    known = [each for each in compared if each["verdict"] != "not_enough_data"]
    unknown = [each for each in compared if each["verdict"] == "not_enough_data"]
    if known:
        show(table(_HEADS, map(_compared_row, known[:COMPARISONS_SHOWN]), "Should beside is"))
    if unknown:
        # They would bury what is known; the tile above says how many there are.
        told = f"{plural(len(unknown), 'comparison')} that nobody can judge yet, and what each of them lacks"
        rows = table(_HEADS, map(_compared_row, unknown[:COMPARISONS_SHOWN]), "Not enough data")
        show(tag("section", tag("details", tag("summary", told), rows, css="voucher"), css="sheet"))
    more = sum(max(len(each) - COMPARISONS_SHOWN, 0) for each in (known, unknown))
    if more:
        show(tag("p", f"{more} more comparisons: gonogo drift --all shows them.", css="none"))


def _compared_row(each: dict[str, Any]) -> list[object]:
    return [
        join([tag("b", subject(each).capitalize()), tag("div", each["sentence"], css="second")]),
        pill(each["verdict"], VERDICT, VERDICT_WORDS.get(each["verdict"])),
        value(each["should"], each["unit"]),
        value(each["is_now"], each["unit"]),
        f"{count(each['n_baseline'])}, {count(each['n_current'])}",
        spoken(each["test"]),
    ]


require_entrance("pages/findings.py")
page("Findings", "What should be, what is, and who has to deal with the difference.", body, LOOK_AGAIN_SECONDS)
