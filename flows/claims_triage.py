"""Decide whether to pay an insurance claim, and how much.

Trigger    a claim comes in                          prefect.yaml, `claims-triage`
Fork       investigator, customer, decline, cashier  policies/claims.py, `claim_route`
Event      `documents_received`: the customer sent what was asked for
Gates      payouts above 5,000.00 EUR, second payments, unsure payouts and declines
Refused    accounts not on the policy, more than claimed or insured, suspected claims  policies/claims.cedar
Work       tasks/claims.py; systems of record: `claims`, `payments`
On call    claims-operations; `gonogo gates` shows what waits, `gonogo evidence RUN` what happened
"""

from datetime import timedelta

from gonogo import Budget, mission, receive
from gonogo.errors import EventMissed
from policies.claims import Claim, DocumentsReceived, Settlement, claim_route
from tasks.claims import ask_customer, assess_damage, decline, file_answer, pay, refer_to_investigator, register

CUSTOMER_ANSWERS_WITHIN = timedelta(days=14)
"""How long a customer has to answer; then they are reminded, and after that the claim is decided."""

DECIDED_WITHIN = timedelta(days=30)
"""The service level: from intake to decision, waiting for customers and people included."""


@mission(
    owner="claims-operations",
    scope=["claims", "payments"],
    budget=Budget(usd="2.00", actions=40),
    sla=DECIDED_WITHIN,
    safe_state="A claim is paid in full or not at all; one that is open stays open for the adjusters.",
)
async def claims_triage(claim: Claim) -> Settlement:
    """Decide whether to pay an insurance claim, and how much.

    An agent reads the claim, the cover and earlier claims. Complete and covered claims are paid,
    alone up to 5,000.00 EUR; customers are asked for missing documents; suspicious claims go to an
    investigator. What is unsure or large waits for a person.
    """
    await register(claim)
    rounds = 0
    assessment = await assess_damage(claim, rounds)
    while (way := claim_route(assessment, rounds)) == "missing_documents":
        rounds += 1
        await ask_customer(claim, assessment.missing_documents, rounds)
        try:
            received = await receive("documents_received", DocumentsReceived, within=CUSTOMER_ANSWERS_WITHIN)
        except EventMissed:
            continue
        await file_answer(claim, received)
        assessment = await assess_damage(claim, rounds)
    match way:
        case "investigator":
            return await refer_to_investigator(claim, assessment, rounds)
        case "declined":
            return await decline(claim, assessment, rounds)
        case "fast_track":
            return await pay(claim, assessment, rounds)
