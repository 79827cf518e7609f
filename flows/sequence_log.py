"""Take the evidence into the signed log, and anchor it.

Trigger    every minute                  prefect.yaml, `sequence-log`
Work       gonogo/log; where `gonogo up` keeps sequencing, there is nothing left to do
On call    platform; `gonogo sequence` and `gonogo anchor` do the same by hand, `gonogo verify` proves the result
"""

import asyncio

from prefect import flow

from gonogo.errors import EvidenceBroken, RunBusy
from gonogo.evidence.journals import journal_of
from gonogo.log.anchors import anchor_if_due
from gonogo.log.sequencer import sequence
from gonogo.log.stamps import stamp_if_due
from gonogo.sequencing import renew
from gonogo.settings import settings


@flow
async def sequence_log() -> str:
    """Take what was recorded into the log, sign it, anchor and stamp what is due; fail if all is not well."""
    chosen = settings()
    try:
        done = await asyncio.to_thread(sequence, chosen, journal_of(chosen))
    except RunBusy as busy:
        return str(busy)
    await asyncio.to_thread(renew, chosen)
    anchored = await asyncio.to_thread(anchor_if_due, chosen)
    await asyncio.to_thread(stamp_if_due, chosen)
    if done.faults:
        raise EvidenceBroken(" ".join(done.faults))
    kept = "" if anchored is None else f", and {anchored.size} of them are anchored"
    return f"{done.new} records taken in; the log holds {done.size}{kept}"
