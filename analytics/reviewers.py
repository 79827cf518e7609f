"""Reviewers: how people review, from evidence: how much, how fast, and how it bore out.

Numbers about people are there to find a desk that drowns, or a go that is given unread. They are no score
of a person: small counts say nothing, and a share is shown only beside its count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.marts import open_mart

if TYPE_CHECKING:
    from pathlib import Path


def report(home: Path) -> list[dict[str, Any]]:
    """Return one entry a person who answered gates, busiest first.

    Raises:
        MartMissing: nothing was landed yet.

    """
    with open_mart(home) as con:
        cursor = con.execute("SELECT * FROM reviewers ORDER BY answers DESC, reviewer")
        columns = [column[0] for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
