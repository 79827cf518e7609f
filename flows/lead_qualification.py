"""Score a lead, find out whose it is, and book, assign or nurture it.

Trigger    a lead comes in                              prefect.yaml, `lead-qualification`
Fork       leave alone, nurture, refer, assign or book  policies/leads.py, `lead_route`
Gates      meetings about more than 100,000.00 EUR, meetings on an unsure reading
Refused    people who asked not to be contacted, more than six contacts, other calendars  policies/leads.cedar
Work       tasks/leads.py; systems of record: `crm`, `calendars`, `firms`
Measures   points of the scorecard (policies/lead_scorecard.yaml), confidence, value booked
On call    sales-operations; `gonogo gates` shows what waits, `gonogo evidence RUN` what happened
"""

from datetime import timedelta

from gonogo import Budget, mission, record_exception
from gonogo.errors import ToolFailed
from policies.leads import Handling, Lead, lead_route
from tasks import leads as work

HANDLED_WITHIN = timedelta(days=2)
"""The service level: from the lead to what is done with it, waiting for people included."""


@mission(
    owner="sales-operations",
    scope=["crm", "calendars", "firms"],
    budget=Budget(usd="0.50", actions=12),
    sla=HANDLED_WITHIN,
    safe_state="A meeting is booked or is not, and nobody is written to twice; the lead stays with sales operations.",
)
async def lead_qualification(lead: Lead) -> Handling:
    """Score a lead, find out whose it is, and book, assign or nurture it.

    A scorecard gives the points, an agent reads the words, another finds the firm. Good leads are met
    in a free slot of their owner, alone up to 100,000.00 EUR; cold ones are written to; a firm that
    nobody can name goes to people. Whoever asks to be left alone is.
    """
    await work.register(lead)
    qualification = await work.score(lead)
    placement = await (work.enrich(lead) if lead.company else work.place_among_private_clients(lead))
    match lead_route(lead, qualification, placement):
        case "leave_alone":
            return await work.leave_alone(lead, qualification)
        case "nurture":
            return await work.nurture(lead, qualification)
        case "refer":
            return await work.refer(lead, qualification, placement)
        case "assign":
            return await work.assign(lead, qualification)
        case "book":
            try:
                return await work.book(lead, qualification)
            except ToolFailed as error:
                await record_exception(error.failure, what=str(error), owner="sales-operations")
                return await work.assign(lead, qualification)
