"""The drill of approvals: each forgery at a gate of its own; none may pass, nothing may happen, each leaves evidence.

A true go is tried as well: a gate that lets nobody through would refuse every forgery, too.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.drills.forgeries import BOARD_CENTS, FORGERIES, OF_THE_BOARD, PLAIN_CENTS
from gonogo.drills.logbook import logged
from gonogo.drills.village import Village
from gonogo.errors import AnswerRefused, LawUnapproved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.drills.forgeries import Forgery
    from gonogo.settings import Settings

TRUE_GO = "true_go"
"""The row of the go that has to pass."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one forgery went."""

    forgery: str
    passed: bool
    """Whether it was refused, nothing happened, and there is evidence of it; or, of the true go, that it happened."""
    effects: int
    took_us: int
    told: str
    """What the evidence says about it."""


async def drill_approvals(
    settings: Settings, *, forgeries: Sequence[Forgery] = FORGERIES, drill_id: str | None = None
) -> list[Row]:
    """Try every forgery in a scratch home under the house's own rules, and record in the real home how each went.

    Args:
        settings: whose rules are drilled, and whose evidence the result becomes.
        forgeries: which.
        drill_id: the id under which the result is recorded; a new one, if not given.

    Returns:
        One row a forgery, and one for the true go; all of it is recorded when this returns.

    Raises:
        PolicyBroken: the house has no rules about approvals.
        EvidenceUnwritable: the recorder cannot write; nothing was drilled.

    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-drill-", ignore_cleanup_errors=True) as place:
        async with logged(settings, "approvals", drill_id) as note:
            rows.append(await _true_go(Village.found(settings, Path(place) / TRUE_GO)))
            note(_told(rows[-1]))
            for forgery in forgeries:
                village = Village.found(settings, Path(place) / forgery.__name__)
                rows.append(await _tried(village, forgery))
                note(_told(rows[-1]))
    return rows


async def _true_go(village: Village) -> Row:
    begun = time.perf_counter_ns()
    (gate,) = (await village.fly(PLAIN_CENTS)).waits
    refused = ""
    try:
        village.bring(gate, village.token(gate, village.said(gate)))
    except AnswerRefused as error:
        refused = str(error)
    landing = await village.fly()
    effects = village.effects()
    passed = landing.status == "done" and effects == 1
    told = refused or landing.error or landing.status
    return Row(TRUE_GO, passed, effects, _since(begun), told)


async def _tried(village: Village, forgery: Forgery) -> Row:
    """Try one forgery, then wake the run, and look what came of it."""
    begun = time.perf_counter_ns()
    gate = await _waiting(village, of_board=forgery in OF_THE_BOARD)
    before = village.told()
    # What a flow run prints goes to its log, and here to nobody.
    with contextlib.suppress(AnswerRefused), contextlib.redirect_stdout(io.StringIO()):
        await forgery(village, gate)
    landing = await _woken(village)
    effects = village.effects()
    refusals = [record.data["refused_because"] for record in village.desk() if not record.data["accepted"]]
    # Where nobody was told anything, the run itself says that it went back to sleep, or why it stopped.
    is_on_record = bool(refusals) or village.told() > before
    passed = landing is not None and effects == 0 and is_on_record
    told = refusals[-1] if refusals else landing or "it was done"
    return Row(forgery.__name__, passed, effects, _since(begun), told)


async def _woken(village: Village) -> str | None:
    """Wake the run, and return how it did not come to its end; ``None`` where it did."""
    try:
        landing = await village.fly()
    except LawUnapproved as error:
        return str(error)
    return None if landing.status == "done" else landing.error or f"woken, and {landing.status} again"


async def _waiting(village: Village, *, of_board: bool) -> str:
    """Fly until the gate that is attacked; before the board, another person has said go as a manager."""
    if not of_board:
        (gate,) = (await village.fly(PLAIN_CENTS)).waits
        return gate
    (gate,) = (await village.fly(BOARD_CENTS)).waits
    while village.request(gate).data["role"] != "drill-board":
        village.bring(gate, village.token(gate, village.said(gate, "cleo")))
        (gate,) = (await village.fly()).waits
    return gate


def _since(begun: int) -> int:
    return (time.perf_counter_ns() - begun) // 1_000


def _told(row: Row) -> dict[str, object]:
    """Return a row as the record of a drill has it."""
    known = asdict(row)
    return {
        "drill": "approvals",
        "signal": known["forgery"],
        "lane": "desk",
        "trials": 1,
        "caught": int(row.passed),
        "effects": 0 if row.forgery == TRUE_GO else row.effects,
        "effects_after": 0 if row.forgery == TRUE_GO else row.effects,
        "p50_us": row.took_us,
        "p99_us": row.took_us,
        "most_us": row.took_us,
        "limit_us": 0,
        "passed": row.passed,
    }
