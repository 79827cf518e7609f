"""A process that dies in the middle of an effect: ``crash.py HOME before`` or ``after`` it, payment or ``letter``.

A letter is posted by a run that goes on, if it is there already, with a go for every doubt.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import AFTERWARDS, WATCHERS, Call
from tests.gonogo.toy.errands import Errand, run


def die_at_the_second(call: Call) -> None:
    """End as a power cut would, when the second payee's turn has come."""
    if call.args["payee"] == "b" or call.tool == "post_letter":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    home, moment = Path(sys.argv[1]), sys.argv[2]
    (WATCHERS if moment == "before" else AFTERWARDS).append(die_at_the_second)
    case = Errand(letter="Dear Ada") if "letter" in sys.argv else paying(1, 2, 3)
    asyncio.run(run(case, home=home, run_id="r1", answers="go"))
