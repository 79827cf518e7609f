"""A process whose missions never end by themselves: ``runaways.py HOME NAME CASES``.

One case is flown alone, several as a batch. Says how they landed, one word a line, when all have.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gonogo.cases import Flyer
from gonogo.flights import fly
from gonogo.lanes.batch import fly_batch
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan
from gonogo.settings import Settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.stone import Quarry, runaway


async def _main() -> None:
    home, name, cases = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    chosen = Settings(home=home, policy_folder=POLICIES, requester="tester", cases=cases)
    landings: list[Landing] = []
    if cases == 1:
        landings.append(await fly(runaway, Quarry(name=name), Plan(name, LocalPilot(), chosen)))
    else:
        flyers = [Flyer(f"{name}-{number}", "", Quarry(name=f"{name}-{number}")) for number in range(cases)]
        await fly_batch(runaway, flyers, chosen, landings.append)
    sys.stdout.write("".join(f"{landing.status}\n" for landing in landings))


if __name__ == "__main__":
    asyncio.run(_main())
