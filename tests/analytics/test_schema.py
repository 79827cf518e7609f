"""The schema explains itself, and the guides name what there is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from analytics.contract import BODIES
from analytics.formulas import FORMULAS
from analytics.migrations import migrate, migrations, schema_digest
from analytics.publishing import PUBLISHED
from analytics.shape import SHAPES

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def test_every_table_and_column_has_a_comment() -> None:
    """Whoever opens the file with nothing but DuckDB can read what each column means."""
    with closing(duckdb.connect()) as con:
        migrate(con, "here")
        uncommented = con.execute(
            """
            SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL
            UNION ALL SELECT table_name, NULL FROM duckdb_tables() WHERE comment IS NULL
            UNION ALL SELECT view_name, NULL FROM duckdb_views() WHERE NOT internal AND comment IS NULL
            """,
        ).fetchall()
    assert uncommented == []


def test_the_schema_has_one_digest() -> None:
    """The first migration is the schema, and the digest is over all of them."""
    assert migrations()[0].id == "0001_schema"
    assert len(schema_digest()) == 64


@pytest.mark.parametrize(
    "table", [*PUBLISHED, "costs", "incident_history", "kpis", "findings", "quarantine", "snapshot"]
)
def test_the_guide_names_every_published_table(table: str) -> None:
    """A table nobody hears of is a table nobody asks."""
    assert f"`{table}`" in (GUIDES / "warehouse.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.id)
def test_the_guide_names_every_kpi(formula: object) -> None:
    """Every number on a page has its formula in the guide."""
    assert f"`{getattr(formula, 'id', '')}`" in (GUIDES / "kpis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", BODIES, ids="-".join)
def test_the_contract_knows_what_the_evidence_guide_promises(place: tuple[str, str]) -> None:
    """Each artifact and phase the loader expects stands in the guide of the recorder."""
    text = (GUIDES / "evidence.md").read_text(encoding="utf-8")
    assert f"| `{place[0]}` {place[1]} |" in text


def test_every_shape_has_its_file() -> None:
    """One SQL file a table, and no file without a table."""
    folder = Path(__file__).parents[2] / "analytics" / "shapes"
    assert {path.stem for path in folder.glob("*.sql")} == set(SHAPES)
