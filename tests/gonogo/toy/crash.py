"""A process that dies in the middle of a payment: ``crash.py HOME before`` or ``after`` the bank has booked it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import AFTERWARDS, WATCHERS, Call
from tests.gonogo.toy.errands import run


def die_at_the_second(call: Call) -> None:
    """End as a power cut would, when the second payee's turn has come."""
    if call.args["payee"] == "b":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    home, moment = Path(sys.argv[1]), sys.argv[2]
    (WATCHERS if moment == "before" else AFTERWARDS).append(die_at_the_second)
    asyncio.run(run(paying(1, 2, 3), home=home, run_id="r1"))
