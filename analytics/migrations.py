"""Versions of the schema: ``schema.sql`` first, then ``migrations/*.sql`` by name, each applied once."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from analytics.errors import WarehouseOutdated

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    id VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE schema_migrations IS 'One row a change of the schema that was applied.';
COMMENT ON COLUMN schema_migrations.id IS 'Name of the change; they are applied in this order.';
COMMENT ON COLUMN schema_migrations.sha256 IS 'SHA-256 of its text; an edited change is refused.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';
"""


class Migration(NamedTuple):
    """One change of the schema."""

    id: str
    statements: str

    @property
    def digest(self) -> str:
        """SHA-256 of its text."""
        return sha256(self.statements.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """Return every change of the schema, in order."""
    room = files("analytics")
    later = room.joinpath("migrations")
    found = sorted(later.iterdir(), key=lambda path: path.name) if later.is_dir() else []
    return (
        Migration("0001_schema", room.joinpath("schema.sql").read_text(encoding="utf-8")),
        *(
            Migration(path.name.removesuffix(".sql"), path.read_text(encoding="utf-8"))
            for path in found
            if path.name.endswith(".sql")
        ),
    )


@cache
def schema_digest() -> str:
    """Return the SHA-256 over all changes: the version of the schema this code writes."""
    return sha256("\n".join(f"{change.id} {change.digest}" for change in migrations()).encode()).hexdigest()


def migrate(con: DuckDBPyConnection, where: str) -> None:
    """Apply the changes a warehouse has not seen yet, all or none of them.

    Raises:
        WarehouseOutdated: a change that was applied differs from the one this code knows, or is
            unknown to it. The warehouse is derived from the journals, so it can be made again.

    """
    con.begin()
    try:
        con.execute(_LEDGER)
        strange = _apply(con)
        if strange:
            con.rollback()
        else:
            con.commit()
    except BaseException:
        con.rollback()
        raise
    if strange:
        msg = (
            f"{where} was made under another schema ({', '.join(strange)} differs). It is derived from the journals: "
            "move the file away and land again."
        )
        raise WarehouseOutdated(msg)


def _apply(con: DuckDBPyConnection) -> list[str]:
    """Apply what is missing, and return the changes that are not the ones this code knows."""
    applied: dict[str, str] = dict(con.execute("SELECT id, sha256 FROM schema_migrations").fetchall())
    known = {change.id: change.digest for change in migrations()}
    strange = sorted(name for name, digest in applied.items() if known.get(name) != digest)
    for change in migrations():
        if change.id not in applied and not strange:
            con.execute(change.statements)
            con.execute("INSERT INTO schema_migrations VALUES (?, ?, now())", [change.id, change.digest])
    return strange
