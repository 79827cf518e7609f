"""The drill of the evidence: everything an insider may do to the log is done to a copy, and has to be found.

What nobody could find with what an auditor holds has to stay unfound: a drill that finds it has fooled itself.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.drills.logbook import logged
from gonogo.drills.tampering import ATTACKS, HOLDINGS, Attack, Ground, Holding, prepare
from gonogo.errors import EvidenceBroken
from gonogo.log.verifier import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.settings import Settings


@dataclass(frozen=True, slots=True)
class Row:
    """How one attack went before an auditor who holds one thing."""

    attack: str
    holding: Holding
    expected: bool
    """Whether it has to be found."""
    found: bool
    first: str
    """The first finding; empty where there is none."""
    took_us: int
    """Microseconds of the verification."""

    @property
    def passed(self) -> bool:
        """Whether it went as it has to."""
        return self.found == self.expected


async def drill_evidence(
    settings: Settings, *, attacks: Sequence[Attack] = ATTACKS, drill_id: str | None = None
) -> list[Row]:
    """Attack copies of a log on scratch ground, and record in the real home what was found.

    Args:
        settings: whose evidence the result becomes.
        attacks: which.
        drill_id: the id under which the result is recorded; a new one, if not given.

    Returns:
        One row an attack and holding; all of it is recorded when this returns.

    Raises:
        EvidenceBroken: the untouched log of the drill does not verify; nothing was drilled.
        EvidenceUnwritable: the recorder cannot write; nothing was drilled.
        AnchorUnreachable, SettingsBroken: git is missing or does not work.

    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-drill-", ignore_cleanup_errors=True) as place:
        async with logged(settings, "evidence", drill_id) as note:
            grounds = {
                is_second: _whole(prepare(settings, Path(place) / f"ground-{int(is_second)}", handed_over=is_second))
                for is_second in sorted({attack.handed_over for attack in attacks})
            }
            for attack in attacks:
                for row in _attacked(attack, grounds[attack.handed_over], Path(place)):
                    rows.append(row)
                    note(_told(row))
    return rows


def _whole(ground: Ground) -> Ground:
    """Return the ground, whose log has to be whole before anybody touches it."""
    for holding in HOLDINGS:
        report = verify(ground.folder, ground.key, ground.held[holding])
        if report.findings or report.held != len(ground.held[holding]):
            raise EvidenceBroken(f"The log of the drill is not whole before it begins: {report.findings}.")
    return ground


def _attacked(attack: Attack, ground: Ground, place: Path) -> list[Row]:
    copy = place / attack.name
    shutil.copytree(ground.folder, copy)
    attack.tamper(ground, copy)
    rows: list[Row] = []
    for holding in HOLDINGS:
        begun = time.perf_counter_ns()
        findings = verify(copy, ground.key, ground.held[holding]).findings
        took_us = (time.perf_counter_ns() - begun) // 1_000
        first = findings[0] if findings else ""
        rows.append(Row(attack.name, holding, holding not in attack.missed, bool(findings), first, took_us))
    shutil.rmtree(copy)
    return rows


def _told(row: Row) -> dict[str, object]:
    """Return a row as the record of a drill has it."""
    return {
        "drill": "evidence",
        "signal": row.attack,
        "lane": row.holding,
        "trials": 1,
        "expected": int(row.expected),
        "caught": int(row.found),
        "most_us": row.took_us,
        "passed": row.passed,
    }
