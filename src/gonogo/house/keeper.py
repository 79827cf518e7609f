"""The keeper: acts for runs while they sleep. Silence becomes no-go, and news wakes them."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.approvals import inherited
from gonogo.clocks import keep_time
from gonogo.errors import GonogoError, ServerUnreachable
from gonogo.evidence.canon import moment, plain_text
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.gates import climb_sleeping, expire_sleeping
from gonogo.house.handing import schedule
from gonogo.house.waking import Refused, flow_run_state, is_form_lost, park_of, resume
from gonogo.ladders import next_rung

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.house")

REFUSALS_MAX = 8
"""After so many refusals in a row Prefect is not asked again until something new lies on the run's desk."""
BACKOFF_SECONDS_MAX = 60.0
HANDED_AFTER = timedelta(minutes=1)
"""How long after its time a run that rests in a batch, or a process, is left to it."""
_DUE = ("SCHEDULED", "PENDING")
_CANCELLED = ("CANCELLING", "CANCELLED")


@dataclass(slots=True)
class Sleeper:
    """What is known of a run that has not ended, so that it is read again only when it has changed."""

    position: int
    """How far its own stream went when it was read."""
    park: dict[str, Any] | None
    """Where it sleeps; ``None`` while it flies."""
    deadline: datetime | None
    """The earliest deadline of what it waits for."""
    rung: datetime | None = None
    """When the next rung of a ladder comes at one of its gates."""
    desk: int = -1
    """How far its desk went when it was read."""
    received: int = 0
    woken: int = 0
    """Desk records it was last woken for."""
    handed: bool = False
    is_met: bool = True
    """Whether it is known that its form is there: of a run that lay down before this keeper came, it is not."""
    refusals: int = 0
    again: float = 0.0
    """Moment of ``time.monotonic`` before which Prefect is not asked again."""


