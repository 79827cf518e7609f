"""The embedded content repository."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from policies.content import Brief, Draft, Remark
from tasks.embedded import System
from tasks.embedded_content import SCHEMA, SqliteContent

if TYPE_CHECKING:
    from pathlib import Path

    from policies.content_rules import Reviewer

TEXT = "News\n\nIt is guaranteed. Really guaranteed, in Zürich \U0001f600 too."


def brief(**facts: Any) -> Brief:
    """Return a brief, with these facts."""
    plain = {"brief_id": "B-1", "product": "account", "channel": "public", "audience_size": 9, "headline": "News"}
    return Brief.model_validate(plain | {"points": ["It is guaranteed"]} | facts)


def remark(quote: str = "guaranteed", occurrence: int = 1, rule: str = "no-guarantees") -> Remark:
    """Return a remark about words of the text."""
    return Remark(rule=rule, quote=quote, occurrence=occurrence, change="c", repair="replace", text="expected")


@pytest.fixture
def content(tmp_path: Path) -> SqliteContent:
    """Return a repository with a brief and its first version."""
    made = SqliteContent(System(tmp_path / "content.db", SCHEMA))
    made.file_brief(brief(), "brief")
    made.save_draft(Draft(brief_id="B-1", version=1, text=TEXT), "draft")
    return made


def rows(content: SqliteContent, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the file."""
    with content.system.reading() as db:
        return [tuple(row) for row in db.execute(query)]


def passed(content: SqliteContent, *reviewers: Reviewer) -> None:
    """Let reviewers pass the first version."""
    for reviewer in reviewers:
        content.file_review("B-1", 1, reviewer, (), f"passed by {reviewer}")


def test_a_brief_can_be_read_back_as_it_was_filed_and_its_id_is_taken(content: SqliteContent) -> None:
    """The same key returns the receipt; another brief under the id is refused."""
    assert content.brief("B-1") == brief()
    assert content.file_brief(brief(), "brief").reference == "B-1"
    with pytest.raises(ToolFailed, match="on record already"):
        content.file_brief(brief(), "second run")


@pytest.mark.parametrize("version", [1, 3, 9])
def test_each_version_follows_the_one_before_and_none_is_changed(content: SqliteContent, version: int) -> None:
    """Neither skipped nor overwritten; the message says which is next."""
    with pytest.raises(ToolFailed, match="save version 2"):
        content.save_draft(Draft(brief_id="B-1", version=version, text="other"), "other")
    assert content.draft("B-1", 1).text == TEXT


@pytest.mark.parametrize(
    ("quote", "occurrence"), [("guaranteed", 1), ("guaranteed", 2), ("Zürich \U0001f600", 1), ("\n\n", 1), (TEXT, 1)]
)
def test_a_finding_is_kept_with_the_place_where_its_quote_stands(
    content: SqliteContent, quote: str, occurrence: int
) -> None:
    """Counted in characters, whatever letters stand before."""
    (found,) = content.file_review("B-1", 1, "compliance", (remark(quote, occurrence),), "r").findings
    assert TEXT[found.start : found.start + len(quote)] == quote
    assert TEXT.count(quote, 0, found.start) == occurrence - 1
    assert content.review("B-1", 1, "compliance").findings == (found,)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (remark("guaranteed", 3), "does not say 'guaranteed' 3 times"),
        (remark("Guaranteed"), "quote it exactly"),
        (remark("It was guaranteed."), "quote it exactly"),
        (remark(rule="plain-words"), "no compliance rule plain-words"),
        (remark(rule="be-nice"), "no compliance rule be-nice"),
    ],
)
def test_a_remark_that_quotes_or_names_what_is_not_there_is_refused_with_all_others(
    content: SqliteContent, wrong: Remark, told: str
) -> None:
    """Nothing of the review is kept, so the reviewer can file it again, right."""
    with pytest.raises(ToolFailed, match=told):
        content.file_review("B-1", 1, "compliance", (remark(), wrong), "wrong")
    assert content.review("B-1", 1, "compliance").verdict == "not_given"
    assert content.file_review("B-1", 1, "compliance", (remark(),), "right").verdict == "needs_changes"


