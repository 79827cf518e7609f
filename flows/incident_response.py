"""Bring a service back, or hand it to people with everything known.

Trigger    a ticket comes in               prefect.yaml, `incident-response`
Fork       follow, remediate or hand over  policies/incidents.py, `incident_route`
Event      `ticket_updated`: a ticket handled in another system changed
Gates      tier 1 restarts, failovers, rollbacks, large scale-outs, purges, public words
Refused    services the ticket does not name, purges outside the change window  policies/incidents.cedar
Work       tasks/incidents.py; systems of record: `ticketing`, `operations`
Measures   time to acknowledge, service level kept, severity agreement, reassignments, reopens
On call    service-operations; `gonogo gates` shows what waits, `gonogo evidence RUN` what happened
"""

import asyncio

from gonogo import branch, mission, receive, record_exception
from gonogo.errors import EventMissed, GateDenied, PolicyDenied, ToolFailed
from policies.incidents import Incident, PlanStep, Remediation, Resolution, Situation, TicketUpdate, incident_route
from tasks import incidents as work


@mission(owner="service-operations", scope=["ticketing", "operations"], budget=work.BUDGET, safe_state=work.SAFE_STATE)
async def incident_response(incident: Incident) -> Resolution:
    """Bring a service back, or hand it to people with everything known.

    A coordinator has the incident classified, steps proposed and words written, each by a specialist
    who is told its brief alone. Services are remediated in parallel; high-risk steps wait for a person.
    A ticket of another system is classified, mirrored (changes, hence the budget) and followed to its end.
    """
    await work.take_in(incident)
    situation = await work.monitor(incident)
    way = incident_route(incident, situation)
    if way == "follow":
        return await _follow(incident, situation)
    acknowledged = await work.acknowledge(incident, situation)
    if way == "hand_over":
        return await work.hand_over_to_on_call(incident, situation, acknowledged, [])
    plan = await work.propose(incident, situation)
    worked = await asyncio.gather(*(_work_through(incident, each) for each in plan.by_service.values()))
    done = [remediation for service in worked for remediation in service]
    open_symptoms = await work.count_open_symptoms(incident)
    try:
        await work.tell(incident, situation, done, open_symptoms)
    except GateDenied as error:
        await record_exception(error.failure, what=str(error), owner="communications-lead")
    if open_symptoms:
        return await work.hand_over_to_on_call(incident, situation, acknowledged, done)
    return await work.resolve(incident, situation, acknowledged, done)


async def _work_through(incident: Incident, steps: tuple[PlanStep, ...]) -> list[Remediation]:
    """Do the planned steps of one service in order, and stop at the first that is not done."""
    done: list[Remediation] = []
    async with branch(steps[0].service):
        for planned in steps:
            try:
                done.append(await work.remediate(incident, planned))
            except (GateDenied, PolicyDenied, ToolFailed) as error:
                await record_exception(error.failure, what=str(error), owner=work.ON_CALL)
                return [*done, work.stopped(planned, error)]
    return done


async def _follow(incident: Incident, situation: Situation) -> Resolution:
    """Mirror every update of the ticket until its source closes it for good."""
    last, updates = incident.source, 0
    if last is not None:
        await work.mirror(last)
    while last is None or not last.is_final:
        try:
            update = await receive("ticket_updated", TicketUpdate)
        except EventMissed as error:
            await record_exception(error.failure, what=str(error), owner=work.ON_CALL)
            return await work.hand_over_to_on_call(incident, situation, None, [])
        if update.number != incident.number:
            await record_exception("data_mismatch", what=f"An update of {update.number} came for {incident.number}.")
            continue
        await work.mirror(update)
        last, updates = update.newest(last), updates + 1
    return work.followed(situation, last, updates)
