"""Rollbacks of what the bank did; as a program, one that dies: ``undoing.py HOME before`` or ``after``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.evidence.journals import journal_at
from gonogo.rollbacks import RolledBack, roll_back
from gonogo.settings import settings
from gonogo.testing import RehearsalPilot
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import AFTERWARDS, WATCHERS, Call
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from gonogo.model import Answer
    from gonogo.plans import Landing
    from gonogo.testing import GateView

REASON = "paid the wrong people"


async def undoing(home: Path, *answers: Answer, reason: str = REASON, run_id: str = "r1", **changes: Any) -> Landing:
    """Roll a run back, with these answers at its gates, in order, and nobody there after the last."""
    left = list(answers)

    def say(_gate: GateView) -> Answer | None:
        return left.pop(0) if left else None

    made = settings().model_copy(
        update={"home": home, "policy_folder": POLICIES, "requester": "ada", "model": None} | changes
    )
    return await roll_back(journal_at(home), run_id, reason, RehearsalPilot(say, []), made)


def came_to(landing: Landing) -> RolledBack:
    """Return what a rollback came to."""
    assert landing.outcome is not None, landing.error
    return RolledBack.model_validate(landing.outcome)


def _die_at_the_second(call: Call) -> None:
    """End as a power cut would, when the second refund's turn has come."""
    if call.tool == "refund" and call.args["payee"] == "b":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    at, moment = Path(sys.argv[1]), sys.argv[2]
    asyncio.run(run(paying(1, 2, 3), home=at, run_id="r1"))
    (WATCHERS if moment == "before" else AFTERWARDS).append(_die_at_the_second)
    asyncio.run(undoing(at))
