"""Purges: what journals have let go of, the warehouse lets go of in the load that brings the fact of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PURGED = """
CREATE OR REPLACE TEMP TABLE purged AS
SELECT DISTINCT d.data::JSON ->> 'target' AS run_id
FROM delta AS d
JOIN places USING (row)
WHERE places.verdict = 'new' AND d.artifact = 'retention_record' AND d.data::JSON ->> 'event' = 'purged'
"""

_FORGET = """
UPDATE evidence SET payload = NULL, payload_state = 'erased'
WHERE payload_state IN ('held', 'large') AND run_id IN (SELECT run_id FROM purged)
"""

_TOUCH_PURGED = """
INSERT INTO touched SELECT run_id FROM purged
WHERE run_id IN (SELECT run_id FROM evidence) AND run_id NOT IN (SELECT run_id FROM touched)
"""


def let_go(con: DuckDBPyConnection) -> None:
    """Take the payloads of purged runs out of the evidence, and have those runs' rows computed anew.

    Reads the temporary tables of the load it is part of, and runs inside its transaction.
    """
    for statement in (_PURGED, _FORGET, _TOUCH_PURGED):
        con.execute(statement)
