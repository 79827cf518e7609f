"""Take the evidence into the signed log.

Trigger    every minute                  prefect.yaml, `sequence-log`
Work       gonogo/log; where `gonogo up` keeps sequencing, there is nothing left to do
On call    platform; `gonogo sequence` does the same by hand, `gonogo verify` proves the result
"""

import asyncio

from prefect import flow

from gonogo.errors import EvidenceBroken, RunBusy
from gonogo.evidence.journals import journal_of
from gonogo.log.sequencer import sequence
from gonogo.settings import settings


@flow
async def sequence_log() -> str:
    """Take what missions have recorded since the last time into the log, and sign it; fail where something is amiss."""
    chosen = settings()
    try:
        done = await asyncio.to_thread(sequence, chosen, journal_of(chosen))
    except RunBusy as busy:
        return str(busy)
    if done.faults:
        raise EvidenceBroken(" ".join(done.faults))
    return f"{done.new} records taken in; the log holds {done.size}"
