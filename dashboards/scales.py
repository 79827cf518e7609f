"""Scales: how people review and what gates cost and catch, as tables; every share stands beside its count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.markup import Html, join, table, tag
from dashboards.states import WORTH, WORTH_WORDS, basis, basis_words, pill
from dashboards.wording import NOTHING, cents, count, latency, money, plural, since, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_HABIT_HEADS = (
    ("Reviewer", ""), ("Answers", "num"), ("Median look", "num"), ("Shortest", "num"), ("Faster than reading", "num"),
    ("Busiest hour", "num"), ("Goes borne out", "num"), ("Probes caught", "num"), ("Last answer", "num"),
)  # fmt: skip
_WORTH_HEADS = (
    ("Gate", ""),
    ("Asks", ""),
    ("Answers", "num"),
    ("Caught", "num"),
    ("Money caught", "num"),
    ("Missed", "num"),
    ("Median wait", "num"),
)


def habits_table(found: Iterable[Mapping[str, Any]], now: datetime) -> Html:
    """Return how each person reviews; no row says whether that is good."""
    return table(_HABIT_HEADS, [_habit(each, now) for each in found], "How reviews bore out")


def _habit(each: Mapping[str, Any], now: datetime) -> list[object]:
    kinds = ((each["goes"], "go"), (each["no_goes"], "no-go"), (each["revises"], "revise"))
    return [
        tag("b", each["reviewer"]),
        _two(count(each["answers"]), ", ".join(f"{number:,} {word}" for number, word in kinds if number)),
        _span(each["median_open_ms"]),
        _span(each["fastest_open_ms"]),
        _of(each["unread"], each["answers"]),
        count(each["busiest_hour"]),
        _of(each["goes_borne_out"], each["goes_ended"]),
        _of(each["probes_caught"], each["probes"]),
        since(each["last_at"], now),
    ]


def worth_table(found: Iterable[Mapping[str, Any]]) -> Html:
    """Return what each gate costs people, what they caught there, and what is known of it after so many answers.

    What their time stands on is said once; where it differs, every row says its own.
    """
    rows = list(found)
    bases = {each["basis"] for each in rows} - {None}
    prices = basis_words(next(iter(bases))) if len(bases) == 1 else ""
    time = f"People's time, {prices} prices" if prices else "People's time"
    heads = (*_WORTH_HEADS, (time, "num"), ("A catch costs", "num"), ("Says", ""))
    return table(heads, [_worth(each, tell_basis=not prices) for each in rows], "What each gate costs and catches")


def _worth(each: Mapping[str, Any], *, tell_basis: bool) -> list[object]:
    judged = each["verdict"] != "not_enough_data"
    between = f"{each['caught_low']:.1f} to {each['caught_high']:.1f} % of answers" if judged else None
    silent = ", ".join(f"{each[name]:,} {name}" for name in ("expired", "waiting") if each[name])
    return [
        _two(tag("b", spoken(each["action"])), spoken(each["mission"])),
        _two(each["role"], ", ".join(each["rules"])),
        _two(count(each["answered"]), silent),
        _two(count(each["caught"]), between),
        cents(each["stopped_cents"]),
        _two(count(each["missed"]), cents(each["missed_cents"]) if each["missed_cents"] else None),
        _span(None if each["waited_p50_minutes"] is None else each["waited_p50_minutes"] * 60_000),
        _two(money(each["review_micros"], each["currency"]), basis(each["basis"]) if tell_basis else None),
        money(each["micros_per_catch"], each["currency"]),
        pill(each["verdict"], WORTH, WORTH_WORDS.get(each["verdict"])),
    ]


def worth_tally(found: list[dict[str, Any]]) -> str:
    """Return how many gates there are, and of how many too little is known."""
    if not found:
        return ""
    total, young = found[0]["gates"], sum(each["verdict"] == "not_enough_data" for each in found)
    shown = f"the dearest {len(found):,} of {plural(total, 'gate')}" if total > len(found) else plural(total, "gate")
    told = f"{shown}; {young:,} with fewer than 30 answers, of which nothing can be said yet"
    moved = any(each["stopped_cents"] or each["missed_cents"] for each in found)
    return f"{told}; money caught is in each tool's own currency" if moved else told


def _two(first: object, second: object) -> Html:
    return join([tag("div", first), tag("div", second, css="second") if second else None])


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" if whole else NOTHING


def _span(milliseconds: float | None) -> str:
    return latency(None if milliseconds is None else milliseconds * 1_000)
