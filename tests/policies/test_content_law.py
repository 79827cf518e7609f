"""The content law as three lists: what is done alone, what a person may lift, what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from policies.content import VERSIONS_MAX
from tests.policies.court import Asked, must_allow, must_ask, must_refuse, must_yield

PUBLICATION = {
    "brief_id": "B-1",
    "version": 1,
    "channel": "internal",
    "brief_channel": "internal",
    "product": "account",
    "audience_size": 100,
    "passed_by": ["compliance", "brand"],
    "open_findings": 0,
    "in_quiet_period": False,
    "published_before": 0,
}
REMARK = {
    "rule": "no-guarantees", "quote": "guaranteed", "occurrence": 1, "change": "c", "repair": "replace", "text": "t",
}  # fmt: skip


def publishes(by: str = "content_publisher", call: dict[str, Any] | None = None, **facts: Any) -> Asked:
    """Ask for a publication."""
    return Asked("publish_content", PUBLICATION | facts, by, call or {})


def outside(channel: str = "newsletter", **facts: Any) -> Asked:
    """Ask for a publication that leaves the house."""
    return publishes(channel=channel, brief_channel=channel, **facts)


def reviews(by: str, reviewer: str) -> Asked:
    """Ask to file a review with one remark."""
    return Asked("file_review", {"brief_id": "B-1", "version": 1, "reviewer": reviewer, "remarks": [REMARK]}, by)


def drafts(version: int) -> Asked:
    """Ask to save a version."""
    return Asked("save_draft", {"brief_id": "B-1", "version": version, "text": "t"}, "copywriter")


ALLOW = {
    "a reviewed note inside the house": publishes(),
    "a reviewed note for exactly as many as are allowed": publishes(audience_size=500),
    "a note about a regulated product inside the house": publishes(product="investment"),
    "a note about a product in its quiet period, inside the house": publishes(in_quiet_period=True),
    "a text for outside, narrowed to the house": publishes(brief_channel="public"),
    "the last version there may be": drafts(VERSIONS_MAX),
    "compliance files its review": reviews("compliance_reviewer", "compliance"),
    "brand files its review": reviews("brand_reviewer", "brand"),
    "the mission escalates": Asked("escalate_brief", {"brief_id": "B-1", "queue": "content-desk", "reason": "r"}),
}

LEAD, OFFICER = "communications-lead", "compliance-officer"
GATE = {
    "a newsletter": (outside(), (LEAD,)),
    "public words about an account": (outside("public"), (LEAD,)),
    "public words about a regulated product": (outside("public", product="credit"), (LEAD, OFFICER)),
    "a newsletter about a regulated product": (outside(product="investment"), (LEAD,)),
    "a note for one reader too many": (publishes(audience_size=501), (LEAD,)),
    "a scripted publication in production": (publishes(call={"environment": "prod"}), ("agent-owner",)),
}

DENY = {
    "a version that brand did not pass": (publishes(passed_by=["compliance"]), "reviewed-content-only"),
    "a version that compliance did not pass": (publishes(passed_by=["brand"]), "reviewed-content-only"),
    "a version that nobody passed": (outside(passed_by=[]), "reviewed-content-only"),
    "a version with an open finding": (publishes(open_findings=1), "no-open-findings"),
    "a newsletter in a quiet period": (outside(in_quiet_period=True), "quiet-periods"),
    "public words where the brief wants a newsletter": (
        publishes(channel="public", brief_channel="newsletter"),
        "no-wider-than-the-brief",
    ),
    "a note from the house made public": (publishes(channel="public"), "no-wider-than-the-brief"),
    "a second publication of a brief": (publishes(published_before=1), "published-once"),
    "a fourth version": (drafts(VERSIONS_MAX + 1), "rounds-are-bounded"),
    "brand speaks for compliance": (reviews("brand_reviewer", "compliance"), "compliance-speaks-for-itself"),
    "compliance speaks for brand": (reviews("compliance_reviewer", "brand"), "brand-speaks-for-itself"),
    "the writer reviews": (reviews("copywriter", "brand"), "brand-speaks-for-itself"),
    "the mission reviews": (reviews("", "compliance"), "compliance-speaks-for-itself"),
    "a reviewer writes": (drafts(1)._replace(by="brand_reviewer"), "default-deny"),
    "the writer publishes": (publishes(by="copywriter"), "default-deny"),
    "somebody nobody registered publishes": (publishes(by="stranger"), "fail-closed"),
    "a publication without the facts": (
        Asked("publish_content", {"brief_id": "B-1"}, "content_publisher"),
        "fail-closed",
    ),
    "a publication by a mission without publications in its scope": (
        publishes(call={"scope": ["content"]}),
        "nobody-leaves-the-scope",
    ),
}

EVERYBODY = (LEAD, OFFICER, "agent-owner")
"""All whom this law may have asked."""


@pytest.mark.parametrize("case", ALLOW)
def test_the_law_allows(case: str) -> None:
    """What is named here is done without anybody being asked."""
    must_allow(ALLOW[case], "content_review")


@pytest.mark.parametrize("case", GATE)
def test_the_law_asks_a_person_before(case: str) -> None:
    """What is named here waits for the roles, each with a sentence and a deadline."""
    must_ask(*GATE[case], "content_review")


@pytest.mark.parametrize("case", GATE)
def test_the_law_lets_pass_once_every_role_said_go_to(case: str) -> None:
    """A gate is lifted by its roles, and by nothing less."""
    must_yield(*GATE[case], "content_review")


@pytest.mark.parametrize("case", DENY)
def test_the_law_refuses(case: str) -> None:
    """What is named here nobody may do, whoever says go."""
    must_refuse(*DENY[case], EVERYBODY, "content_review")
