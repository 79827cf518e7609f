"""The frame of every page: heading, how fresh it is, and what is said when there is nothing to show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from dashboards.freshness import unlanded_since
from dashboards.markup import Html, show, tag
from dashboards.mart import Mart, NothingLanded, current_mart, unreadable
from dashboards.wording import count, duration, plural
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_AGAIN_SECONDS = 1.0
"""How often a page looks whether there is a newer mart."""

OPEN_RUNS_WATCHED = 200

_SNAPSHOT = "SELECT published_at, records, runs, quarantined FROM snapshot"

_OPEN_RUNS = """
SELECT run_id FROM runs WHERE status IN ('flying', 'waiting') ORDER BY last_recorded_at DESC LIMIT $most
"""


def page(
    title: str, lede: str, body: Callable[[Mart, datetime], None], every_seconds: float = LOOK_AGAIN_SECONDS
) -> None:
    """Draw a page and keep it current.

    Where there is nothing to show, or it cannot be read, the page says so with the way out, and goes
    on looking: it fills by itself.
    """

    @st.fragment(run_every=every_seconds)
    def drawn() -> None:
        now = datetime.now(UTC)
        try:
            mart = current_mart(settings().home)
            snapshot = mart.row(_SNAPSHOT)
            freshness = _freshness(mart, snapshot, now)
        except (GonogoError, OSError) as error:
            # The heading is drawn once a look, here or below: drawn twice, it would blink.
            _heading(title, lede)
            _cannot_show(error)
            return
        _heading(title, lede, *freshness)
        if not snapshot["runs"]:
            _nothing_landed()
            return
        try:
            body(mart, now)
        except (GonogoError, OSError) as error:
            _cannot_show(error)

    drawn()


def _heading(title: str, lede: str, *beside: Html) -> None:
    # Two elements: the words stay as they are while the age beside them moves on.
    with st.container(key="heading", horizontal=True, vertical_alignment="bottom"):
        show(tag("header", tag("h1", title), tag("p", lede, css="lede")))
        show(tag("div", beside, css="fresh"))


def _freshness(mart: Mart, snapshot: dict[str, datetime | int], now: datetime) -> list[Html]:
    """Return what the page is computed on, how old that is, and what is wrong with it."""
    published = snapshot["published_at"]
    if not isinstance(published, datetime):
        return []
    age = (now - published).total_seconds()
    facts = f"{count(snapshot['records'])} records of {plural(int(snapshot['runs']), 'run')}"  # pyright: ignore[reportArgumentType] - counts are BIGINT
    said = [tag("span", f"Snapshot {duration(age)} old"), tag("span", facts, css="faint")]
    runs = [row["run_id"] for row in mart.rows(_OPEN_RUNS, most=OPEN_RUNS_WATCHED)]
    missed = unlanded_since(journal_of(settings()), published, runs, now)
    if missed is not None:
        late = f"Evidence of {duration((now - missed).total_seconds())} ago has not landed: is the loader running? "
        said.append(tag("span", late, tag("code", "gonogo land"), css="warn"))
    if snapshot["quarantined"]:
        held = f"{plural(int(snapshot['quarantined']), 'line')} in quarantine; once put right: "  # pyright: ignore[reportArgumentType] - a count is BIGINT
        said.append(tag("span", held, tag("code", "gonogo land --replay"), css="warn"))
    return said


def nothing(title: str, *words: object) -> None:
    """Say that there is nothing to show, and what to do about it."""
    show(tag("section", tag("h2", title), tag("p", words), css="nothing"))


def _nothing_landed() -> None:
    nothing(
        "Nothing has landed yet",
        "Run ", tag("code", "gonogo demo"), " to fly two missions and see them here, or ",
        tag("code", "gonogo up"), " to keep the house running.",
    )  # fmt: skip


def _cannot_show(error: GonogoError | OSError) -> None:
    if isinstance(error, NothingLanded):
        _nothing_landed()
        return
    said = unreadable(error) if isinstance(error, OSError) else str(error)
    nothing("The numbers cannot be read right now", said, tag("br"), "This page looks again by itself.")
