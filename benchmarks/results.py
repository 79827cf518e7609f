"""Results: medians of single values, and how they compare with gonogo's."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.systems import SYSTEMS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OURS = "gonogo"
MORE_IS_BETTER = frozenset({"1/s"})
"""Units of which more is better; of every other, less is."""
NOT_COMPARED = frozenset({"steps"})
"""Units of counts: how many times as many says nothing where none is possible."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: a median."""

    workload: str
    system: str
    metric: str
    value: float
    unit: str
    runs: int
    """How many single values it is the median of."""


def rows_of(values: Mapping[tuple[str, str, str, str], Sequence[float]]) -> list[Row]:
    """Return the medians, in the order of the table."""
    rows = [
        Row(workload, system, metric, _short(median(found)), unit, len(found))
        for (workload, metric, unit, system), found in values.items()
        if found
    ]
    return sorted(rows, key=lambda row: (_place(WORKLOADS, row.workload), _place(SYSTEMS, row.system)))


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _short(value: float) -> float:
    """Return a value with four significant digits; more would be noise."""
    return float(f"{value:.4g}")


def ratio(row: Row, ours: Row | None) -> float | None:
    """Return how many times better gonogo is than this row; below 1, it is worse. ``None`` where that says nothing."""
    if ours is None or row.system == OURS or row.unit in NOT_COMPARED or not row.value or not ours.value:
        return None
    return ours.value / row.value if row.unit in MORE_IS_BETTER else row.value / ours.value


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the figures as a JSON list, one a line."""
    lines = ",\n".join(json.dumps(asdict(row)) for row in rows)
    path.write_text(f"[\n{lines}\n]\n" if rows else "[]\n", encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Read them back.

    Raises:
        ValueError: the file does not hold such a list; the message names it.

    """
    try:
        return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise ValueError(f"{path} is not there; `make bench` writes it.") from None
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} does not hold results ({error}); `make bench` writes it anew.") from error
