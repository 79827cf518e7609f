"""Look for what happened and is not in the evidence.

Trigger    every hour                    prefect.yaml, `reconcile-evidence`
Work       gonogo/house/gaps.py; asks the systems of record, Prefect and the log
Event      the flow run fails where something is missing, and names it
On call    platform; `gonogo reconcile` does the same by hand
"""

import asyncio

from prefect import flow
from prefect.context import get_settings_context

from gonogo.errors import EvidenceBroken
from gonogo.evidence.journals import journal_of
from gonogo.house import gaps
from gonogo.settings import settings


@flow
async def reconcile_evidence() -> str:
    """Compare what systems did, what Prefect ran and what the log holds with what is recorded; fail on any gap."""
    chosen = settings()
    journal = journal_of(chosen)
    found = gaps.gaps_in_deeds(journal, gaps.deeds_told(chosen)) + gaps.gaps_in_streams(chosen, journal)
    if url := get_settings_context().settings.api.url:
        found += await asyncio.to_thread(gaps.gaps_in_runs, journal, url)
    if found:
        raise EvidenceBroken(" ".join(f"{gap.kind.replace('_', ' ')}: {gap.what}" for gap in found))
    return "Nothing is missing."
