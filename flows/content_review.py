"""Write a text, have compliance and brand review it, and publish what both pass.

Trigger    a brief is filed                          prefect.yaml, `content-review`
Fork       publish, revise or escalate               policies/content.py, `review_route`
Gates      words that leave the house, regulated products in public, large internal audiences
Refused    what was not passed by both, quiet periods, a fourth version  policies/content.cedar
Work       tasks/content.py; systems of record: `content`, `publications`
Measures   rounds, findings, words, reading ease; the rules are policies/content_rules.yaml
On call    content-desk; `gonogo gates` shows what waits, `gonogo evidence RUN` what happened
"""

import asyncio
from datetime import timedelta

from gonogo import Budget, mission, record_exception
from gonogo.errors import ToolFailed
from policies.content import CONTENT_DESK, Brief, Piece, Review, review_route
from tasks import content as work

PUBLISHED_WITHIN = timedelta(days=3)
"""The service level: from the brief to its publication or escalation, waiting for people included."""


@mission(
    owner="communications",
    scope=["content", "publications"],
    budget=Budget(usd="1.00", actions=30),
    sla=PUBLISHED_WITHIN,
    safe_state="A piece is published whole or stays a draft in the repository; an editor takes it on.",
)
async def content_review(brief: Brief) -> Piece:
    """Write a text, have compliance and brand review it, and publish what both pass.

    Two reviewers read each version side by side and say what breaks which rule, and where. The writer
    repairs it, three versions at most; what is not settled then goes to the content desk. Inside the
    house it is published alone, up to 500 readers; words that leave the house wait for a person.
    """
    await work.file(brief)
    version = 1
    reviews: list[Review] = []
    while True:
        try:
            draft = await work.write(brief, version, reviews)
            compliance, brand = await asyncio.gather(
                work.review_compliance(brief, version), work.review_brand(brief, version)
            )
        except ToolFailed as error:
            await record_exception(error.failure, what=str(error), owner=CONTENT_DESK)
            return await work.escalate(brief, reviews, str(error))
        reviews = [*reviews, compliance, brand]
        match review_route(compliance, brand, version):
            case "publish":
                return await work.publish(brief, draft, reviews)
            case "escalate":
                return await work.escalate(brief, reviews)
            case "revise":
                version += 1
