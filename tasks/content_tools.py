"""Tools of the content mission: everything it can read or change in the repository and in publications.

Each is an action of the same name in `policies/content.cedarschema`. What the law needs to know about
a version is an argument, and steps take it from the repository, not from a model. The idempotency
key is filled in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field

from gonogo import Content, Reach, Trusted, compensate, irreversible, reversible, tool
from policies.content import Brief, Draft, Identifier, Remark, Review, Sentence, Text, Version
from policies.content_rules import Channel, ContentRules, Product, Reviewer, content_rules
from tasks.content_checks import reading_ease, words
from tasks.content_repository import ContentReceipt, Publication, PublicationFacts
from tasks.prose import Prose
from tasks.systems import content
from tasks.takebacks import withdraw_escalation, withdraw_publication

Count = Annotated[int, Field(ge=0)]


def _publication_preview(brief_id: str, version: int, channel: str, **_facts: object) -> str:
    """Show what would be published, quoted, and what the reviewers said to it."""
    draft, facts = content().draft(brief_id, version), content().publication_facts(brief_id, version)
    quoted = "\n".join(f"> {line}" for line in draft.text.splitlines())
    return (
        f"Version {version} of `{brief_id}` is published on the channel **{channel}**, and read by about "
        f"{facts.audience_size:,} people; what was read cannot be taken back.\n\n{quoted}\n\n"
        "| on record | |\n|---|---|\n"
        f"| passed by | {', '.join(facts.passed_by) or 'nobody'} |\n"
        f"| open findings | {facts.open_findings} |\n"
        f"| words, reading ease | {words(draft.text)}, {reading_ease(draft.text)} |\n"
        f"| channel of the brief | {facts.brief_channel} |"
    )


@tool(
    system="content",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def file_brief(
    *,
    brief_id: Identifier,
    product: Product,
    channel: Channel,
    audience_size: int,
    headline: Prose,
    points: list[Sentence],
    must_say: list[Sentence],
    notes: Prose,
    idempotency_key: str = "",
) -> ContentReceipt:
    """Enter a brief that is not on record."""
    brief = Brief(
        brief_id=brief_id,
        product=product,
        channel=channel,
        audience_size=audience_size,
        headline=headline,
        points=tuple(points),
        must_say=tuple(must_say),
        notes=notes,
    )
    return await asyncio.to_thread(content().file_brief, brief, idempotency_key)


@tool(system="content", effect="read")
async def read_brief(brief_id: Identifier) -> Annotated[Brief, Trusted()]:
    """Read a brief: what to say, what to say word for word, for whom."""
    return await asyncio.to_thread(content().brief, brief_id)


@tool(system="content", effect="write", undo=irreversible("Versions are kept; none is ever changed."))
async def save_draft(
    brief_id: Identifier, version: Version, text: Annotated[Text, Content()], *, idempotency_key: str = ""
) -> ContentReceipt:
    """Keep a version of a text; each follows the one before, and none is ever changed."""
    draft = Draft(brief_id=brief_id, version=version, text=text)
    return await asyncio.to_thread(content().save_draft, draft, idempotency_key)


@tool(system="content", effect="read")
async def read_draft(brief_id: Identifier, version: Version) -> Draft:
    """Read a version of a text."""
    return await asyncio.to_thread(content().draft, brief_id, version)


@tool(system="content", effect="read")
async def read_content_rules() -> Annotated[ContentRules, Trusted()]:
    """Read the rules that every draft is held against."""
    return content_rules()


@tool(system="content", effect="write", undo=irreversible("A review is kept; the next version gets its own."))
async def file_review(
    brief_id: Identifier,
    version: Version,
    reviewer: Reviewer,
    remarks: Annotated[list[Remark], Content()],
    *,
    idempotency_key: str = "",
) -> Review:
    """File the only review of a version: one remark for each finding, none if it passes.

    A remark names a rule and quotes the draft exactly; a quote that does not stand there is refused.
    """
    return await asyncio.to_thread(
        content().file_review, brief_id, version, reviewer, tuple(remarks), idempotency_key
    )  # fmt: skip


@tool(system="content", effect="read")
async def read_review(brief_id: Identifier, version: Version, reviewer: Reviewer) -> Review:
    """Read what a reviewer filed on a version; a review that nobody gave says so."""
    return await asyncio.to_thread(content().review, brief_id, version, reviewer)


@tool(
    system="content",
    effect="write",
    undo=reversible(
        withdraw_escalation, brief_id="args.brief_id", reference="result.reference", reason="rollback.reason"
    ),
)
async def escalate_brief(
    brief_id: Identifier, queue: str, reason: Prose, *, idempotency_key: str = ""
) -> ContentReceipt:
    """Put a brief in a queue that people work through."""
    return await asyncio.to_thread(content().escalate, brief_id, queue, reason, idempotency_key)


@tool(system="publications", effect="read")
async def read_publication_facts(brief_id: Identifier, version: Version) -> Annotated[PublicationFacts, Trusted()]:
    """Read what the law must know before a version is published."""
    return await asyncio.to_thread(content().publication_facts, brief_id, version)


def _publishes(*, audience_size: int, **_call: Any) -> Reach:
    return Reach(records=1, recipients=audience_size)


@tool(
    system="publications",
    effect="irreversible",
    preview=_publication_preview,
    undo=compensate(
        withdraw_publication, brief_id="args.brief_id", reference="result.reference", reason="rollback.reason"
    ),
    reach=_publishes,
)
async def publish_content(
    *,
    brief_id: Identifier,
    version: Version,
    channel: Channel,
    brief_channel: Channel,
    product: Product,
    audience_size: Count,
    passed_by: list[Reviewer],
    open_findings: Count,
    in_quiet_period: bool,
    published_before: Count,
    idempotency_key: str = "",
) -> Publication:
    """Publish a version, provided that the facts it was decided on still hold in the repository."""
    facts = PublicationFacts(
        brief_id=brief_id,
        version=version,
        brief_channel=brief_channel,
        product=product,
        audience_size=audience_size,
        passed_by=tuple(passed_by),
        open_findings=open_findings,
        in_quiet_period=in_quiet_period,
        published_before=published_before,
    )
    return await asyncio.to_thread(content().publish, facts, channel, idempotency_key)
