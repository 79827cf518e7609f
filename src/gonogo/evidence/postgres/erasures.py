"""Erasures in a Postgres: of a line, its tables let salt and payload go, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.errors import EvidenceBroken
from gonogo.evidence.postgres.journal import PostgresJournal, link_to

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record

_LINES = "UPDATE gonogo_lines SET salt = NULL, payload = NULL WHERE stream = ANY(%s) AND payload IS NOT NULL"
_APART = "DELETE FROM gonogo_payloads WHERE digest = ANY(%s)"


def erase_in_tables(journal: Journal, run_id: str, held: list[Record]) -> None:
    """Take every payload of a run out of the tables.

    Raises:
        EvidenceBroken: these journals are of a kind that nothing is known of.
        EvidenceUnwritable: the server refuses, or does not answer; what was not taken out stays whole.

    """
    if not isinstance(journal, PostgresJournal):
        raise EvidenceBroken(f"Nothing can be erased in journals of the kind {type(journal).__name__}.")
    server = link_to(journal.url).server
    server.read(_LINES, ([f"{run_id}/flight", f"{run_id}/desk"],))
    apart = [record.fields["payloaddigest"] for record in held if "dataref" in record.fields]
    if apart:
        server.read(_APART, (apart,))
