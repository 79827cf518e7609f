"""News: what the server tells is read strictly, and a server that tells nothing is asked again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import StateType
from prefect.events import Event

from gonogo.house import news as telling
from gonogo.house.news import News, Word, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FLOW_RUN, DEPLOYMENT = uuid4(), uuid4()


def event(
    state: str = "SCHEDULED",
    flow_run: object = FLOW_RUN,
    deployment: object = DEPLOYMENT,
    kind: str = "deployment",
    ago: timedelta = timedelta(),
) -> Event:
    """Return an event as the server sends it."""
    resource = {"prefect.resource.id": f"prefect.flow-run.{flow_run}", "prefect.state-type": state}
    related: list[dict[str, str]] = [
        {"prefect.resource.id": "prefect.flow.x", "prefect.resource.role": "flow"},
        {"prefect.resource.id": f"prefect.{kind}.{deployment}", "prefect.resource.role": kind},
    ]
    return Event.model_validate(
        {
            "event": "prefect.flow-run.Any",
            "resource": resource,
            "related": related,
            "id": str(uuid4()),
            "occurred": datetime.now(UTC) - ago,
        }
    )


def test_an_event_names_flow_run_deployment_and_state() -> None:
    """That is all that a runner has to know."""
    assert read(event()) == Word(FLOW_RUN, DEPLOYMENT, StateType.SCHEDULED)
    assert read(event("CANCELLING")) == Word(FLOW_RUN, DEPLOYMENT, StateType.CANCELLING)


def test_old_news_start_nothing_and_still_end_what_was_cancelled() -> None:
    """After a reconnection the server tells the last minute again; a cancelled sleeper may have been missed in it."""
    assert read(event(ago=timedelta(seconds=30))) is None
    assert read(event("CANCELLED", ago=timedelta(seconds=30))) == Word(FLOW_RUN, DEPLOYMENT, StateType.CANCELLED)


@pytest.mark.parametrize(
    "strange",
    [
        event(kind="work-pool"),
        event(state="ON_FIRE"),
        event(flow_run="not-an-id"),
        event(deployment="../../etc/passwd"),
    ],
    ids=["no deployment", "no such state", "no flow run", "no deployment id"],
)
def test_an_event_that_is_not_what_it_seems_is_passed_over(strange: Event) -> None:
    """Anybody who reaches the server may send events to it."""
    assert read(strange) is None


async def test_a_stream_that_breaks_is_opened_again_and_says_that_something_was_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First it cannot be reached, then it breaks, then it tells; the runner looks by itself meanwhile."""
    lives: list[list[Any]] = [[ConnectionRefusedError("away")], [event(), OSError("cut")], [event("CANCELLING")]]
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    @asynccontextmanager
    async def subscriber(**_: Any) -> AsyncGenerator[Any]:
        life = lives.pop(0)
        if isinstance(life[0], ConnectionRefusedError):
            raise life[0]

        async def stream() -> AsyncGenerator[Event]:
            for each in life:
                if isinstance(each, Exception):
                    raise each
                yield each

        yield stream()

    monkeypatch.setattr(telling, "get_events_subscriber", subscriber)
    monkeypatch.setattr(asyncio, "sleep", nap)
    news = News()
    words = news.words()
    told: list[Word | None] = [await anext(words) for _ in range(4)]
    assert [word and word.state for word in told] == [None, StateType.SCHEDULED, None, StateType.CANCELLING]
    assert news.is_live
    assert naps == [1.0, 1.0]
    await words.aclose()
    assert not news.is_live
    assert isinstance(told[1] and told[1].flow_run_id, UUID)