@dataclass(slots=True)
class Keeper:
    """Looks after the sleeping runs of one home; every look costs a look at what has changed."""

    settings: Settings
    cancelled: Callable[[str], None] | None = None
    """Told the flow run of a sleeping run that was cancelled in Prefect; from the thread that looks."""
    _sleepers: dict[str, Sleeper] = field(default_factory=dict[str, Sleeper])
    _broken: dict[str, float] = field(default_factory=dict[str, float])
    """Runs whose evidence cannot be read, and the moment from which that is tried again."""

    @property
    def journal(self) -> Journal:
        """The journals of the home."""
        return journal_of(self.settings)

    def look(self) -> list[str]:
        """Answer no-go for sleeping gates past their deadline, and wake runs whose desk has grown.

        Returns:
            The flow runs that Prefect starts again now.

        """
        keep_time(self.settings.home)
        live = self.journal.live_run_ids()
        for known in (self._sleepers, self._broken):
            for gone in known.keys() - live:
                del known[gone]
        return [woken for run_id in live if (woken := self.wake(run_id)) is not None]

    def wake(self, run_id: str) -> str | None:
        """Look after one run; returns its flow run, where that was woken."""
        if time.monotonic() < self._broken.get(run_id, 0.0):
            return None
        try:
            sleeper = self._known(run_id)
            park = sleeper.park
            if park is None or park.get("mode") != "suspended":
                return None
            if sleeper.rung is not None and datetime.now(UTC) >= sleeper.rung:
                sleeper.rung = climb_sleeping(self.journal, run_id, park["gates"])
            is_late = sleeper.deadline is not None and datetime.now(UTC) >= sleeper.deadline
            if is_late:
                expire_sleeping(self.journal, run_id, park["gates"], self.settings.environment)
            self._read_desk(run_id, sleeper)
            is_cut_short = not sleeper.is_met and self._lies_without_form(run_id, sleeper)
            if not (sleeper.received > sleeper.woken or is_late or is_cut_short) or time.monotonic() < sleeper.again:
                return None
            return self._resume(run_id, sleeper, park)
        except ServerUnreachable as error:
            _log.warning("Run %s sleeps on: %s", run_id, error)
            return None
        except (GonogoError, OSError) as error:
            self._broken[run_id] = time.monotonic() + BACKOFF_SECONDS_MAX
            _log.warning("Run %s cannot be looked after now: %s", run_id, error)
            return None

    def hand_over(self, api_url: str, limit: int) -> None:
        """Make runs that left a batch, or a process, flow runs of their own that sleep in Prefect.

        Their evidence is the outbox: a run whose last record says that it waits, with no flow run named
        to wake it. Asking twice makes one flow run, since the request carries the run's own key.

        Args:
            api_url: of the Prefect server that is to hold them.
            limit: at most so many at a time, so that a large batch does not drown the server.

        """
        for run_id, sleeper in list(self._sleepers.items()):
            if limit == 0:
                return
            park = sleeper.park
            if park is None or "mode" in park or sleeper.handed or not self.journal.is_free(run_id):
                continue
            if "again_at" in park and datetime.now(UTC) < moment(park["again_at"]) + HANDED_AFTER:
                # Its batch flies it again by itself, unless it is gone.
                continue
            mission = self.journal.read_flight(run_id)[0].fields["missionid"]
            with contextlib.suppress(ServerUnreachable):
                schedule(api_url, mission, None, run_id, self.journal)
                limit -= 1
                sleeper.handed = True

    def _known(self, run_id: str) -> Sleeper:
        """Return what is known of a run; read again where its stream has grown."""
        position = self.journal.flight_position(run_id)
        sleeper = self._sleepers.get(run_id)
        if sleeper is None or sleeper.position != position:
            records = self.journal.read_flight(run_id)
            park = park_of(records)
            is_met = sleeper is not None
            sleeper = Sleeper(position, park, None if park is None else _deadline(records, park))
            sleeper.woken = 0 if park is None else int(park["desk"])
            sleeper.rung = None if park is None else next_rung(_asked(records, park), ())
            sleeper.is_met = is_met
            self._sleepers[run_id] = sleeper
        return sleeper

    def _lies_without_form(self, run_id: str, sleeper: Sleeper) -> bool:
        """Whether a process died between lying down and leaving its form: nobody could answer there, so it gets up."""
        if sleeper.park is None or not self.journal.is_free(run_id):
            return False
        sleeper.is_met = not is_form_lost(sleeper.park)
        return not sleeper.is_met

    def _read_desk(self, run_id: str, sleeper: Sleeper) -> None:
        size = self.journal.desk_position(run_id)
        if size != sleeper.desk:
            sleeper.received = len(self.journal.read_desk(run_id))
            sleeper.desk, sleeper.refusals, sleeper.again = size, 0, 0.0

    def _resume(self, run_id: str, sleeper: Sleeper, park: dict[str, Any]) -> str | None:
        """Ask Prefect to start the flow run again; where it refuses, more and more seldom, and in the end no more."""
        received = sleeper.received
        # The clock's wakings are not for desk records; without a pause they would be asked for in every look.
        sleeper.again = time.monotonic() + 1.0
        try:
            resume(park)
        except Refused as refusal:
            state = flow_run_state(park)
            if state in _CANCELLED and self.cancelled is not None:
                self.cancelled(park["flow_run_id"])
                sleeper.again = time.monotonic() + BACKOFF_SECONDS_MAX
                return None
            if state == "RUNNING":
                # It has said that it lies down, and Prefect does not know yet; or it is getting up. Look again soon.
                return None
            if state not in _DUE:
                self._refused(run_id, sleeper, park, f"{refusal} (state {state})")
                return None
        sleeper.woken, sleeper.refusals, sleeper.is_met = received, 0, True
        return str(park["flow_run_id"])

    def _refused(self, run_id: str, sleeper: Sleeper, park: dict[str, Any], why: str) -> None:
        sleeper.refusals += 1
        sleeper.again = time.monotonic() + min(2.0**sleeper.refusals, BACKOFF_SECONDS_MAX)
        if sleeper.refusals == 1:
            _log.warning("Prefect does not wake run %s: %s; it is asked again.", run_id, why)
        if sleeper.refusals < REFUSALS_MAX:
            return
        sleeper.again = float("inf")
        what = (
            f"Prefect refused {REFUSALS_MAX} times to wake the run: {why}. It is not asked again until something new "
            f"lies on the desk; look at flow run {park['flow_run_id']}."
        )
        _log.error("Run %s: %s", run_id, what)
        _own(self.journal, run_id, what)
        sleeper.position = self.journal.flight_position(run_id)


def _own(journal: Journal, run_id: str, what: str) -> None:
    """Record an exception that the mission's owner has to look at, beside a run that sleeps."""
    stream = journal.open_flight(run_id)
    try:
        first: Record = stream.records[0]
        data = {
            "objects": [{"id": run_id, "type": "run"}],
            "phase": "fact",
            "reason_code": "dependency_open",
            "what": plain_text(what),
            "owner": first.data["owner"],
        }
        stream.append(inherited(first), "exception_record", data)
        stream.commit_now()
    finally:
        stream.close()


def _deadline(records: list[Record], park: dict[str, Any]) -> datetime | None:
    """Return the earliest moment at which the clock has to act for a sleeping run."""
    found = [moment(request.data["deadline"]) for request in _asked(records, park)]
    found += [moment(park[name]) for name in ("event_deadline", "again_at") if park.get(name) is not None]
    return min(found, default=None)


def _asked(records: list[Record], park: dict[str, Any]) -> list[Record]:
    """Return what the gates ask at which a run sleeps."""
    return [r for r in only(records, "approval_request") if r.data["gate"] in park["gates"]]
