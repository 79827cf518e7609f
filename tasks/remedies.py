"""The remediations: runbook actions on running services, each a tool of its own.

They all carry the facts `policies/incidents.cedar` rules by: which services the ticket names, how
vital the service is, and whether its change window is open. The idempotency key is filled in by the
hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gonogo import irreversible, shown, tool
from policies.incidents import Action, Identifier
from tasks.systems import ticketing
from tasks.ticketing import ActionTaken

if TYPE_CHECKING:
    from collections.abc import Callable

Tier = Annotated[int, Field(ge=1, le=3)]
Replicas = Annotated[int, Field(ge=1, le=1_000)]


def _preview(action: Action, promise: str) -> Callable[..., str]:
    """Return what a card says about a remediation: what is wrong now, and what the action does."""

    def preview(*, number: str, service: str, service_tier: int, change_window_open: bool, **facts: object) -> str:
        states = [state for state in ticketing().health(number) if state.service == service]
        symptoms = ", ".join(shown(symptom) for state in states for symptom in state.open_symptoms)
        replicas = f" to {shown(facts['replicas'])} replicas" if "replicas" in facts else ""
        return (
            f"**{action}** on {shown(service)}{replicas}. {promise}\n\n"
            f"| now | |\n|---|---|\n| open symptoms | {symptoms or 'none'} |\n| tier | {shown(service_tier)} |\n"
            f"| change window | {'open' if change_window_open else 'closed'} |"
        )

    return preview


async def _do(action: Action, number: str, service: str, key: str, detail: str = "") -> ActionTaken:
    return await asyncio.to_thread(ticketing().remediate, number, service, action, detail, key)


@tool(
    system="operations",
    effect="write",
    preview=_preview("clear_cache", "Answers are slower until the cache has refilled."),
    undo=irreversible("The cache refills by itself."),
)
async def clear_cache(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    idempotency_key: str = "",
) -> ActionTaken:
    """Empty a service's cache; it refills from the source."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("clear_cache", number, service, idempotency_key)


@tool(
    system="operations",
    effect="write",
    preview=_preview("restart_service", "Requests in flight are lost; it is back within a minute."),
    undo=irreversible("Requests that were in flight are lost."),
)
async def restart_service(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    idempotency_key: str = "",
) -> ActionTaken:
    """Restart a service; memory and bad state go, requests in flight too."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("restart_service", number, service, idempotency_key)


@tool(
    system="operations",
    effect="write",
    preview=_preview("scale_out", "More replicas cost money until somebody scales in again."),
    undo=irreversible("How many replicas ran before is not on record; scale in by hand."),
)
async def scale_out(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    replicas: Replicas,
    idempotency_key: str = "",
) -> ActionTaken:
    """Run more replicas of a service."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("scale_out", number, service, idempotency_key, f"{replicas} replicas")


@tool(
    system="operations",
    effect="irreversible",
    preview=_preview("failover_database", "The replica takes over; writes of the last seconds can be lost."),
    undo=irreversible("Writes of the last seconds can be lost, and failing back risks the same again."),
)
async def failover_database(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    idempotency_key: str = "",
) -> ActionTaken:
    """Let a database's replica take over; writes of the last seconds can be lost."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("failover_database", number, service, idempotency_key)


@tool(
    system="operations",
    effect="write",
    preview=_preview("rollback_release", "The release before the last one runs again; what was new is gone."),
    undo=irreversible("Which release runs next is decided by whoever owns the service."),
)
async def rollback_release(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    idempotency_key: str = "",
) -> ActionTaken:
    """Run the release before the last one again."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("rollback_release", number, service, idempotency_key)


@tool(
    system="operations",
    effect="irreversible",
    preview=_preview("purge_data", "Old data is deleted for good."),
    undo=irreversible("What was deleted is gone."),
)
async def purge_data(
    *,
    number: Identifier,
    service: Identifier,
    affected_services: list[str],
    service_tier: Tier,
    change_window_open: bool,
    idempotency_key: str = "",
) -> ActionTaken:
    """Delete a service's old data for good, to free its disk."""
    del affected_services, service_tier, change_window_open  # what the law decided on
    return await _do("purge_data", number, service, idempotency_key)
