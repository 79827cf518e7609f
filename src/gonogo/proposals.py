"""Proposals: what agents wanted to change and were not allowed to do alone; a person has it done, or not.

An agent of the tier ``propose`` is told that its change is proposed, and its turn goes on. The run
collects its proposals, comes to its outcome, and then waits until each has been answered: after a go
exactly that is done, on the agent's mandate, under the law in force. The run ends when none is open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from gonogo.acts import act
from gonogo.current import executing
from gonogo.errors import EvidenceBroken, EvidenceUnwritable, GateDenied, GonogoError, ProposalLapsed
from gonogo.evidence.canon import plain_text
from gonogo.evidence.ledger import must_have_payload
from gonogo.evidence.scopes import Scope
from gonogo.failures import failure_fields
from gonogo.gates import executed_key
from gonogo.pilots import Held
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.runs import Run

_ENVELOPE = ("agentid", "agentversion", "manifestdigest", "stepid")


async def settle_proposals(run: Run) -> None:
    """Do what has been proposed and gets a go; returns when every proposal is done, refused or has run out."""
    if run.ledger.proposed:
        await asyncio.gather(*(_settled(run, record) for record in run.ledger.proposed))


async def _settled(run: Run, record: Record) -> None:
    tool = TOOLS[record.data["tool"]]
    values = orjson.loads(must_have_payload(run.ledger.whole(record)))
    key = executed_key(record.data["key"])
    scope = Scope(record.fields.get("stepid", ""))
    while True:
        try:
            with executing(scope, None):
                await act(run, tool, values, key, record.data["principal"], asking="proposal")
        except Held as held:
            await held.wait(run)
        except (EvidenceUnwritable, EvidenceBroken):
            raise
        except GonogoError as error:
            if not isinstance(error, GateDenied):
                _own(run, record, error)
            return
        else:
            return


def _own(run: Run, record: Record, error: GonogoError) -> None:
    """Record whose it is that a proposal with a go was not done; its outcome was told long ago."""
    key = f"{executed_key(record.data['key'])}/failed"
    if run.ledger.result(key) is None:
        what = plain_text(f"The proposal to {record.data['tool']} had a go and was not done: {error}")
        owner = run.registry.card(record.data["principal"]).owner
        run.ledger.note("exception_record", {"key": key, "reason_code": error.failure, "what": what, "owner": owner})


def lapse(run: Run) -> None:
    """Record of every proposal that is still open when its run ends another way that it is not done."""
    for record in run.ledger.proposed:
        key = executed_key(record.data["key"])
        if run.ledger.result(key) is None and run.ledger.intent(key) is None:
            error = ProposalLapsed(f"{record.data['tool']} was proposed, and the run ended before it was done.")
            kept = {name: record.data[name] for name in ("objects", "tool", "system", "effect", "principal")}
            data = {**kept, "key": key, "phase": "result", "outcome": "refused", "latency_us": 0}
            fields = {name: record.fields[name] for name in _ENVELOPE if name in record.fields}
            run.ledger.note("tool_call", data | failure_fields(error), fields=fields)
