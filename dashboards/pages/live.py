"""Live: what flies now, who owns it, what it waits for, and what landed last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from dashboards.choosing import choose
from dashboards.entrance import require_entrance
from dashboards.exposures import exposure, exposure_tiles
from dashboards.fleet import LANDED_SHOWN, LIVE_SHOWN, Chosen, landed, live, totals
from dashboards.frame import page
from dashboards.halting import abort_form, halted_now
from dashboards.markup import Html, join, show, table, tag
from dashboards.states import RUN, basis, basis_words, model_badge, pill
from dashboards.tiles import Tile, tiles
from dashboards.wording import (
    NOTHING,
    clock,
    count,
    duration,
    latency,
    left,
    money,
    percent,
    plural,
    since,
    spoken,
    zone,
)

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart

SILENT = timedelta(minutes=10)
"""A flying run that has recorded nothing for so long is pointed at."""

_LIVE_HEADS = (
    ("Run", ""),
    ("Mission", ""),
    ("State", ""),
    ("Step", ""),
    ("Cost so far", "num"),
    ("Model", ""),
    ("Last evidence", "num"),
)


def body(mart: Mart, now: datetime) -> None:
    """Draw the page."""
    halted_now(now)
    chosen = choose(mart)
    abort_form(mart, chosen)
    _numbers(totals(mart, now, chosen.mission), now)
    show(tag("h2", "Exposure now ", tag("small", "what live missions can still do before their caps refuse")))
    tiles(*exposure_tiles(exposure(mart, chosen.mission)))
    _in_flight(mart, chosen, now)
    _landings(mart, chosen, now)


def _numbers(sums: dict[str, Any], now: datetime) -> None:
    landed_share = f"{percent(sums['succeeded'] / sums['landed'])} reached their goal" if sums["landed"] else "none yet"
    tiles(
        Tile("Flying", count(sums["flying"]), "runs at work this moment"),
        Tile("Waiting for a person", count(sums["at_gates"]), _next_gate(sums, now)),
        Tile("Waiting for an event", count(sums["at_events"]), "customers, systems, other teams"),
        Tile("Landed, 24 h", count(sums["landed"]), landed_share),
        Tile("Spent on models, 24 h", *_spent(sums)),
    )


def _next_gate(sums: dict[str, Any], now: datetime) -> str:
    if not sums["gates"]:
        return "no gate is open"
    return (
        f"oldest for {duration((now - sums['oldest']).total_seconds())}; next deadline: {left(sums['deadline'], now)}"
    )


def _spent(sums: dict[str, Any]) -> tuple[str, object]:
    if sums["currency"] == "mixed":
        return NOTHING, "the costs are in more than one currency"
    return money(sums["cost_micros"] or 0, sums["currency"]), basis(sums["price_basis"]) or "nothing was priced"


def _in_flight(mart: Mart, chosen: Chosen, now: datetime) -> None:
    runs, total = live(mart, chosen)
    shown = f"the newest {LIVE_SHOWN} of {count(total)}" if total > LIVE_SHOWN else plural(total, "run")
    show(tag("h2", "In the air ", tag("small", shown)))
    if runs:
        show(table(_LIVE_HEADS, [_live_row(run, now) for run in runs], "Runs in the air"))
    else:
        show(tag("p", "Nothing that you chose to see is in the air.", css="none"))


def _live_row(run: dict[str, Any], now: datetime) -> list[object]:
    silent = run["status"] == "flying" and now - run["last_recorded_at"] > SILENT
    evidence = tag("span", since(run["last_recorded_at"], now), css="warn" if silent else "")
    return [
        _name(run),
        _two(spoken(run["mission"]), run["owner"]),
        _state(run, now),
        _step(run, now),
        _cost(run),
        model_badge(run["model"], offline=run["offline"]),
        _two(evidence, "silent" if silent else None),
    ]


def _name(run: dict[str, Any]) -> Html:
    """Return a run's id, which leads to its story, and its case."""
    door = tag("a", run["run_id"], href=f"evidence?{urlencode({'run': run['run_id']})}", target="_self")
    return _two(door, run["case_ref"])


