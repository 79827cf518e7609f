"""The embedded firm registry: one SQLite file with firms that do not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.errors import ToolFailed
from tasks.firms import Firm

if TYPE_CHECKING:
    import sqlite3

    from tasks.embedded import System

FOUND_MAX = 10

SCHEMA = """
create table if not exists firms (
    number text primary key, name text not null, country text not null, industry text not null,
    employees integer not null, status text not null check (status in ('active', 'dissolved'))
);
insert or ignore into firms values
    ('DE-100001', 'Nordwind Logistik AG', 'DE', 'logistics', 4200, 'active'),
    ('DE-100002', 'Alba Keramik GmbH', 'DE', 'ceramics', 310, 'active'),
    ('DE-100003', 'Hofladen Birkensee GmbH', 'DE', 'retail', 12, 'active'),
    ('DE-100004', 'Rheintal Werkzeuge GmbH', 'DE', 'tools', 88, 'dissolved'),
    ('AT-200001', 'Seekar Bergbahnen AG', 'AT', 'cable cars', 240, 'active'),
    ('AT-200002', 'Tannhof Mobel GmbH', 'AT', 'furniture', 45, 'active'),
    ('FR-300001', 'Ateliers du Mistral SA', 'FR', 'machinery', 1900, 'active'),
    ('FR-300002', 'Boulangerie des Quais SARL', 'FR', 'food', 9, 'active'),
    ('NL-400001', 'Polderstroom BV', 'NL', 'energy', 620, 'active'),
    ('PT-500001', 'Vidro do Tejo SA', 'PT', 'glass', 1150, 'active'),
    ('PT-500002', 'Cortica Serra Nova Lda', 'PT', 'cork', 37, 'active'),
    ('IE-600001', 'Harbour Lane Textiles Ltd', 'IE', 'textiles', 74, 'active'),
    ('IE-600002', 'Harbour Lane Foods Ltd', 'IE', 'food', 510, 'active');
"""

_LEGAL_FORMS = frozenset({"ag", "bv", "gmbh", "inc", "lda", "ltd", "plc", "sa", "sarl", "se"})


def plain_name(name: str) -> tuple[str, ...]:
    """Return a firm's name as words: case, punctuation and legal form left out."""
    words = re.findall(r"\w+", name.casefold())
    return tuple(word for word in words if word not in _LEGAL_FORMS)


@dataclass(frozen=True, slots=True)
class SqliteFirms:
    """The embedded firm registry."""

    system: System

    def find(self, name: str, country: str | None) -> list[Firm]:
        """See `FirmRegistry`: the same name if there is one, else names that begin with it."""
        asked = plain_name(name)
        if not asked:
            return []
        with self.system.reading() as db:
            rows = db.execute(
                "select * from firms where ? is null or country = ? order by number", (country, country)
            ).fetchall()
        named = [(plain_name(row["name"]), _firm(row)) for row in rows]
        same = [firm for words, firm in named if words == asked]
        return (same or [firm for words, firm in named if words[: len(asked)] == asked])[:FOUND_MAX]

    def firm(self, number: str) -> Firm:
        """See `FirmRegistry`."""
        with self.system.reading() as db:
            row = db.execute("select * from firms where number = ?", (number,)).fetchone()
        if row is None:
            raise ToolFailed(f"The registry has no firm {number}; find firms by name first.")
        return _firm(row)


def _firm(row: sqlite3.Row) -> Firm:
    return Firm.model_validate(dict(row))
