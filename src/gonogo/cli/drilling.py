"""``gonogo drill``: attack ourselves, and measure."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gonogo.cli.numbers import room
from gonogo.cli.screen import err, plain_cell, print_json, print_table, say
from gonogo.errors import SettingsBroken
from gonogo.house.address import find_house
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.drills.abort import Lane, Row
    from gonogo.drills.evidence import Row as Seen
    from gonogo.settings import Settings

ALL_LANES = "all"

TRIALS = 1
"""How often each signal is tried in each lane, if not said."""


def drill(
    what: Annotated[
        Literal["abort", "evidence", "approvals"],
        typer.Argument(
            help="What to drill: abort, the kill switch and its signals; evidence, the log; approvals, forged answers."
        ),
    ],
    trials: Annotated[
        int, typer.Option("--trials", help="Of abort: how often each signal is tried in each lane.", min=1)
    ] = TRIALS,
    lane: Annotated[
        list[str] | None,
        typer.Option(
            "--lane",
            help="Of abort: where runaways fly: batch, warm_runner, processes, server_down or all; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Attack ourselves on scratch ground, and measure. Exit 0 if all is caught that can be.

    abort: runaways are set loose on a toy system of record; where `gonogo up` runs, the house drills, unless --lane
    says where. evidence: all that an insider may do to the log is done to copies of one. approvals: every way to
    pretend that somebody agreed is tried at a gate under your own rules about approvals. Nothing of yours is touched;
    the result is evidence in your home, and lands in the table `drills`.

    Example: `gonogo drill abort --trials 100`
    """
    chosen = settings()
    if what == "evidence":
        passed = _drill_evidence(chosen, as_json=as_json)
    elif what == "approvals":
        passed = _drill_approvals(chosen, as_json=as_json)
    else:
        passed = _drill_abort(chosen, trials, lane or [], as_json=as_json)
    raise typer.Exit(0 if passed else 1)


def _drill_abort(chosen: Settings, trials: int, lanes: Sequence[str], *, as_json: bool) -> bool:
    from gonogo.drills.abort import LANES, drill_abort
    from gonogo.drills.housed import drill_in_house

    house = find_house(chosen)
    if lanes:
        if strange := set(lanes) - {*LANES, ALL_LANES}:
            raise SettingsBroken(f"--lane knows {', '.join(LANES)} and {ALL_LANES}, not {', '.join(sorted(strange))}.")
        wanted: list[Lane] = [lane for lane in LANES if lane in lanes or ALL_LANES in lanes]
        rows = _drill_lanes(chosen, trials, wanted)
    elif house is not None:
        err.print("The house drills.")
        rows = drill_in_house(chosen, house, trials)
    else:
        rows = asyncio.run(drill_abort(chosen, trials=trials, tell=_tell))
    room(chosen.warehouse).land(chosen.home)
    passed = bool(rows) and all(row.passed for row in rows)
    if as_json:
        print_json({"drill": "abort", "passed": passed, "rows": [asdict(row) for row in rows]})
    else:
        _print(rows, passed=passed)
    return passed


def _drill_lanes(chosen: Settings, trials: int, lanes: list[Lane]) -> list[Row]:
    """Drill in these lanes from here; the house that some of them need is brought up in a scratch home."""
    from gonogo.drills.abort import drill_abort
    from gonogo.drills.lodging import lodging

    def elsewhere(housed: Sequence[Lane]) -> list[Row]:
        err.print("A house comes up for the drill.")
        with (
            TemporaryDirectory(prefix="gonogo-lodge-", ignore_cleanup_errors=True) as place,
            lodging(chosen, Path(place) / "home") as lodge,
        ):
            return lodge.drill(housed, trials)

    return asyncio.run(drill_abort(chosen, trials=trials, lanes=lanes, tell=_tell, elsewhere=elsewhere))


def _drill_evidence(chosen: Settings, *, as_json: bool) -> bool:
    from gonogo.drills.evidence import drill_evidence
    from gonogo.drills.tampering import ATTACKS, HOLDINGS

    rows = asyncio.run(drill_evidence(chosen))
    room(chosen.warehouse).land(chosen.home)
    passed = bool(rows) and all(row.passed for row in rows)
    if as_json:
        told = [asdict(row) | {"passed": row.passed} for row in rows]
        print_json({"drill": "evidence", "passed": passed, "rows": told})
        return passed
    found = {(row.attack, row.holding): row for row in rows}
    columns = ("attack", "checkpoint alone", "an older one kept", "the newest anchored")
    cells = [(attack.what, *(_seen(found[attack.name, holding]) for holding in HOLDINGS)) for attack in ATTACKS]
    print_table("Drill of the evidence: what an auditor finds", columns, cells, "Nothing was drilled.")
    say("All as it has to be." if passed else "The log does not show what it has to; do not rely on it until it does.")
    return passed


def _seen(row: Seen) -> str:
    """Return what an auditor saw of an attack, loudly where it is not what has to be."""
    return ("found" if row.found else "not found") + ("" if row.passed else " (!)")


def _drill_approvals(chosen: Settings, *, as_json: bool) -> bool:
    from gonogo.drills.approvals import TRUE_GO, drill_approvals

    rows = asyncio.run(drill_approvals(chosen))
    room(chosen.warehouse).land(chosen.home)
    passed = bool(rows) and all(row.passed for row in rows)
    if as_json:
        print_json({"drill": "approvals", "passed": passed, "rows": [asdict(row) for row in rows]})
        return passed
    good = {True: "passed", False: "refused"}
    cells = [
        (row.forgery, good[row.forgery == TRUE_GO] if row.passed else "NOT CAUGHT", row.effects, plain_cell(row.told))
        for row in rows
    ]
    columns = ("forgery", "came to", "effects", "what the evidence says")
    print_table("Drill of approvals: ways to pretend that somebody agreed", columns, cells, "Nothing was drilled.")
    say("None passed." if passed else "Not all were refused; do not rely on gates until they are.")
    return passed


def _tell(row: Row) -> None:
    """Say on standard error how far the drill is."""
    err.print(f"{row.signal}, {row.lane}: {row.caught} of {row.trials} caught")


def _print(rows: list[Row], *, passed: bool) -> None:
    columns = ("signal", "lane", "caught", "effects", "after the halt", "p50", "p99", "longest", "limit")
    cells = [
        (
            row.signal, row.lane, f"{row.caught} of {row.trials}", row.effects, row.effects_after,
            *(_milliseconds(us) for us in (row.p50_us, row.p99_us, row.most_us, row.limit_us)),
        )
        for row in rows
    ]  # fmt: skip
    print_table("Drill of the kill switch: trigger to last side effect", columns, cells, "Nothing was drilled.")
    for row in rows:
        if not row.passed:
            err.print(f"{row.signal} in {row.lane}: {plain_cell(row.why or 'too late')}", style="red")
    say("All caught." if passed else "Not all were caught; do not fly what relies on the switch until they are.")


def _milliseconds(us: int) -> str:
    return f"{us / 1_000:.1f} ms"
