"""Incidents to rehearse with, one function per kind of incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from policies.incidents import Incident, Observation, Symptom, TicketUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

_TITLES: dict[Symptom, str] = {
    "stale_cache": "Prices on {} are from yesterday",
    "high_latency": "{} answers in seconds instead of milliseconds",
    "memory_leak": "{} uses more memory every hour",
    "high_error_rate": "Every tenth request to {} fails",
    "queue_backlog": "{} is an hour behind",
    "database_unreachable": "{} does not accept connections",
    "bad_release": "{} fails since the release of this morning",
    "disk_full": "{} has no disk space left",
    "unexplained": "Something is odd with {}",
}


def _incident(rng: Random, name: str, level: tuple[int, int], *seen: tuple[str, Symptom]) -> dict[str, Any]:
    """Return an incident with these observations; level is impact and urgency."""
    service, symptom = seen[0]
    channel = rng.choice(("The monitoring", "A customer", "The shop floor", "The partner desk"))
    return Incident(
        number=f"INC-{name}",
        title=_TITLES[symptom].format(service),
        description=f"{channel} reports it; first noticed {rng.randrange(2, 50)} minutes ago.",
        category=rng.choice(("application", "database", "platform")),
        impact=level[0],
        urgency=level[1],
        observations=tuple(Observation(service=where, symptom=what) for where, what in seen),
    ).model_dump(mode="json", exclude_none=True)


def stale_cache(rng: Random, name: str) -> dict[str, Any]:
    """A low-risk step: done alone."""
    return _incident(rng, name, (2, rng.choice((2, 3))), ("product-cache", "stale_cache"))


def slow_search(rng: Random, name: str) -> dict[str, Any]:
    """A small scale-out: done alone."""
    return _incident(rng, name, (2, 2), (rng.choice(("search", "recommendations")), "high_latency"))


def outage(rng: Random, name: str) -> dict[str, Any]:
    """Two vital services at once: two gates open side by side, and the public is told."""
    return _incident(rng, name, (1, 1), ("orders-db", "database_unreachable"), ("checkout-api", "memory_leak"))


def backlog(rng: Random, name: str) -> dict[str, Any]:
    """A large scale-out: the incident commander is asked."""
    return _incident(rng, name, (2, rng.choice((1, 2))), ("mail-worker", "queue_backlog"))


def bad_release(rng: Random, name: str) -> dict[str, Any]:
    """A rollback: the incident commander is asked."""
    return _incident(rng, name, (2, 2), (rng.choice(("recommendations", "search")), "bad_release"))


def full_disk(rng: Random, name: str) -> dict[str, Any]:
    """A purge outside the change window: refused, and handed over."""
    return _incident(rng, name, (2, 2), ("audit-store", "disk_full"))


def full_archive(rng: Random, name: str) -> dict[str, Any]:
    """A purge inside the change window: the incident commander is asked."""
    return _incident(rng, name, (3, 2), ("report-archive", "disk_full"))


def unexplained(rng: Random, name: str) -> dict[str, Any]:
    """Nobody can name the symptom: handed over untouched."""
    return _incident(rng, name, (2, 2), (rng.choice(("search", "payments-gateway")), "unexplained"))


def two_services(rng: Random, name: str) -> dict[str, Any]:
    """Two independent low-risk steps, in parallel."""
    return _incident(rng, name, (2, 3), ("search", "high_latency"), ("product-cache", "stale_cache"))


def handled_elsewhere(rng: Random, name: str) -> dict[str, Any]:
    """A ticket of another system: classified, mirrored and followed."""
    opened = datetime(2026, 3, 2, 8, 0, tzinfo=UTC) + timedelta(minutes=rng.randrange(40_000))
    priority = rng.choice((1, 2, 3, 3, 3, 4))
    source = TicketUpdate(
        number=f"INC-{name}",
        incident_state="New",
        active=True,
        made_sla=True,
        reassignment_count=0,
        reopen_count=0,
        opened_at=opened,
        sys_updated_at=opened + timedelta(minutes=3),
        sys_mod_count=0,
        priority=priority,
        assignment_group=f"group {rng.randrange(1, 9)}",
        category="network",
    )
    levels = {1: (1, 1), 2: (1, 2), 3: (2, 2), 4: (2, 3)}[priority]
    return Incident(
        number=f"INC-{name}",
        title="The network of a branch office is slow",
        description="Handled by the network provider in its own ticketing system.",
        category="network",
        impact=levels[0],
        urgency=levels[1],
        opened_at=opened,
        handled_by="source",
        source=source,
    ).model_dump(mode="json", exclude_none=True)


KINDS: tuple[Callable[[Random, str], dict[str, Any]], ...] = (
    stale_cache,
    outage,
    handled_elsewhere,
    full_disk,
    backlog,
    slow_search,
    bad_release,
    unexplained,
    two_services,
    full_archive,
    handled_elsewhere,
    stale_cache,
)
"""Kinds of incidents, in the order they take turns."""


def events(case: dict[str, Any]) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return a followed ticket's later states: worked on, resolved, sometimes reopened, closed."""
    incident = Incident.model_validate(case)
    if incident.source is None:
        return []
    rng = Random(incident.number)  # noqa: S311 - the same ticket always has the same history
    state, at, told = incident.source, incident.source.sys_updated_at, list[tuple[str, dict[str, Any], datetime]]()
    reopened = rng.random() < 0.3  # noqa: PLR2004 - three in ten
    for word in ("Active", "Resolved", *(("Active", "Resolved") if reopened else ()), "Closed"):
        at += timedelta(minutes=rng.randrange(20, 900))
        again = word == "Active" and state.incident_state == "Resolved"
        state = TicketUpdate.model_validate(
            state.model_dump()
            | {
                "incident_state": word,
                "active": word != "Closed",
                "sys_updated_at": at,
                "sys_mod_count": state.sys_mod_count + 1,
                "reassignment_count": state.reassignment_count + (word == "Active" and rng.random() < 0.5),  # noqa: PLR2004 - half
                "reopen_count": state.reopen_count + again,
                "resolved_at": at if word == "Resolved" else None if again else state.resolved_at,
                "closed_at": at if word == "Closed" else None,
                "made_sla": state.made_sla and at - state.opened_at < timedelta(hours=24),
            }
        )
        told.append(("ticket_updated", state.model_dump(mode="json"), at))
    return told
