"""Computations: what looks at all of the history, KPIs and drift findings, made on a mart and less often than one.

A mart shows live facts seconds after they were written; the catalogue of numbers takes longer than that,
the more the longer the history. So a loop publishes facts at once and carries the numbers of a moment ago,
which say what they were computed on, while a clerk computes the next ones on the published file.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from analytics import drift, kpis
from analytics.errors import MartMissing
from analytics.marts import open_mart

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

LEAST_SECONDS = 2.0
"""Numbers are computed at most this often."""

SHARE = 10
"""How many times as long as a computation took passes before the next: it is given a tenth of one core."""

_BASIS = "SELECT evidence_digest, assumptions_digest, records, runs, newest_recorded_at FROM snapshot"

_log = logging.getLogger("gonogo.warehouse")

Rows = list[dict[str, Any]]

Mark = tuple[str, str | None]
"""What numbers depend on: the digests of the evidence and of the assumptions."""


@dataclass(frozen=True, slots=True)
class Computed:
    """The numbers of one snapshot."""

    kpis: Rows
    findings: Rows
    basis: dict[str, Any]
    """The row of ``computations``: what they were computed on, when, and how long it took."""

    @property
    def mark(self) -> Mark:
        """What they depend on."""
        return self.basis["evidence_digest"], self.basis["assumptions_digest"]


def compute(con: DuckDBPyConnection, home: Path) -> Computed:
    """Compute everything on the mart that ``con`` sees, its snapshot written."""
    begun = perf_counter()
    findings = [asdict(finding) for finding in drift.findings_for_mart(con, home)]
    numbers = [asdict(kpi) for kpi in kpis.compute(con, findings)]
    basis = _rows(con, _BASIS)[0]
    basis |= {"computed_at": datetime.now(UTC), "seconds": perf_counter() - begun}
    return Computed(numbers, findings, basis)


def read_computed(home: Path) -> tuple[Computed | None, Mark | None]:
    """Return the numbers of the published mart, and the mark of those that would be as new as its facts."""
    try:
        with open_mart(home) as con:
            now = mark_of(con)
            basis = _rows(con, "FROM computations")
            computed = Computed(_rows(con, "FROM kpis"), _rows(con, "FROM findings"), basis[0]) if basis else None
            return computed, now
    except MartMissing:
        return None, None


def mark_of(con: DuckDBPyConnection) -> Mark:
    """Return what numbers computed on this mart would depend on."""
    evidence, assumptions = con.execute("SELECT evidence_digest, assumptions_digest FROM snapshot").fetchall()[0]
    return str(evidence), assumptions


def _rows(con: DuckDBPyConnection, statement: str) -> Rows:
    cursor = con.execute(statement)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Clerk:
    """Computes numbers on the published mart of a home, beside the loader; asked and begun by one thread."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="numbers")
        self._running: Future[Computed] | None = None
        self._next_at = float("-inf")

    def begin(self) -> None:
        """Begin, unless it is at work or did so a moment ago."""
        if self._running is None and monotonic() >= self._next_at:
            self._running = self._desk.submit(self._compute)

    def finished(self) -> Computed | None:
        """Return what was finished since the last time, if anything was.

        What failed is logged, and begun again later.
        """
        if self._running is None or not self._running.done():
            return None
        done, self._running = self._running, None
        try:
            computed = done.result()
        except Exception:  # noqa: BLE001 - logged with its trace
            # Numbers that cannot be computed must not keep facts from being published.
            _log.exception("The numbers of %s cannot be computed; those before them stay.", self._home)
            self._next_at = monotonic() + SHARE * LEAST_SECONDS
            return None
        self._next_at = monotonic() + max(LEAST_SECONDS, SHARE * computed.basis["seconds"])
        return computed

    def close(self) -> None:
        """Wait for what is being computed, and let it be."""
        self._desk.shutdown(wait=True, cancel_futures=True)

    def _compute(self) -> Computed:
        with open_mart(self._home) as con:
            return compute(con, self._home)