def _two(first: object, second: object) -> Html:
    """Return a cell of two lines, the second one quieter."""
    return join([tag("div", first), tag("div", second, css="second") if second else None])


def _state(run: dict[str, Any], now: datetime) -> Html:
    mark = pill(run["status"], RUN)
    if run["status"] != "waiting":
        return _two(mark, None)
    so_far = f"{duration((now - run['waiting_since']).total_seconds())} so far"
    if run["gate"] is None:
        return _two(mark, f"for {', '.join(map(spoken, run['waiting_events'])) or 'an event'}: {so_far}")
    door = tag("a", run["role"], href=f"waiting?{urlencode({'gate': run['gate']})}", target="_self")
    also = f" and {plural(run['gates_open'] - 1, 'more gate')}" if run["gates_open"] > 1 else ""
    return _two(mark, ["for ", door, f"{also}: {so_far}, {left(run['deadline'], now)}"])


def _step(run: dict[str, Any], now: datetime) -> Html:
    """Return the step a run is in, or came from last, and since when."""
    if run["step"] is None:
        return _two("before its first step", None)
    if run["step_outcome"] != "open":
        return _two(f"after {spoken(run['step'])}", None)
    also = f", {plural(run['steps_open'] - 1, 'other')} beside it" if run["steps_open"] > 1 else ""
    return _two(spoken(run["step"]), f"begun {since(run['step_began_at'], now)}{also}")


def _cost(run: dict[str, Any]) -> Html:
    spent, cap = run["cost_micros"], run["budget_usd_micros"]
    # The cap is in US dollars; a bar against another currency would compare what cannot be compared.
    of = f"of {money(cap, 'USD')}" if cap and run["currency"] in {"USD", None} else None
    return _two(money(spent, run["currency"] or "USD"), " ".join(filter(None, (of, basis_words(run["price_basis"])))))


def _landings(mart: Mart, chosen: Chosen, now: datetime) -> None:
    runs = landed(mart, chosen)
    show(tag("h2", "Landed last ", tag("small", f"the newest {LANDED_SHOWN}" if len(runs) == LANDED_SHOWN else None)))
    if not runs:
        show(tag("p", "Nothing that you chose to see has landed.", css="none"))
        return
    where = zone(st.context.timezone)
    # What all costs stand on is said once; where it differs, every row says its own.
    bases = {run["price_basis"] for run in runs} - {None}
    prices = basis_words(next(iter(bases))) if len(bases) == 1 else None
    heads = (
        ("Run", ""),
        ("Mission", ""),
        ("Landed as", ""),
        ("Outcome", ""),
        ("Took", "num"),
        (f"Cost, {prices} prices" if prices else "Cost", "num"),
        ("Gates", "num"),
        ("Landed at", "num"),
    )
    rows = [_landed_row(run, clock(run["ended_at"], now, where), tell_basis=not prices) for run in runs]
    show(table(heads, rows, "Landed runs"))


def _landed_row(run: dict[str, Any], at: str, *, tell_basis: bool) -> list[object]:
    said = run["outcome"] or run["reason_code"] or NOTHING
    interventions = plural(run["interventions"], "intervention") if run["interventions"] else None
    return [
        _name(run),
        spoken(run["mission"]),
        pill(run["status"], RUN),
        _two(spoken(said), "handed to a person by rule" if run["escalated"] else run["error"]),
        latency(None if run["latency_ms"] is None else run["latency_ms"] * 1_000),
        _two(
            money(run["cost_micros"], run["currency"] or "USD"), basis_words(run["price_basis"]) if tell_basis else None
        ),
        _two(count(run["gates"]), interventions),
        at,
    ]


require_entrance("pages/live.py")
page("Live missions", "What flies now, who owns it, and what it waits for.", body)
