"""Exceptions with an owner: what went another way than planned, written down for somebody to close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.current import current_run, step_fields
from gonogo.evidence.canon import plain_text
from gonogo.evidence.scopes import current_scope

if TYPE_CHECKING:
    from gonogo.model import FailureClass


async def record_exception(reason_code: FailureClass, *, what: str, owner: str | None = None) -> None:
    """Record an exception and who owns it; durable when this returns, and recorded once.

    Args:
        reason_code: its class in the closed taxonomy.
        what: one sentence a person can act on.
        owner: who closes it; the mission's owner, if not given.

    """
    run = current_run()
    key = current_scope().claim("exception", reason_code, run.ledger.digest(what.encode()))
    if run.ledger.result(key) is not None:
        return
    data = {"key": key, "reason_code": reason_code, "what": plain_text(what), "owner": owner or run.charter.owner}
    await run.ledger.write("exception_record", data, fields=step_fields())
