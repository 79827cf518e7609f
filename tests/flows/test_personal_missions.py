"""The missions that hear people out: what they said is sealed under their key, and goes with it; every proof stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from analytics import warehouse
from flows.claims_triage import claims_triage
from flows.lead_qualification import lead_qualification
from gonogo.evidence.journals import journal_of
from gonogo.evidence.payloads import whole
from gonogo.house.erasing import erase
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify
from gonogo.settings import settings
from gonogo.testing import rehearse
from tasks import rehearsal_claims, rehearsal_leads
from tasks.rehearsals import Random

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.missions import Mission

WORDS = "It was my neighbour Aloysius who rang from the hospital at night."
MISSIONS = {
    "claims_triage": (claims_triage, rehearsal_claims.straightforward, "claimant", "description"),
    "lead_qualification": (lead_qualification, rehearsal_leads.warm_client, "person", "message"),
}


def traces(home: Path) -> list[str]:
    """Return the files of a home, but those of the systems of record, in which the words can be read."""
    found = [path for path in home.rglob("*") if path.is_file() and "systems" not in path.relative_to(home).parts]
    return [str(path.relative_to(home)) for path in found if b"Aloysius" in path.read_bytes()]


@pytest.mark.parametrize("name", MISSIONS)
async def test_what_somebody_said_leaves_with_them(tmp_path: Path, name: str) -> None:
    """It stands nowhere in the clear; once its person is erased nobody reads it, and the log still verifies."""
    mission: Mission[Any, Any]
    mission, kind, subject, field = MISSIONS[name]
    case = kind(Random("flows"), "1-0001") | {field: WORDS}
    chosen = settings().model_copy(update={"home": tmp_path})
    flown = await rehearse(mission, case, home=tmp_path, run_id="r1")
    assert flown.landing.status == "done"
    journal = journal_of(chosen)
    sequence(chosen, journal)
    warehouse.land(tmp_path)
    assert traces(tmp_path) == []
    first = journal.read_flight("r1")[0]
    assert whole(journal.payloads, first).body()[field] == WORDS

    assert erase(chosen, case[subject], "asked for", by="ada").runs == 1

    assert whole(journal.payloads, first).body() is None
    assert sequence(chosen, journal).faults == []
    folder = log_folder(chosen)
    assert verify(folder, (folder / "key.pub").read_text()).findings == []
    assert warehouse.land(tmp_path).quarantined == 0
