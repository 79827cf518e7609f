"""Put a known-bad request at a gate now and then, to see who looks, and let those that were answered tell.

Trigger    hourly; a new one with a chance of one in `one_in`     prefect.yaml, `seed-probes`
Work       gonogo/probes.py, policies/probes.yaml; none can be done, and none counts in the numbers
On call    platform; `gonogo reviewers` has the score
"""

import secrets
from functools import partial

from prefect import flow

from gonogo.house.loading import find_mission
from gonogo.policy.probes import read_probes
from gonogo.probes import seed, tend
from gonogo.settings import settings


@flow
async def seed_probes(one_in: int = 40) -> str:
    """Tend the probes that wait, and seed another one by chance, so that nobody knows when."""
    chosen = settings()
    find = partial(find_mission, chosen)
    told = [landing.run_id for landing in await tend(chosen, find) if landing.status != "waiting"]
    is_due = bool(read_probes(chosen.policy_folder)) and secrets.randbelow(max(1, one_in)) == 0
    if is_due:
        await seed(chosen, find)
    return f"{len(told)} probes told what they were"
