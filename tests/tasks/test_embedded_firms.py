"""The embedded firm registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.errors import ToolFailed
from tasks.embedded import System
from tasks.embedded_firms import SCHEMA, SqliteFirms
from tasks.firms import Firm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def registry(tmp_path: Path) -> SqliteFirms:
    """Return the registry with its fictional firms."""
    return SqliteFirms(System(tmp_path / "firms.db", SCHEMA))


@pytest.mark.parametrize(
    ("name", "country", "numbers"),
    [
        ("Nordwind Logistik AG", "DE", ["DE-100001"]),
        ("  nordwind, LOGISTIK ", None, ["DE-100001"]),
        ("Nordwind Logistik AG", "FR", []),
        ("Harbour Lane", "IE", ["IE-600001", "IE-600002"]),
        ("Harbour Lane Foods", None, ["IE-600002"]),
        ("Rheintal Werkzeuge", "DE", ["DE-100004"]),
        ("Lane", None, []),
        ("GmbH", None, []),
        ("", None, []),
        ("'; drop table firms; --", None, []),
        ("%", None, []),
    ],
)
def test_firms_are_found_by_their_name_and_by_how_it_begins(
    registry: SqliteFirms, name: str, country: str | None, numbers: list[str]
) -> None:
    """Case, punctuation and legal form do not matter; a part from the middle is not a name."""
    assert [firm.number for firm in registry.find(name, country)] == numbers


def test_a_firm_that_is_not_there_is_refused(registry: SqliteFirms) -> None:
    """A number is looked up, never guessed."""
    assert registry.firm("DE-100004").status == "dissolved"
    with pytest.raises(ToolFailed, match="no firm DE-404"):
        registry.firm("DE-404")


@pytest.mark.parametrize(
    ("employees", "segment"),
    [(1_000, "enterprise"), (999, "mid_market"), (50, "mid_market"), (49, "small_business"), (0, "small_business")],
)
def test_the_size_of_a_firm_says_whose_client_it_is(employees: int, segment: str) -> None:
    """The limits belong to the larger segment."""
    firm = Firm(number="X", name="X", country="DE", industry="x", employees=employees, status="active")
    assert firm.segment == segment
