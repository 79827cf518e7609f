"""Review a contract clause by clause, and bring it to signature.

Trigger    a contract comes in                 prefect.yaml, `contract-review`
Fork       readable or not; a contract or not  policies/contracts.py, `intake_route`, `review_route`
Parallel   commercial, regulatory and pricing reviewers, each in a branch of its own
Gates      risky clauses, anything outside a playbook, values above 25,000.00 EUR or unknown
Refused    no report, blocked counterparties, unauthorised signatories, a second routing  policies/contracts.cedar
Work       tasks/contracts.py; systems of record: `contracts`, `signing`
Measures   clauses quoted, quotes rejected, kinds of risky clauses, value
On call    legal-operations; `gonogo gates` shows what waits, `gonogo evidence RUN` what happened
"""

import asyncio
from datetime import timedelta

from gonogo import Budget, branch, mission, record_exception
from policies.clauses import REVIEWERS, Reviewer
from policies.contracts import Contract, Filed, Reading, Review, intake_route, review_route
from tasks import contracts as work

REVIEWED_WITHIN = timedelta(days=10)
"""The service level: from intake to the signatory's desk, waiting for legal counsel included."""


@mission(
    owner="legal-operations",
    scope=["contracts", "signing"],
    budget=Budget(usd="9.00", actions=6),
    sla=REVIEWED_WITHIN,
    safe_state="A contract is at its signatory's desk or is not; one that is not waits for legal operations.",
)
async def contract_review(contract: Contract) -> Review:
    """Review a contract clause by clause, and bring it to signature.

    Three agents read it at the same time, each for its own kinds of clauses, and quote them where
    they stand. Quotes that the text does not bear out are rejected. What keeps to a playbook goes
    to its signatory alone; anything risky, large or unknown waits for legal counsel.
    """
    filed = await work.take_in(contract)
    if intake_route(filed) == "illegible":
        return await work.refer(contract, filed)
    readings = dict(await asyncio.gather(*(_read(reviewer, filed) for reviewer in REVIEWERS)))
    report = await work.merge(filed, readings)
    if report.rejected:
        await record_exception("data_mismatch", what=work.mismatch(report), owner=work.OWNER)
    match review_route(report):
        case "no_contract":
            return await work.give_back(contract, report)
        case "signature":
            return await work.route(contract, report)


async def _read(reviewer: Reviewer, filed: Filed) -> tuple[Reviewer, Reading]:
    """Let one reviewer read, beside the others."""
    async with branch(reviewer):
        return reviewer, await work.review(reviewer, filed)
