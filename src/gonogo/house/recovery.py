"""Recovery: runs that Prefect believes to be flying, or calls crashed, while nobody flies them, are flown on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.schemas.objects import StateType
from prefect.states import AwaitingRetry

from gonogo.lanes.prefect import run_id_of
from gonogo.missions import Mission

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.house.fleet import Fleet

BELIEVED = (StateType.RUNNING, StateType.PENDING, StateType.CRASHED, StateType.CANCELLED)
"""States in which Prefect leaves the flow run of a process that died."""


async def recover(fleet: Fleet, journal: Journal) -> None:
    """Put runs back into flight that nobody holds the lease of, and end those that were cancelled.

    Args:
        fleet: what it flies now is left alone, and so is what is not of its deployments.
        journal: the evidence, which says who flies and what has ended.

    Raises:
        httpx.HTTPError, PrefectException: the server does not answer now; ask again, nothing is done twice.

    """
    live = set(journal.live_run_ids())
    for flow_run in await fleet.in_states(BELIEVED):
        flow = fleet.flow_of(flow_run)
        if not isinstance(flow, Mission) or flow_run.id in fleet.flying:
            continue
        run_id = run_id_of(flow_run, flow.name)
        is_over = flow_run.state_type in {StateType.CRASHED, StateType.CANCELLED}
        if not journal.is_free(run_id) or (is_over and run_id not in live):
            continue
        if flow_run.state_type is StateType.CANCELLED:
            await fleet.cancel(flow_run)
            continue
        if (await fleet.client.read_flow_run(flow_run.id)).state_type is not flow_run.state_type:
            # It has landed or lain down since the server was asked.
            continue
        again = AwaitingRetry(message="Its process died; it continues from its evidence.")
        await fleet.client.set_flow_run_state(flow_run.id, again, force=True)
