"""How well drift is found, and how fast: ``python -m benchmarks.drift``.

    python -m benchmarks.drift                                   # change points, generated and real
    python -m benchmarks.drift --records 10000000 --only scale   # the report over ten million step records

Prints tables; ``docs/guides/drift.md`` holds what they said when they were last run.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks import drift_points, drift_scale, drift_series
from benchmarks.machine import facts


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description="Measure how well and how fast drift is found.")
    parser.add_argument(
        "--only", choices=["points", "series", "scale"], help="one part; points and series, if not given"
    )
    parser.add_argument("--per-family", type=int, default=20, help="changed missions of each family")
    parser.add_argument("--steady", type=int, default=200, help="missions without a change, drawn and shuffled each")
    parser.add_argument("--seed", type=int, default=drift_points.SEED, help="what the missions are drawn with")
    parser.add_argument("--records", type=int, default=1_000_000, help="step records of the table")
    parser.add_argument("--systems", nargs="*", default=[*drift_scale.SYSTEMS], help="who reads the table")
    parser.add_argument("--json", help="file to write the figures to")
    asked = parser.parse_args()
    print(f"Load before: {facts()['load_before']}\n", file=sys.stderr)
    figures: list[dict[str, Any]] = []
    if asked.only in {None, "points"}:
        figures += drift_points.measure(asked.per_family, asked.steady, asked.seed)
    if asked.only in {None, "series"}:
        figures += drift_series.measure()
    if asked.only == "scale":
        figures += drift_scale.measure(asked.records, asked.systems)
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path from the command line
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    main()
