"""Standing down: after a switch is thrown, see that what it covers has stopped, and end what nobody flies.

What flies ends itself, in whichever process it does; until then it holds the lease of its run. What
sleeps, or lost its process, is ended here: aborted, without any of its story. So when nothing that
is covered is left alive, nothing of it is in flight, and all of it is on record.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from gonogo.endings import end_unflown
from gonogo.errors import GonogoError, RunBusy
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.house.loading import find_mission
from gonogo.house.waking import park_of
from gonogo.rosters import roster
from gonogo.switches import LOOK_SECONDS, Halt, covering

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

PREFECT_SECONDS = 3.0
"""How long Prefect may take to note that a sleeping run has ended; it is told, not asked."""

CLOCKS_APART = timedelta(minutes=5)
"""How far the clocks of two machines that write to one Postgres may differ."""


@dataclass(slots=True)
class StandDown:
    """What is known of the live runs of a home while they are stopped; each is read once."""

    settings: Settings
    ended: list[str] = field(default_factory=list[str])
    """Runs that were ended here, because nobody flew them."""
    _halts: tuple[Halt, ...] = ()
    _others: set[str] = field(default_factory=set[str])
    """Runs that none of the halts covers."""
    _prefect_answers: bool = True

    def look(self, halts: tuple[Halt, ...]) -> list[str]:
        """End every covered run that nobody flies, and return those that somebody still does.

        A run that has no record yet counts as covered while somebody holds its lease: nobody can tell.

        Raises:
            EvidenceUnreachable: the journals cannot be read; nothing is recorded there, so nothing is begun.

        """
        if halts != self._halts:
            self._halts, self._others = halts, set()
        if not halts:
            return []
        journal = journal_of(self.settings)
        return [run for run in journal.live_run_ids() if run not in self._others and not self._is_down(run)]

    def wait(self, halts: tuple[Halt, ...], seconds: float) -> list[str]:
        """Look until nothing that is covered is in flight, at most so long; returns what still is."""
        until = time.monotonic() + seconds
        self.look(halts)
        # Whoever looked at the switchboard just before the throw does so again within this time.
        time.sleep(2 * LOOK_SECONDS)
        while (still := self.look(halts)) and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        return still

    def stopped(self, halt: Halt) -> list[str]:
        """Return the runs that a halt stopped in their own processes, by what they recorded when they ended."""
        journal, found = journal_of(self.settings), list[str]()
        for run_id in reversed(journal.run_ids()):
            last = next(reversed(journal.read_flight(run_id)), None)
            if last is not None and moment(last.fields["time"]) < halt.when - CLOCKS_APART:
                # The rest was last written to before the halt, so it knows nothing of it.
                break
            if last is not None and last.data.get("halt") == halt.id and run_id not in self.ended:
                found.append(run_id)
        return sorted(found)

    def _is_down(self, run_id: str) -> bool:
        journal = journal_of(self.settings)
        records = journal.read_flight(run_id)
        if not records:
            return journal.is_free(run_id)
        halt = self._covering(run_id, records)
        if halt is None:
            self._others.add(run_id)
            return True
        try:
            stream = journal.open_flight(run_id)
        except RunBusy:
            return False
        try:
            if stream.records[-1].data.get("status") is None:
                end_unflown(stream, halt)
                self.ended.append(run_id)
                self._tell_prefect(park_of(records), halt)
        finally:
            stream.close()
        return True

    def _covering(self, run_id: str, records: list[Record]) -> Halt | None:
        mission = records[0].fields["missionid"]
        found = covering(self._halts, run_id, mission)
        if found is not None or all(halt.target.kind != "agent" for halt in self._halts):
            return found
        agents = {record.fields.get("agentid", "") for record in records} - {mission}
        agents |= {record.data["agent"] for record in only(records, "step_record") if "agent" in record.data}
        # A mission that cannot be loaded any more still has its evidence.
        with contextlib.suppress(GonogoError):
            agents.update(roster(find_mission(self.settings, mission).story))
        return covering(self._halts, run_id, mission, agents)

    def _tell_prefect(self, park: dict[str, Any] | None, halt: Halt) -> None:
        """Let Prefect show that a sleeping flow run has ended; where it does not answer, a house tells it later."""
        if park is None or "flow_run_id" not in park or not self._prefect_answers:
            return
        state = {"state": {"type": "CANCELLED", "name": "Cancelled", "message": halt.sentence}, "force": True}
        try:
            url = f"{park['api']}/flow_runs/{park['flow_run_id']}/set_state"
            httpx.post(url, json=state, timeout=PREFECT_SECONDS)
        except httpx.HTTPError:
            self._prefect_answers = False
