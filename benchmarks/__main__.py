"""``python -m benchmarks``: measure gonogo beside its peers, print one table, write the figures."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.environments import HERE, NotInstalledError, python_of
from benchmarks.machine import BUSY_LOAD, facts
from benchmarks.plot import draw
from benchmarks.results import read_rows, rows_of, write_rows
from benchmarks.rounds import Measured, measure
from benchmarks.systems import BY_DEFAULT, ENVIRONMENTS, SYSTEMS, WORKLOADS, chosen
from benchmarks.table import render

ROUNDS = 3
PICTURE = HERE.parent / "docs" / "images" / "benchmarks.svg"


def main() -> int:
    """Do what the arguments say; returns the exit code."""
    given = _arguments()
    if given.install:
        return _install(ENVIRONMENTS if "all" in given.install else given.install)
    if given.plot:
        return _plot(given.output or HERE)
    machine = facts() | {"quick": given.quick}
    if machine["load_before"] > BUSY_LOAD:
        print(
            f"The machine is busy (load {machine['load_before']}): these figures are not worth much.", file=sys.stderr
        )
    parts = chosen(given.systems, given.workloads)
    if not parts:
        print("None of these systems is asked for any of these workloads; nothing is measured.", file=sys.stderr)
        return 2
    measured = measure(parts, given.workloads, given.rounds or (1 if given.quick else ROUNDS), quick=given.quick)
    is_whole = set(given.systems) >= set(BY_DEFAULT) and set(given.workloads) == set(WORKLOADS)
    output = given.output or (HERE if is_whole and not given.quick else HERE / "results")
    _write(output, measured, machine)
    if output == HERE:
        _plot(output)
    if given.quick:
        print("Tiny sizes: this shows that everything works, and measures nothing.\n")
    print(render(measured))
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['filesystem']}, load {machine['load_before']}")
    print(f"Figures: {output / 'results.json'}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--systems", nargs="+", default=list(BY_DEFAULT), choices=SYSTEMS, metavar="SYSTEM")
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS, metavar="WORKLOAD")
    parser.add_argument("--rounds", type=int, default=0, help=f"interleaved rounds; {ROUNDS}, with --quick 1")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: shows that everything works, measures nothing"
    )
    parser.add_argument("--output", type=Path, help="folder for results.json and machine.json")
    parser.add_argument(
        "--install", nargs="+", choices=[*ENVIRONMENTS, "all"], metavar="NAME", help="only make these environments"
    )
    parser.add_argument(
        "--plot",
        action="store_true",
        help="only draw docs/images/benchmarks.svg from results.json; a whole run does it by itself",
    )
    return parser.parse_args()


def _install(names: list[str] | tuple[str, ...]) -> int:
    failed = 0
    for name in names:
        try:
            python_of(name)
        except NotInstalledError as error:
            failed = 1
            print(f"{name}: not installed: {error}", file=sys.stderr)
    return failed


def _plot(folder: Path) -> int:
    try:
        PICTURE.write_text(draw(read_rows(folder / "results.json")), encoding="utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Drawn: {PICTURE}")
    return 0


def _write(folder: Path, measured: Measured, machine: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "results.json", rows_of(measured.values))
    beside = {
        "machine": machine,
        "systems": list(measured.about.values()),
        "failures": [asdict(failure) for failure in measured.failures],
        "notes": [
            {"workload": workload, "system": system, "note": note}
            for (workload, system), note in measured.notes.items()
        ],
        "measured_once": sorted(f"{system} {workload}" for system, workload in measured.slow),
    }
    (folder / "machine.json").write_text(json.dumps(beside, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Stopped; nothing was written, and nothing is left running.", file=sys.stderr)
        sys.exit(130)
