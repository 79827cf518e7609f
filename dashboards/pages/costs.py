"""Cost: what models cost by mission, agent, model, step, day and unit, each way to the same sum; budgets; waste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from dashboards import sheets
from dashboards.charts import cost_chart
from dashboards.choosing import choose_mission
from dashboards.entrance import require_entrance
from dashboards.frame import page
from dashboards.markup import Html, join, show, table, tag
from dashboards.notices import price_warning
from dashboards.spending import LEVELS, SHOWN, Level, costs, price_bases, run_budgets, sums, waste
from dashboards.wording import NOTHING, cents, count, money, percent, plural, spoken
from gonogo.errors import GonogoError
from gonogo.policy.registry import read_registry
from gonogo.purses.standing import Standing, standing
from gonogo.settings import settings
from gonogo.uses import WORDS

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

LOOK_AGAIN_SECONDS = 15.0

_BUDGET_HEADS = (
    ("Mission", ""), ("Runs with a cap", "num"), ("Allowed", "num"), ("Spent", ""), ("Fullest run", "num"),
    ("Over its cap", "num"),
)  # fmt: skip
_DAY_HEADS = (("Whose", ""), ("What", ""), ("Cap", "num"), ("Used today", ""), ("In flight", "num"), ("Left", "num"))
_WASTE_HEADS = (
    ("Mission", ""), ("All runs", "num"), ("Succeeded", "num"), ("Failed", "num"), ("Aborted", "num"),
    ("Ended no-go", "num"), ("Not paid again", "num"),
)  # fmt: skip
_MONEY = {"usd_micros": "money for models", "amount_cents": "money moved by tools"}
"""Units that are shown in whole money, in words that do not name the small change they are counted in."""
_IDS = frozenset({"agent", "model"})
"""Levels whose names are ids, shown as they stand in the registry."""
_SHEET = ("level", "name", "currency", "counted", "micros")


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    del now
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        mission = choose_mission(mart)
        chosen = st.segmented_control(
            "By", list(LEVELS), default="mission", key="by", bind="query-params", format_func=_level_words,
            label_visibility="collapsed",
        )  # fmt: skip
    level = cast("Level", chosen) if chosen in LEVELS else "mission"
    every: dict[Level, list[dict[str, Any]]] = {name: costs(mart, name, mission) for name in LEVELS}
    price_warning(price_bases(mart, mission))
    _level(level, every[level])
    _agreement(every)
    _budgets(mart, mission)
    _day_budgets()
    _waste(mart, mission)


def _level_words(level: Level) -> str:
    return f"by {LEVELS[level]}"


def _level(level: Level, rows: list[dict[str, Any]]) -> None:
    show(tag("h2", f"Models, by {LEVELS[level]} ", tag("small", _total_words(sums(rows)))))
    if not rows:
        show(tag("p", "Nothing was priced yet: no model was asked.", css="none"))
        return
    if level == "day":
        st.altair_chart(cost_chart(rows), width="stretch", theme=None, alt="Cost of models by day")
    totals = sums(rows)
    counted = "Runs" if level in {"mission", "business_unit"} else "Calls"
    # Only the first letter: the others may be those of UTC.
    heads = ((f"{LEVELS[level][0].upper()}{LEVELS[level][1:]}", ""), (counted, "num"), ("Cost", "num"), ("Share", ""))
    shown = [_row(row, totals, row["name"] if level in _IDS else spoken(row["name"])) for row in rows[:SHOWN]]
    rest = rows[SHOWN:]
    if rest:
        names = f"{plural(len(rest), 'more row')}, in the download"
        shown.append([tag("i", names), count(sum(row["counted"] for row in rest)), _total_words(sums(rest)), ""])
    show(table(heads, shown, f"Cost by {LEVELS[level]}"))
    st.download_button(
        "Costs as CSV", sheets.as_csv(_SHEET, ({**row, "level": level} for row in rows)), f"gonogo-cost-{level}.csv",
        "text/csv", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _row(row: dict[str, Any], totals: dict[str, int], name: str) -> list[object]:
    of = totals.get(row["currency"], 0)
    share = row["micros"] / of if of else None
    return [tag("b", name), count(row["counted"]), money(row["micros"], row["currency"]), _bar(share)]


def _bar(share: float | None) -> Html:
    if share is None:
        return join([NOTHING])
    inside = tag("i", style=f"width:{min(max(share, 0), 1):.1%}")
    return join([percent(share), tag("div", inside, css="share over" if share > 1 else "share", aria_hidden="true")])


def _total_words(totals: dict[str, int]) -> str:
    return " and ".join(money(micros, currency) for currency, micros in totals.items()) or "nothing"


def _agreement(every: dict[Level, list[dict[str, Any]]]) -> None:
    """Say whether every way of adding up comes to the same, to the micro-unit."""
    by_level: dict[Level, dict[str, int]] = {level: sums(rows) for level, rows in every.items()}
    first = by_level["mission"]
    differ = [LEVELS[level] for level, totals in by_level.items() if totals != first]
    exact = ", ".join(f"{micros:,} micro-{currency or 'units'}" for currency, micros in first.items()) or "0"
    if not differ:
        show(tag("p", f"Added up each of the {len(by_level)} ways, it is the same: {exact}.", css="second"))
        return
    told = "; ".join(f"by {LEVELS[level]}: {totals}" for level, totals in by_level.items())
    show(tag("p", tag("b", f"The sums by {', '.join(differ)} differ. "), f"{told}. gonogo rebuild --check says why.",
             css="notice", role="alert"))  # fmt: skip


def _budgets(mart: Mart, mission: str | None) -> None:
    found = run_budgets(mart, mission)
    show(tag("h2", "Budgets of runs ", tag("small", "reserved before each call, so a cap is never overshot")))
    if not found:
        show(tag("p", "No run has a money cap in US dollars.", css="none"))
        return
    rows = [
        [
            tag("b", spoken(each["mission"])),
            count(each["runs"]),
            money(each["allowed"], "USD"),
            join(
                [
                    money(each["spent"], "USD"),
                    "  ·  ",
                    _bar(each["spent"] / each["allowed"] if each["allowed"] else None),
                ]
            ),
            percent(each["fullest"]),
            tag("span", count(each["over"]), css="warn" if each["over"] else ""),
        ]
        for each in found
    ]
    show(table(_BUDGET_HEADS, rows, "Budgets of runs"))


def _day_budgets() -> None:
    show(tag("h2", "Budgets of today ", tag("small", "what all runs share, in every process")))
    try:
        found = standing(settings(), read_registry(settings().policy_folder).days)
    except GonogoError as error:
        show(tag("p", str(error), css="none"))
        return
    if not found:
        show(tag("p", "No budget of a day is declared in policies/budgets.yaml.", css="none"))
        return
    show(table(_DAY_HEADS, [_day_row(each) for each in found], f"Budgets of {found[0].day}"))


def _day_row(each: Standing) -> list[object]:
    def told(amount: int) -> str:
        if each.unit == "amount_cents":
            return cents(amount)
        return money(amount, "USD") if each.unit == "usd_micros" else count(amount)

    return [
        join(
            [
                tag("b", spoken(each.name) if each.whose == "mission" else each.name),
                tag("div", each.whose, css="second"),
            ]
        ),
        join(
            [
                _MONEY.get(each.unit) or WORDS[each.unit],
                tag("div", "in each tool's own currency", css="second") if each.unit == "amount_cents" else None,
            ]
        ),
        told(each.cap),
        join([told(each.used), "  ·  ", _bar(each.used / each.cap if each.cap else None)]),
        told(each.in_flight),
        told(each.left),
    ]


def _waste(mart: Mart, mission: str | None) -> None:
    found = waste(mart, mission)
    show(tag("h2", "Waste, and what replays saved ", tag("small", "a recorded result is looked up, not paid again")))
    if not found:
        show(tag("p", "Nothing was priced yet.", css="none"))
        return
    rows = [
        [
            tag("b", spoken(each["mission"])),
            money(each["micros"], each["currency"]),
            *(_part(each, name) for name in ("successes", "failed", "aborted", "refused")),
            join([
                money(each["kept"], each["currency"]),
                tag("div", f"{plural(each['resumed'], 'run')} went on after a stop", css="second")
                if each["resumed"]
                else None,
            ]),
        ]
        for each in found
    ]  # fmt: skip
    show(table(_WASTE_HEADS, rows, "What was paid for runs by how they ended"))


def _part(each: dict[str, Any], name: str) -> Html:
    micros = each[name] or 0
    return join([money(micros, each["currency"]), tag("div", percent(micros / each["micros"]), css="second")])


require_entrance("pages/costs.py")
page("Cost", "What models cost, by whom and for what; what was allowed; what was wasted.", body, LOOK_AGAIN_SECONDS)
