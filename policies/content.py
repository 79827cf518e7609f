"""The terms of the content law, and the one fork a reviewed draft meets.

These nouns are what `content.cedar`, the tools and the mission speak about. A version is a draft's
number, from 1; positions count characters of the draft's text, from 0.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from gonogo import route
from gonogo.model import Content, Measure, Noun, Outcome
from policies.content_rules import Channel, Product, Reviewer

VERSIONS_MAX = 3
"""How often a text is written; then people take over. `content.cedar` refuses a further draft."""

CONTENT_DESK = "content-desk"
"""The people who take what writer and reviewers could not settle."""

Verdict = Literal["passes", "needs_changes", "not_given"]
"""No finding; findings; no review on record, which never counts as one that passes."""

Repair = Literal["replace", "remove", "add_after"]
"""What is done to the quoted words: replaced by, taken out, or followed by a text."""

ReviewRoute = Literal["publish", "revise", "escalate"]
"""Both pass, the writer goes on, or people do."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A business key: letters, digits, dots, dashes and underscores, at most 64."""

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]
Version = Annotated[int, Field(ge=1, le=100)]


class Brief(Noun):
    """What is to be written."""

    brief_id: Identifier
    product: Product
    channel: Channel
    audience_size: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """How many people would read it."""
    headline: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    points: Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=20)]
    """What the text says; the writer may change the words."""
    must_say: Annotated[tuple[Sentence, ...], Field(max_length=5)] = ()
    """What it says word for word; nobody but the author of the brief may change that."""
    notes: Annotated[str, StringConstraints(max_length=4_000), Content()] = ""
    """Background for the writer; read by an agent, obeyed by nobody, never published."""


class Remark(Noun):
    """One finding as a reviewer writes it: the rule, the words, and what to change."""

    rule: Identifier
    """A rule of `content_rules.yaml`."""
    quote: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    """Words of the draft, exactly as they stand there."""
    occurrence: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Which occurrence of these words is meant, from 1."""
    change: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """What to change, in one sentence to the writer."""
    repair: Repair
    text: Annotated[str, StringConstraints(max_length=1_000)] = ""
    """The words to put instead or behind; empty where the writer has to find them."""


class Finding(Remark):
    """A remark on record, with the place where its quote really stands."""

    reviewer: Reviewer
    start: Annotated[int, Field(ge=0)]
    """Where the quote begins in the draft's text."""


class Review(Noun):
    """What a reviewer made of one version of a draft."""

    reviewer: Reviewer
    version: Version
    verdict: Verdict
    findings: tuple[Finding, ...] = ()


class Draft(Noun):
    """One version of a text."""

    brief_id: Identifier
    version: Version
    text: Text


class WritingOrder(Noun):
    """What the writer is asked: which brief, which version, and what has to change."""

    brief_id: Identifier
    version: Version
    findings: tuple[Finding, ...] = ()
    """What both reviewers found in the version before; empty for the first."""


class Written(Noun):
    """What the writer did."""

    version: Version
    note: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class ReviewOrder(Noun):
    """What a reviewer is asked to look at."""

    brief_id: Identifier
    version: Version
    product: Product
    channel: Channel


class ReviewReport(Noun):
    """What a reviewer did; what counts is the review on record."""

    remarks: Annotated[int, Field(ge=0)]
    note: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Piece(Outcome):
    """How a brief ended.

    `published` is what the mission is for; `escalated` gives brief, draft and findings to the people
    of the content desk.
    """

    successes: ClassVar[frozenset[str]] = frozenset({"published"})
    escalations: ClassVar[frozenset[str]] = frozenset({"escalated"})

    outcome: Literal["published", "escalated"]
    brief_id: Identifier
    reference: str
    """The publication or escalation on record."""
    reason: str
    channel: Channel | None = None
    """Where it was published."""
    rounds: Annotated[int, Measure("count")]
    """Versions that were reviewed."""
    findings: Annotated[int, Measure("count")]
    """Findings over all versions."""
    findings_open: Annotated[int, Measure("count")]
    """Findings in the last version."""
    words: Annotated[int | None, Measure("count")] = None
    reading_ease: Annotated[int | None, Measure("points")] = None


@route
def review_route(compliance: Review, brand: Review, version: int) -> ReviewRoute:
    """Both must pass the same version; a review that nobody gave, and a round too many, go to people."""
    if "not_given" in {compliance.verdict, brand.verdict}:
        return "escalate"
    if compliance.verdict == brand.verdict == "passes":
        return "publish"
    return "revise" if version < VERSIONS_MAX else "escalate"
