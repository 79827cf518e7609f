"""News: Prefect's word, as it happens, that a flow run is due or is to stop. Whoever hears none, polls."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.events.schemas.events import ResourceSpecification

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from prefect.events import Event

_log = logging.getLogger("gonogo.house")

_FLOW_RUN, _DEPLOYMENT = "prefect.flow-run.", "prefect.deployment."
_STATES = (StateType.SCHEDULED, StateType.PAUSED, StateType.CANCELLING, StateType.CANCELLED)
STALE = timedelta(seconds=10)
RECONNECT_SECONDS, RECONNECT_SECONDS_MAX = 1.0, 30.0


class Word(NamedTuple):
    """One piece of news."""

    flow_run_id: UUID
    deployment_id: UUID
    state: StateType


class News:
    """The stream of a server's state changes that concern a runner."""

    def __init__(self) -> None:
        self.is_live = False
        """Whether the server tells us; where it does not, polling has to be quick."""

    async def words(self) -> AsyncGenerator[Word | None]:
        """Yield what happens, for ever; ``None`` when what happened may have been missed.

        A server without an event stream, or one that is away, is asked again, ever more seldom.
        """
        pause = RECONNECT_SECONDS
        while True:
            try:
                async with get_events_subscriber(filter=_filter(), reconnection_attempts=0) as events:
                    self.is_live, pause = True, RECONNECT_SECONDS
                    yield None
                    async for event in events:
                        word = read(event)
                        if word is not None:
                            yield word
            except Exception as error:  # noqa: BLE001 - news are a convenience; without them the runner polls
                _log.info("The Prefect server tells no news now (%s); its runs are polled.", error)
            finally:
                self.is_live = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, RECONNECT_SECONDS_MAX)


def _filter() -> EventFilter:
    labels = ResourceSpecification({"prefect.state-type": [state.value for state in _STATES]})
    return EventFilter(event=EventNameFilter(prefix=[_FLOW_RUN]), resource=EventResourceFilter(labels=labels))


def read(event: Event) -> Word | None:
    """Return what an event says, or ``None`` where it concerns no deployment or is not what it seems."""
    if event.occurred < datetime.now(UTC) - STALE and event.resource.get("prefect.state-type") != StateType.CANCELLED:
        # Told again after a reconnection. What is due by now, or is to stop, the runner finds by itself.
        return None
    deployments = [related.id for related in event.related if related.id.startswith(_DEPLOYMENT)]
    try:
        return Word(
            UUID(event.resource.id.removeprefix(_FLOW_RUN)),
            UUID(deployments[0].removeprefix(_DEPLOYMENT)),
            StateType(event.resource["prefect.state-type"]),
        )
    except (IndexError, KeyError, ValueError):
        return None
