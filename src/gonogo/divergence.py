"""Divergence: a run goes on with other code or another law than it began with. Never in silence.

What is recorded stays as it is recorded, decisions included. A changed law rules on what has not
been decided yet, and gates asked under the old one are asked anew. A changed mission stops the run
before it does anything, unless the operator has chosen to continue such runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.errors import Diverged

if TYPE_CHECKING:
    from gonogo.evidence.ledger import Ledger
    from gonogo.model import Charter
    from gonogo.settings import Settings


def check_divergence(ledger: Ledger, charter: Charter, settings: Settings) -> None:
    """Compare what is in force with what the run began with, and record every difference.

    Raises:
        Diverged: the run belongs to another environment, or the mission's source changed and the
            rule is to stop. Nothing was done; the message names the way out.

    """
    first, last = ledger.records[0].fields, ledger.records[-1].fields
    if first["envname"] != settings.environment:
        raise Diverged(
            f"Run {ledger.run_id} belongs to the environment {first['envname']}, and this is {settings.environment}; "
            f"nothing was done. Continue it with GONOGO_ENVIRONMENT={first['envname']}.",
        )
    began = first["missiondigest"]
    if began != charter.digest and settings.changed_missions == "stop":
        raise Diverged(
            f"The source of {charter.name} changed since run {ledger.run_id} began ({began[:12]} to "
            f"{charter.digest[:12]}), so nothing was done. Continue it with the code it began with, or accept "
            "the change with GONOGO_CHANGED_MISSIONS=continue.",
        )
    changes: list[dict[str, Any]] = [
        {"object": kind, "id": name, "version": now[:12], "digest": now, "from": before}
        for kind, name, before, now in (
            ("mission", charter.name, last["missiondigest"], charter.digest),
            ("policy", "policies", last["policydigest"], ledger.envelope["policydigest"]),
        )
        if before != now
    ]
    if changes:
        ledger.note("version_log", {"event": "changed_under_run", "versions": changes})
