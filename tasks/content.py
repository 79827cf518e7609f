"""The work of the content mission, step by step; the story is `flows/content_review.py`."""

from __future__ import annotations

from gonogo import criterion, step
from policies.content import (
    CONTENT_DESK,
    VERSIONS_MAX,
    Brief,
    Draft,
    Piece,
    Review,
    ReviewOrder,
    WritingOrder,
)
from tasks.content_agents import brand_reviewer, compliance_reviewer, copywriter
from tasks.content_checks import reading_ease, words
from tasks.content_repository import ContentReceipt
from tasks.content_tools import (
    escalate_brief,
    file_brief,
    publish_content,
    read_draft,
    read_publication_facts,
    read_review,
)

REASON_MAX = 4_000
"""The longest reason that the content desk is given, in characters."""


@criterion("versions are counted from one")
def is_a_version(version: int) -> bool:
    """Look at the number of the version."""
    return version >= 1


@criterion("the draft is the version of the brief that was asked for")
def is_the_draft_asked_for(brief: Brief, version: int, result: Draft) -> bool:
    """Look at the draft."""
    return (result.brief_id, result.version) == (brief.brief_id, version)


@criterion("the review is of the version that was asked for")
def is_the_review_asked_for(version: int, result: Review) -> bool:
    """Look at the review."""
    return result.version == version


@criterion("the draft belongs to the brief")
def belongs_to_the_brief(brief: Brief, draft: Draft) -> bool:
    """Look at brief and draft."""
    return draft.brief_id == brief.brief_id


@step
async def file(brief: Brief) -> ContentReceipt:
    """Enter the brief in the repository."""
    return await file_brief(
        brief_id=brief.brief_id,
        product=brief.product,
        channel=brief.channel,
        audience_size=brief.audience_size,
        headline=brief.headline,
        points=list(brief.points),
        must_say=list(brief.must_say),
        notes=brief.notes,
    )


@step(entry=[is_a_version], exit=[is_the_draft_asked_for])
async def write(brief: Brief, version: int, reviews: list[Review]) -> Draft:
    """Let the writer write or repair; the draft is what the repository has, not what the writer says."""
    findings = tuple(finding for review in reviews[-2:] for finding in review.findings)
    await copywriter.ask(WritingOrder(brief_id=brief.brief_id, version=version, findings=findings))
    return await read_draft(brief_id=brief.brief_id, version=version)


@step(exit=[is_the_review_asked_for])
async def review_compliance(brief: Brief, version: int) -> Review:
    """Let compliance read one version; what counts is the review on record."""
    await compliance_reviewer.ask(_order(brief, version))
    return await read_review(brief_id=brief.brief_id, version=version, reviewer="compliance")


@step(exit=[is_the_review_asked_for])
async def review_brand(brief: Brief, version: int) -> Review:
    """Let brand read one version; what counts is the review on record."""
    await brand_reviewer.ask(_order(brief, version))
    return await read_review(brief_id=brief.brief_id, version=version, reviewer="brand")


def _order(brief: Brief, version: int) -> ReviewOrder:
    return ReviewOrder(brief_id=brief.brief_id, version=version, product=brief.product, channel=brief.channel)


@step(acting="content_publisher", entry=[belongs_to_the_brief])
async def publish(brief: Brief, draft: Draft, reviews: list[Review]) -> Piece:
    """Publish a reviewed version; reviews and earlier publications come from the repository."""
    facts = await read_publication_facts(brief_id=brief.brief_id, version=draft.version)
    published = await publish_content(
        brief_id=brief.brief_id,
        version=draft.version,
        channel=brief.channel,
        brief_channel=facts.brief_channel,
        product=facts.product,
        audience_size=facts.audience_size,
        passed_by=list(facts.passed_by),
        open_findings=facts.open_findings,
        in_quiet_period=facts.in_quiet_period,
        published_before=facts.published_before,
    )
    return Piece(
        outcome="published",
        brief_id=brief.brief_id,
        reference=published.reference,
        reason=f"Compliance and brand passed version {draft.version}.",
        channel=published.channel,
        rounds=draft.version,
        findings=sum(len(review.findings) for review in reviews),
        findings_open=facts.open_findings,
        words=words(draft.text),
        reading_ease=reading_ease(draft.text),
    )


@step
async def escalate(brief: Brief, reviews: list[Review], trouble: str | None = None) -> Piece:
    """Give the brief to the content desk, with every finding that is still open."""
    rounds = max((review.version for review in reviews), default=0)
    last = [review for review in reviews if review.version == rounds]
    still = [finding for review in last for finding in review.findings]
    silent = [review.reviewer for review in last if review.verdict == "not_given"]
    told = [f"{each.reviewer}, {each.rule}, at {each.start}: {each.quote!r}. {each.change}" for each in still]
    told += [f"{reviewer} gave no review of version {rounds}." for reviewer in silent]
    told += [trouble] if trouble else []
    reason = f"Not settled after {rounds} of {VERSIONS_MAX} rounds. {' '.join(told)}"[:REASON_MAX]
    receipt = await escalate_brief(brief_id=brief.brief_id, queue=CONTENT_DESK, reason=reason)
    return Piece(
        outcome="escalated",
        brief_id=brief.brief_id,
        reference=receipt.reference,
        reason=reason,
        rounds=rounds,
        findings=sum(len(review.findings) for review in reviews),
        findings_open=len(still),
    )
