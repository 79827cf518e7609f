"""Paths: where a run goes that failed. It flies again later, a person takes over, or it is over.

A run that is put to flight again is the same run: what it has done stays done, under the same keys. Only
the operations that led to its failure are done anew, and only those, so that it cannot take another way
than the one it took.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.errors import DependencyOpen
from gonogo.evidence.canon import sha256_hex, timestamp
from gonogo.evidence.ledger import only
from gonogo.failures import failure_fields
from gonogo.model import PATHS

if TYPE_CHECKING:
    from gonogo.errors import GonogoError
    from gonogo.evidence.ledger import Ledger
    from gonogo.evidence.records import Record
    from gonogo.model import Declared
    from gonogo.runs import Run

REST_SECONDS_MAX = 3_600
"""The longest that a run rests before it is put to flight again."""


def declared_path(run: Run, error: GonogoError) -> Declared:
    """Return where a failure leads by declaration: the step's, the mission's, or the default of its class."""
    return error.path or run.charter.on_failure.get(error.failure) or PATHS[error.failure]


def trail(ledger: Ledger, error: GonogoError) -> list[Record]:
    """Return the recorded failures a failure came from, the outermost first."""
    found: list[Record] = []
    key = error.cause
    while key:
        record = ledger.result(key)
        if record is None or any(known.data["key"] == key for known in found):
            break
        found.append(record)
        key = record.data.get("cause", "")
    return found


async def requeued(run: Run, error: GonogoError, how: dict[str, str]) -> str | None:
    """Put a run to rest until it flies again; return from when it may, or ``None`` where it is not to.

    A failure that was only read from the record was met under an earlier round; its turn is now.
    """
    came_from = trail(run.ledger, error)
    if declared_path(run, error) != "requeue" or not came_from:
        return None
    rounds = [r.data["round"] for r in only(run.ledger.records, "run_record") if r.data.get("event") == "requeued"]
    number = max(rounds, default=0) + (not error.is_replayed)
    if number > run.settings.requeues:
        return None
    again_at = timestamp(datetime.now(UTC) + _rest(run, error, number))
    data = {
        "event": "requeued",
        "round": number,
        "path": "requeue",
        "reopens": [key for record in came_from for key in run.ledger.attempts_of(record.data["key"])],
        "again_at": again_at,
        **failure_fields(error),
    }
    run.ledger.note("run_record", data)
    await run.park(again_at=again_at, **how)
    return again_at


def _rest(run: Run, error: GonogoError, number: int) -> timedelta:
    """Return how long a run rests: doubled each time, spread by its id, and until its dependency is tried again."""
    if error.is_replayed:
        return timedelta(0)
    seconds = min(run.settings.requeue_seconds << min(number - 1, 16), REST_SECONDS_MAX)
    spread = int(sha256_hex(f"{run.id}\x1f{number}".encode())[:8], 16) % 250
    left_us = error.again_us if isinstance(error, DependencyOpen) else 0
    return max(timedelta(milliseconds=seconds * (1_000 + spread)), timedelta(microseconds=left_us))


def owed(run: Run, error: GonogoError, path: Declared) -> dict[str, Any] | None:
    """Return the exception that a failure leaves for somebody to close; ``None`` where one stands already."""
    came_from = trail(run.ledger, error)
    if came_from and run.ledger.result(f"{came_from[-1].data['key']}/unconfirmed") is not None:
        return None
    found: dict[str, Any] = {"reason_code": error.failure, "owner": run.charter.owner, "path": path}
    if path == "escalate":
        agent = came_from[-1].fields["agentid"] if came_from else run.charter.name
        card = run.registry.agents.get(agent)
        found["role"] = run.charter.owner if card is None else card.escalation
    return found
