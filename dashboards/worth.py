"""Worth: the return on agents as tables that a page and a report share. Hours are never shown as money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.markup import Html, join, table, tag
from dashboards.states import basis_words, is_bill
from dashboards.wording import NOTHING, count, money, percent, plural, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.accounts import Amount, MissionRoi, RoiReport

SHEET = (
    "mission", "business_unit", "currency", "runs", "successes", "model_micros", "review_micros", "platform_micros",
    "full_micros", "per_success_micros", "per_success_low", "per_success_high", "manual_micros", "saving_micros",
    "saving_low", "saving_high", "cash_micros", "avoidance_micros", "redeployed_micros", "idle_micros", "hours",
)  # fmt: skip
"""Columns of the account as a spreadsheet."""

_HEADS = (
    ("Mission", ""), ("Successes", "num"), ("All of it cost", "num"), ("A success costs", "num"),
    ("95 % interval; mark: by hand", ""), ("By hand", "num"), ("Saved per success", "num"),
)  # fmt: skip
_VALUE_HEADS = (
    ("Mission", ""), ("Cash released", "num"), ("Spend avoided", "num"), ("Capacity in use", "num"),
    ("Capacity nobody is shown to use", "num"), ("Hours released", "num"),
)  # fmt: skip
_OPTION_HEADS = (("Mission", ""), ("A case done by", ""), ("Costs", "num"), ("It handles", "num"), ("Rests on", ""))
_FORECAST_HEADS = (
    ("Mission", ""), ("Line", ""), ("P(NPV > 0)", "num"), ("NPV, 10th percentile", "num"), ("NPV, median", "num"),
    ("NPV, 90th percentile", "num"), ("Payback", "num"),
)  # fmt: skip

LINES = {
    "base": "cash released alone",
    "upside": "with spend avoided",
    "full": "with capacity in use",
}


def accounts_table(report: RoiReport) -> Html:
    """Return what a success costs, with its interval, beside the work by hand."""
    widest = max((_end(each.per_success, each.manual) for each in report.missions), default=0)
    rows = [_account_row(each, widest) for each in report.missions]
    return join([table(_HEADS, rows, "What a success costs, by mission"), *_unmeasured(report)])


def _unmeasured(report: RoiReport) -> Iterable[Html]:
    """Yield why savings are not measured: once a reason, not once a mission."""
    by_reason: dict[str, list[str]] = {}
    for each in report.missions:
        if each.saving_measured.micros is None:
            by_reason.setdefault(each.saving_measured.reason or NOTHING, []).append(spoken(each.mission))
    for reason, names in by_reason.items():
        whose = "any mission" if len(names) == len(report.missions) else ", ".join(names)
        yield tag("p", f"Savings are as declared. None is measured for {whose}: {reason}.", css="none")


def _end(*amounts: Amount) -> int:
    return max(each for amount in amounts for each in (amount.micros or 0, amount.high or 0))


def _account_row(each: MissionRoi, widest: int) -> list[object]:
    parts = [f"{word} {money(part, '')}" for word, part in (
        ("models", each.model_micros), ("people", each.review_micros), ("platform", each.platform_micros),
    )]  # fmt: skip
    return [
        join([tag("b", spoken(each.mission)), tag("div", each.business_unit, css="second")]),
        join([count(each.successes), tag("div", f"of {plural(each.runs, 'run')}", css="second")]),
        join([money(each.full_micros, each.currency), tag("div", ", ".join(parts), css="second")]),
        _amount(each.per_success, each.currency),
        _range(each.per_success, each.manual, each.currency, widest),
        _amount(each.manual, each.currency),
        join([
            _amount(each.saving_declared, each.currency),
            tag("div", _measured(each), css="second wraps"),
        ]),
    ]  # fmt: skip


def _measured(each: MissionRoi) -> str | None:
    told = each.saving_measured
    return None if told.micros is None else f"measured: {money(told.micros, each.currency)}"


def _amount(amount: Amount, currency: str | None) -> Html:
    if amount.micros is None:
        return join([NOTHING, tag("div", amount.reason, css="second wraps")])
    loud = not is_bill(amount.basis)
    small = tag("div", basis_words(amount.basis), css="second loud-text" if loud else "second")
    return join([money(amount.micros, currency), small])


def _range(amount: Amount, hand: Amount, currency: str | None, widest: int) -> Html:
    """Return an interval in words and as a bar, with the cost by hand as a mark on it."""
    if amount.low is None or amount.high is None or not widest:
        return tag("span", amount.reason or NOTHING, css="second")
    words = f"{money(amount.low, '')} to {money(amount.high, currency)}"
    bar = tag("i", style=f"left:{amount.low / widest:.2%};width:{max((amount.high - amount.low) / widest, 0.004):.2%}")
    mark = None if hand.micros is None else tag("b", style=f"left:{min(hand.micros / widest, 1):.2%}")
    return join([words, tag("div", bar, mark, css="range", aria_hidden="true")])


def value_table(report: RoiReport) -> Html:
    """Return what the successes replaced, by the lines of Finance, each apart from the others."""
    rows = [
        [
            tag("b", spoken(each.mission)),
            *(
                [tag("span", "no manual cost is declared", css="second"), NOTHING, NOTHING, NOTHING, NOTHING]
                if each.value is None
                else [
                    money(each.value.cash_micros, each.currency),
                    money(each.value.avoidance_micros, each.currency),
                    money(each.value.redeployed_micros, each.currency),
                    join([money(each.value.idle_micros, each.currency), tag("div", "in no total", css="second")]),
                    f"{each.value.hours:,.1f} h",
                ]
            ),
        ]
        for each in report.missions
    ]
    return table(_VALUE_HEADS, rows, "What the successes replaced, by the lines of Finance")


def options_table(report: RoiReport) -> Html:
    """Return what a case costs each way: agents, people, rules."""
    rows = [
        [
            tag("b", spoken(each.mission)) if number == 0 else "",
            option.option,
            money(option.micros_per_case, each.currency),
            NOTHING if option.handled_percent is None else percent(option.handled_percent / 100),
            tag("span", option.reason or basis_words(option.basis), css="second"),
        ]
        for each in report.missions
        for number, option in enumerate(each.options)
    ]
    return table(_OPTION_HEADS, rows, "What a case costs each way, whatever is left over done by hand")


def forecast_table(report: RoiReport) -> Html:
    """Return what each plan comes to, by line, with how sure that is."""
    rows: list[list[object]] = []
    for each in report.missions:
        if not each.forecasts:
            why = tag("span", each.forecast_reason or NOTHING, css="second")
            rows.append([tag("b", spoken(each.mission)), why, *[NOTHING] * 5])
        plans: list[list[object]] = [
            [
                tag("b", spoken(each.mission)) if number == 0 else "",
                LINES[one.line],
                percent(one.p_npv_positive),
                *(f"{value:,.0f} {report.currency}" for value in (one.npv_p10, one.npv_p50, one.npv_p90)),
                "not within the plan" if one.payback_months is None else plural(one.payback_months, "month"),
            ]
            for number, one in enumerate(each.forecasts)
        ]
        rows += plans
    return table(_FORECAST_HEADS, rows, f"Plans over their months, in {report.currency}")


def left_out(report: RoiReport) -> Html | None:
    """Return which missions no account can be made of, and why."""
    if not report.undeclared:
        return None
    names = ", ".join(map(spoken, report.undeclared))
    return tag("p", f"Left out: {names}. policies/assumptions.yaml declares no review and platform cost.", css="none")


def account_rows(report: RoiReport) -> Iterable[dict[str, Any]]:
    """Yield the accounts as rows of :data:`SHEET`, in whole micro-units."""
    for each in report.missions:
        value = each.value
        yield {
            **{name: getattr(each, name) for name in SHEET[:9]},
            "per_success_micros": each.per_success.micros,
            "per_success_low": each.per_success.low,
            "per_success_high": each.per_success.high,
            "manual_micros": each.manual.micros,
            "saving_micros": each.saving_declared.micros,
            "saving_low": each.saving_declared.low,
            "saving_high": each.saving_declared.high,
            **({} if value is None else {name: getattr(value, name) for name in SHEET[16:]}),
        }
