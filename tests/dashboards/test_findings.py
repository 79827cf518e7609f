"""The page of findings: should beside is, whose it is, what is overdue, and that not knowing is no good news."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dashboards.dossier import ROUTES, dossier, value
from dashboards.mart import current_mart
from gonogo.policy.remedies import Route
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import draw, markup, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/findings.py"


def test_a_finding_shows_should_is_owner_due_time_remedy_and_what_closes_it(home: Path) -> None:
    """Everything its owner needs, in one row."""
    publish(home, fleet())
    said = text(draw(PAGE))
    for words in ("91.0 %", "78.0 %", "service-operations", "deputy platform-engineering", "overdue by 2 h",
                  "ticket; its deployments are paused", "ticket T-7", "100 later runs must pass", "still drifting",
                  "cannot close it by saying so"):  # fmt: skip
        assert words in said


def test_the_worst_and_most_overdue_stands_on_top(home: Path) -> None:
    """Severity first, then due time."""
    publish(home, fleet())
    found, counts = dossier(current_mart(home), None, "open", datetime.now(UTC))
    assert [each["severity"] for each in found] == ["critical", "high"]
    assert (counts["open"], counts["overdue"], counts["closed"], counts["closed_in_time"]) == (2, 1, 1, 1)


def test_overdue_and_closed_findings_are_asked_for_by_address(home: Path) -> None:
    """A view of what is late can be sent."""
    publish(home, fleet())
    late, done = text(draw(PAGE, which="overdue")), text(draw(PAGE, which="closed"))
    assert "drift-critical-1" in late
    assert "drift-high-1" not in late
    assert "100 later runs passed. The success rate is 92.0 %." in done
    assert "closed in time" in done


def test_a_finding_that_is_not_compared_any_more_is_not_called_well(home: Path) -> None:
    """Its comparison is gone from the mart; the finding stays, and says so."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("DELETE FROM findings")

    publish(home, fill)
    app = draw(PAGE)
    assert "now not compared" in text(app)
    assert "nothing was compared yet" in text(app)


def test_not_enough_data_is_never_shown_like_good_news(home: Path) -> None:
    """It is grey, with a broken ring."""
    publish(home, fleet())
    shown = markup(draw(PAGE))
    assert (
        '<span class="pill is-grey"><span class="mark ring" aria-hidden="true"></span>not enough data</span>' in shown
    )


def test_what_nobody_can_say_yet_is_folded_and_counted(home: Path) -> None:
    """Hundreds of comparisons without data would bury the one that drifted; each is a click away."""
    publish(home, fleet())
    shown = markup(draw(PAGE))
    fold = shown.index("that nobody can judge yet, and what each of them lacks</summary>")
    assert shown.index(">drift<") < fold < shown.index("not enough data</span>")


def test_what_is_known_is_shown_however_much_is_not(home: Path) -> None:
    """Hundreds of comparisons without data are counted as they are, and push nothing that was judged off the page."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute(
            "INSERT INTO findings BY NAME SELECT f.* REPLACE ('step' || i AS step) "
            "FROM findings f, range(235) r(i) WHERE f.verdict = 'not_enough_data'"
        )

    publish(home, fill)
    said = text(draw(PAGE))
    assert "236 comparisons that nobody can judge yet" in said
    assert "36 more comparisons: gonogo drift --all shows them." in said
    assert "Median latency of classify severity" in said, "it is as it should be, and comes last"


def test_money_that_is_compared_is_shown_as_money() -> None:
    """What the warehouse keeps in whole millionths, a person reads in its currency."""
    assert value(4_342_000.0, "USD micros") == "4.34 USD"
    assert value(91.0, "% succeeded") == "91.0 %"
    assert value(None, "ms") == "—"


def test_without_a_finding_the_page_says_who_looks(home: Path) -> None:
    """Empty is explained, not blank."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("DELETE FROM drift_findings")

    publish(home, fill)
    said = text(draw(PAGE))
    assert "The house looks every hour" in said
    assert "0 critical; nothing is due" in said
    assert "Closed in time — no finding was closed yet" in said


def test_a_long_docket_says_how_much_it_leaves_out(home: Path) -> None:
    """A hundred rows of a hundred and forty are called that."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute(
            "INSERT INTO drift_findings BY NAME SELECT o.* REPLACE ('many-' || i AS finding) "
            "FROM drift_findings o, range(138) r(i) WHERE o.severity = 'high'"
        )

    publish(home, fill)
    assert "the 100 most urgent of 140" in text(draw(PAGE))


def test_every_route_of_the_law_has_words() -> None:
    """A remedy that the page does not know would be shown as a bare word."""
    from typing import get_args

    assert set(get_args(Route)) == set(ROUTES)
