"""The content repository and the publications, as the missions need them.

`ContentRepository` is the interface; `embedded_content.py` is the one that needs no network. To connect
a real one, write a class with these methods and return it in `systems.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gonogo.model import Noun
from policies.content_rules import Channel, Product, Reviewer

if TYPE_CHECKING:
    from policies.content import Brief, Draft, Remark, Review


class PublicationFacts(Noun):
    """What the law must know before a version is published, all from the repository."""

    brief_id: str
    version: int
    brief_channel: Channel
    product: Product
    audience_size: int
    passed_by: tuple[Reviewer, ...]
    """Who passed exactly this version."""
    open_findings: int
    in_quiet_period: bool
    published_before: int


class ContentReceipt(Noun):
    """A change on record."""

    reference: str
    written_at: str


class Publication(Noun):
    """A publication on record."""

    reference: str
    channel: Channel
    published_at: str


class ContentRepository(Protocol):
    """Briefs, drafts, reviews and publications.

    Every method raises `ToolFailed` where the system refuses. Those that change something do it
    once per key, and return the first receipt when asked again.
    """

    def file_brief(self, brief: Brief, key: str) -> ContentReceipt:
        """Enter a brief; refuse an id that is on record."""
        ...

    def brief(self, brief_id: str) -> Brief:
        """Return a brief."""
        ...

    def save_draft(self, draft: Draft, key: str) -> ContentReceipt:
        """Keep a version; each follows the one before, and none is ever changed."""
        ...

    def draft(self, brief_id: str, version: int) -> Draft:
        """Return a version."""
        ...

    def file_review(
        self, brief_id: str, version: int, reviewer: Reviewer, remarks: tuple[Remark, ...], key: str
    ) -> Review:
        """Keep a reviewer's only review of a version, each quote with its place; refuse a quote that is not there."""
        ...

    def review(self, brief_id: str, version: int, reviewer: Reviewer) -> Review:
        """Return a review; one that nobody gave is `not_given`."""
        ...

    def publication_facts(self, brief_id: str, version: int) -> PublicationFacts:
        """Return what must be known before a version is published."""
        ...

    def publish(self, facts: PublicationFacts, channel: Channel, key: str) -> Publication:
        """Publish a version, provided that the facts it was decided on still hold."""
        ...

    def escalate(self, brief_id: str, queue: str, reason: str, key: str) -> ContentReceipt:
        """Put a brief in a queue that people work through."""
        ...

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> ContentReceipt:
        """Take an entry of a case back, by its kind and the reference of its receipt; refuse what is not there."""
        ...
