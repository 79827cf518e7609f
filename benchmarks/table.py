"""The table: every figure beside gonogo's, and under it what everybody guarantees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.results import MORE_IS_BETTER, OURS, Row, ratio, rows_of
from benchmarks.systems import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.rounds import Measured

WHAT = {
    "mission-10": "10 sequential durable steps, 1 kB results",
    "fan-out-50": "parallel durable steps in one mission",
    "fleet-200": "200 missions of 10 steps",
    "gate": "a gate after step 5: somebody says go",
    "recovery": "kill -9 inside step 6, start again",
    "agent-11": "6 model requests and 5 tool calls of an agent, scripted model",
    "mission-lane": "the same 10 steps through one Prefect server on SQLite, in turn",
    "mission-lane-gate": "gates of warm Prefect flow runs, answered as the command line and the dashboard do",
    "gate-wake-suspended": "gates of suspended Prefect flow runs, woken through the warm runner",
}


def render(measured: Measured) -> str:
    """Return the table as text; what could not be measured stands in its workload, with the reason."""
    rows = rows_of(measured.values)
    width = max([len(row.system) for row in rows] + [len(failure.system) for failure in measured.failures] + [16])
    lines = [f"{'':<{width + 4}}{'median':>12}{'gonogo is':>18}{'values':>8}"]
    for workload in WORKLOADS:
        mine = [row for row in rows if row.workload == workload]
        missed = [failure for failure in measured.failures if failure.workload == workload]
        if not mine and not missed:
            continue
        in_flight = _in_flight({row.system for row in mine}, measured.about.values()) if workload == "fleet-200" else ""
        lines += [f"{workload}: {WHAT[workload]}{in_flight}"]
        for metric in dict.fromkeys((row.metric, row.unit) for row in mine):
            lines += _group(metric, [row for row in mine if (row.metric, row.unit) == metric], width)
        lines += [f"    {failure.system:<{width}}  failed: {failure.reason}" for failure in missed]
        lines += [f"    ({system}: {note})" for (of, system), note in measured.notes.items() if of == workload]
        lines.append("")
    return "\n".join([*lines, *_guarantees(measured.about.values())]) + "\n"


def _group(metric: tuple[str, str], rows: list[Row], width: int) -> list[str]:
    """Return one metric's lines, best first."""
    name, unit = metric
    is_more = unit in MORE_IS_BETTER
    ours = next((row for row in rows if row.system == OURS), None)
    lines = [f"  {name}, {unit}, {'more' if is_more else 'less'} is better"]
    ranked = sorted(rows, key=lambda row: row.value, reverse=is_more)
    return lines + [
        f"    {row.system:<{width}}{_figure(row.value):>12}{_told(ratio(row, ours)):>18}{row.runs:>8}" for row in ranked
    ]


def _figure(value: float) -> str:
    """Return a value with three significant digits, without an exponent."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3  # noqa: PLR2004 - powers of ten
    return f"{value:,.{digits}f}"


def _told(times: float | None) -> str:
    if times is None:
        return ""
    return f"{_figure(times)} x better" if times >= 1 else f"{_figure(1 / times)} x worse"


def _in_flight(systems: set[str], about: Iterable[Mapping[str, Any]]) -> str:
    """Say how many missions of a fleet were in flight, and for whom it was not the same."""
    told = {each["system"]: each["in_flight"] for each in about if each["system"] in systems}
    most = max(told.values(), default=0)
    fewer = [f"{system} {number}, since more loses runs" for system, number in told.items() if number < most]
    return f", {most} in flight" + (f" ({'; '.join(fewer)})" if fewer else "")


def _guarantees(about: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is on disk when a step counts as done, for everybody."""
    lines: list[str] = []
    for each in about:
        versions = ", ".join(f"{name} {number}" for name, number in each["versions"].items())
        setup = f" Set-up: {each['setup']}." if each["setup"] else ""
        lines.append(f"  {each['system']}: {each['sync']}.{setup}" + (f" [{versions}]" if versions else ""))
    return ["When a step counts as done:", *lines] if lines else []