def test_a_review_is_final(content: SqliteContent) -> None:
    """Nobody takes a finding back by reviewing again; the same key returns what was filed."""
    first = content.file_review("B-1", 1, "compliance", (remark(),), "first")
    assert content.file_review("B-1", 1, "compliance", (remark(),), "first") == first
    with pytest.raises(ToolFailed, match="a review is final"):
        content.file_review("B-1", 1, "compliance", (), "second thoughts")
    assert content.publication_facts("B-1", 1).open_findings == 1


def test_the_facts_count_reviews_of_exactly_this_version(content: SqliteContent) -> None:
    """What was said of the first version says nothing about the second."""
    passed(content, "compliance", "brand")
    assert content.publication_facts("B-1", 1).passed_by == ("compliance", "brand")
    content.save_draft(Draft(brief_id="B-1", version=2, text="Unseen."), "second")
    assert content.publication_facts("B-1", 2).passed_by == ()


def test_a_product_in_its_quiet_period_is_known_to_be(content: SqliteContent) -> None:
    """The calendar is the repository's, not the brief's."""
    content.file_brief(brief(brief_id="B-2", product="own_shares"), "quiet")
    content.save_draft(Draft(brief_id="B-2", version=1, text="t"), "quiet draft")
    assert content.publication_facts("B-2", 1).in_quiet_period is True
    assert content.publication_facts("B-1", 1).in_quiet_period is False


def test_a_version_is_published_as_it_was_reviewed_once_however_often_it_is_asked_for(content: SqliteContent) -> None:
    """Same key, same receipt, one publication, the very text."""
    passed(content, "compliance", "brand")
    facts = content.publication_facts("B-1", 1)
    assert content.publish(facts, "public", "go") == content.publish(facts, "public", "go")
    assert rows(content, "select version, channel, text from publications") == [(1, "public", TEXT)]


def test_nothing_is_published_on_facts_that_changed(content: SqliteContent) -> None:
    """While a gate waited, brand filed a finding, or somebody published: refused."""
    passed(content, "compliance")
    before = content.publication_facts("B-1", 1)
    passed(content, "brand")
    with pytest.raises(ToolFailed, match="changed since"):
        content.publish(before, "public", "late")
    facts = content.publication_facts("B-1", 1)
    content.publish(facts, "public", "first run")
    with pytest.raises(ToolFailed, match="changed since"):
        content.publish(facts, "public", "second run")
    assert rows(content, "select count(*) from publications") == [(1,)]


def test_of_many_who_publish_at_the_same_moment_one_does(content: SqliteContent) -> None:
    """Eight keys, one brief, one publication."""
    passed(content, "compliance", "brand")
    facts = content.publication_facts("B-1", 1)

    def publish(number: int) -> str:
        try:
            return content.publish(facts, "public", f"key {number}").reference
        except ToolFailed:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(publish, range(8)))
    assert sorted(told) == ["publication-1", *["refused"] * 7]


def test_an_escalated_brief_stands_in_its_queue(content: SqliteContent) -> None:
    """With the reason, once."""
    assert content.escalate("B-1", "content-desk", "why", "e") == content.escalate("B-1", "content-desk", "why", "e")
    assert rows(content, "select queue, reason from escalations") == [("content-desk", "why")]
    assert rows(content, "select status from briefs") == [("escalated",)]


def test_what_is_not_there_is_refused_by_name(content: SqliteContent) -> None:
    """Briefs and versions alike."""
    with pytest.raises(ToolFailed, match="no brief B-404"):
        content.brief("B-404")
    for call in (content.draft, content.publication_facts):
        with pytest.raises(ToolFailed, match="no version 7 of B-1"):
            call("B-1", 7)
    with pytest.raises(ToolFailed, match="no version 7 of B-1"):
        content.file_review("B-1", 7, "brand", (), "r")
