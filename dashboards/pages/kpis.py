"""Numbers: what missions cost and achieve, how long steps take, and whether they drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards.boardroom import whose_words
from dashboards.charts import latency_chart, outcomes_chart, outcomes_legend
from dashboards.choosing import choose_mission
from dashboards.entrance import require_entrance
from dashboards.figures import Figures, Kpi, as_csv, computed_before, figures, findings, outcomes, subject
from dashboards.fleet import missions
from dashboards.frame import page
from dashboards.markup import Html, join, show, table, tag
from dashboards.notices import age_warning, price_warning
from dashboards.states import UNKNOWN, VERDICT, VERDICT_WORDS, basis, basis_words, is_bill, pill
from dashboards.tiles import Tile, tiles
from dashboards.vouchers import rests_on
from dashboards.wording import NOTHING, count, money, plural, spoken, zone

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

LOOK_AGAIN_SECONDS = 5.0

_SHARES = ("success_rate", "K14", "K2b", "K13")
_WHAT_IS_COUNTED = {
    "success_rate": "landed runs reached their goal",
    "K14": "landed runs were handed to a person by rule",
    "K2b": "landed runs were stopped or changed by a person",
    "K13": "runs with a service level kept it",
}
_BOARD = ("K6", *_SHARES, "K23", "runs")
_EVERY_HEADS = (("Number", ""), ("Whose", ""), ("Of", ""), ("Value", "num"), ("Unit", ""), ("Rests on", "num"))


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    with st.container(key="filters", horizontal=True):
        mission = choose_mission(mart)
    age_warning(computed_before(mart), now)
    numbers = figures(mart)
    price_warning({numbers.of("K6", mission).basis})
    tiles(
        _cost(numbers.of("K6", mission)),
        *(_share(numbers.of(name, mission)) for name in _SHARES),
        _runs(numbers, mission),
    )
    over_time, drift = st.columns([1.75, 1], gap="medium")
    with over_time:
        _outcomes(mart, mission)
    with drift:
        _drift(mart, mission)
    flown = [mission] if mission else missions(mart)
    _latencies(numbers, flown)
    if mission is None:
        _by_mission(numbers, flown)
    _every_number(numbers, mission)


def _cost(cost: Kpi) -> Tile:
    if cost.value is None:
        return Tile(cost.name, NOTHING, cost.why_nothing)
    total = f"{money(cost.numerator, cost.currency)} over {plural(cost.denominator or 0, 'success', 'successes')}"
    amount, _, currency = cost.said.rpartition(" ")
    return Tile(cost.name, amount, join([basis(cost.basis), tag("div", total)]), currency)


def _share(share: Kpi) -> Tile:
    if share.value is None:
        return Tile(share.name, NOTHING, share.why_nothing)
    rests = f"{count(share.numerator)} of {count(share.denominator)} {_WHAT_IS_COUNTED[share.id]}"
    amount, _, unit = share.said.rpartition(" ")
    return Tile(share.name, amount, rests, unit)


def _runs(numbers: Figures, mission: str | None) -> Tile:
    runs = numbers.of("runs", mission)
    landed = numbers.of("success_rate", mission).denominator or 0
    return Tile("Runs", runs.said, f"{count(landed)} landed, {count((runs.value or 0) - landed)} in the air")


def _outcomes(mart: Mart, mission: str | None) -> None:
    where = str(zone(st.context.timezone))
    rows, width = outcomes(mart, mission, where)
    show(tag("h2", "Outcomes over time ", tag("small", f"by time of landing, {where}")))
    if rows:
        show(outcomes_legend(rows))
        chart = outcomes_chart(rows, width)
        st.altair_chart(chart, width="stretch", theme=None, alt="Runs landed over time, by what became of them")
    else:
        show(tag("p", "No run has landed yet.", css="none"))


def _drift(mart: Mart, mission: str | None) -> None:
    found = findings(mart, mission)
    show(tag("h2", "Should and is ", tag("small", _verdict_counts(found))))
    by_verdict = {word: [one for one in found if one["verdict"] == word] for word in VERDICT_WORDS}
    first = next((word for word, ones in by_verdict.items() if ones), None)
    groups = [_findings_of(word, ones, is_first=word == first) for word, ones in by_verdict.items() if ones]
    show(tag("div", _verdict(found), groups, css="findings", tabindex="0"))


def _findings_of(verdict: str, found: list[dict[str, Any]], *, is_first: bool) -> Html:
    """Return the findings of one verdict: drifts in full, others behind one line, open where nothing stands before."""
    told = [_finding(finding) for finding in found]
    if verdict == "drift":
        return join(told)
    words = f"{plural(len(found), 'comparison')}: {VERDICT_WORDS[verdict]}"
    return tag("details", tag("summary", pill(verdict, VERDICT, words)), told, open="" if is_first else None)


def _verdict_counts(found: list[dict[str, Any]]) -> str:
    tally = {word: sum(finding["verdict"] == word for finding in found) for word in VERDICT_WORDS}
    return ", ".join(f"{number} {VERDICT_WORDS[word]}" for word, number in tally.items() if number)


def _verdict(found: list[dict[str, Any]]) -> Html:
    """Return the verdict over all: drift outweighs not knowing, and not knowing outweighs what holds."""
    told = {finding["verdict"] for finding in found}
    if "drift" in told:
        drifting = sum(finding["verdict"] == "drift" for finding in found)
        return tag("p", pill("drift", VERDICT, f"{plural(drifting, 'comparison')} drifted"), css="verdict")
    if told == {"ok"}:
        return tag("p", pill("ok", VERDICT, "Everything is as it should be"), css="verdict")
    unknown = sum(finding["verdict"] != "ok" for finding in found)
    said = (
        f"No drift seen, but {unknown} of {plural(len(found), 'comparison')} cannot be judged" if "ok" in told else ""
    )
    said = said or ("Too little data to say that all is well" if found else "Nothing was compared yet")
    return tag("p", pill("not_enough_data", {"not_enough_data": UNKNOWN}, said), css="verdict")


def _finding(finding: dict[str, Any]) -> Html:
    verdict = finding["verdict"]
    severity = f", {finding['severity']}" if verdict == "drift" else ""
    words = VERDICT_WORDS.get(verdict, spoken(verdict)) + severity
    return tag(
        "div",
        tag("div", tag("b", subject(finding).capitalize()), pill(verdict, VERDICT, words), css="between"),
        tag("div", finding["sentence"], css="second"),
        css="finding",
    )


def _latencies(numbers: Figures, flown: list[str]) -> None:
    show(tag("h2", "Latency per step ", tag("small", "dot: median, bar: 95th percentile, logarithmic")))
    drawn = [name for name in flown if numbers.segments("K19.p50", name)]
    if not drawn:
        show(tag("p", "No step has been done yet.", css="none"))
    for start in range(0, len(drawn), 2):
        for place, name in zip(st.columns(2, gap="medium"), drawn[start : start + 2], strict=False):
            chart = latency_chart(numbers.segments("K19.p50", name), numbers.segments("K19.p95", name))
            with place:
                show(tag("p", spoken(name), css="chart-name"))
                st.altair_chart(
                    chart, width="stretch", theme=None, alt=f"Median and p95 latency of the steps of {name}"
                )


def _by_mission(numbers: Figures, flown: list[str]) -> None:
    heads = [("Mission", ""), *((numbers.of(name, None).name, "num") for name in _BOARD)]
    rows = [[tag("b", spoken(name)), *(_cell(numbers.of(kpi, name)) for kpi in _BOARD)] for name in flown]
    show(tag("h2", "By mission"), table(heads, rows, "Numbers by mission"))


def _cell(kpi: Kpi) -> Html:
    if kpi.value is None:
        return join([NOTHING, tag("div", kpi.why_nothing, css="second wraps")])
    loud = kpi.is_money and not is_bill(kpi.basis)
    small = basis_words(kpi.basis) if kpi.is_money else None
    rests = None if kpi.denominator is None else f"{_per(kpi)}of {count(kpi.denominator)}"
    return join([kpi.said, tag("div", small or rests, css="second loud-text" if loud else "second")])


def _per(kpi: Kpi) -> str:
    """Return the scale of a rate that is no percentage, which its column would not tell."""
    return "per 1,000, " if kpi.unit.startswith("per 1,000") else ""


def _every_number(numbers: Figures, mission: str | None) -> None:
    shown = [kpi for kpi in numbers.all if mission is None or kpi.mission == mission]
    with st.expander(f"All {count(len(shown))} numbers, with what they rest on"):
        st.download_button(
            "Download as CSV",
            as_csv(shown),
            "gonogo-kpis.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        show(table(_EVERY_HEADS, [_every_row(kpi) for kpi in shown], "All numbers"))


def _every_row(kpi: Kpi) -> list[object]:
    unit = kpi.unit.replace(" micros", "") if kpi.is_money else "money" if kpi.is_minor else kpi.unit
    return [
        join([kpi.name, tag("div", kpi.id, css="second")]),
        whose_words(kpi.mission),
        spoken(kpi.segment) if kpi.segment else "",
        join([kpi.said, tag("div", kpi.why_nothing if kpi.value is None else None, css="second wraps")]),
        join([unit, tag("div", basis_words(kpi.basis), css="second")]),
        rests_on(kpi),
    ]


require_entrance("pages/kpis.py")
page("Numbers", "What missions achieve and cost, and whether they still do what they should.", body, LOOK_AGAIN_SECONDS)
