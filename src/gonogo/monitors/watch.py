"""The watch over one run: monitors see every operation; what they find becomes evidence, or throws the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.current import step_fields
from gonogo.errors import Aborted
from gonogo.evidence.canon import INTEGER_MAX, moment, plain_text
from gonogo.evidence.ledger import only
from gonogo.monitors.eyes import Eyes, memory_of, now
from gonogo.switches import Target, halt, switchboard

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.monitors.findings import Finding
    from gonogo.monitors.habits import HabitBook
    from gonogo.operations import Operation
    from gonogo.runs import Run

WATCHMAN = "gonogo-monitors"
"""Who throws the switch where a monitor does."""


class Watch:
    """The monitors of one run, as a :class:`gonogo.operations.Watcher`; rebuilt from the run's evidence."""

    def __init__(self, run: Run, book: HabitBook) -> None:
        self._book = book
        self._memory = memory_of(run.settings.home)
        self._eyes: dict[str, Eyes] = {}
        self._flagged: set[tuple[str, str, str]] = set()
        self._halted: str | None = None
        if run.ledger.records:
            self._remember(run)

    async def before(self, run: Run, operation: Operation) -> None:
        """Judge a call before it is made.

        Raises:
            Aborted: a monitor halted what this run belongs to; the call must not be made.

        """
        if self._halted is not None:
            raise Aborted(self._halted)
        if operation.kind == "model":
            return
        eyes = self._of(run, operation.principal)
        if operation.kind == "handover":
            told = operation.arguments
            found = eyes.handed(operation.name, told["to"], told["chain"], operation.digest)
        else:
            found = eyes.before(operation, now())
        if found:
            await self._heed(run, operation, found)

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Judge what came of an operation.

        Raises:
            Aborted: a monitor halted what this run belongs to; the operation stands as it is recorded.

        """
        eyes, data = self._of(run, operation.principal), record.data
        if operation.kind == "model":
            found = eyes.spent(data, now())
        elif data["outcome"] == "refused":
            if data.get("reason_code") == "aborted":
                return
            found = _refused(run, eyes, data, now())
        else:
            found = eyes.came_of(operation.name, _news(data, record.payload and record.payload.body, operation.digest))
        if found:
            await self._heed(run, operation, found)

    def _of(self, run: Run, principal: str) -> Eyes:
        eyes = self._eyes.get(principal)
        if eyes is None:
            limits = run.registry.monitors.of(principal)
            habits = self._book.of(principal, limits.history_runs)
            eyes = self._eyes[principal] = Eyes(limits, habits, self._memory, principal, run.charter.name)
        return eyes

    def _remember(self, run: Run) -> None:
        """See again what the run did before it was interrupted: a crash must not make a runaway forget itself."""
        digests: dict[str, str] = {}
        for record in run.ledger.records:
            data, at = record.data, moment(record.fields["time"]).timestamp()
            if record.artifact == "delegation" and (data["phase"] == "intent" or data["outcome"] == "refused"):
                eyes = self._of(run, data["delegator"])
                eyes.handed(data["work"], data["specialist"], data["chain"], data["brief_digest"])
            if record.artifact == "tool_call" and data["phase"] == "intent":
                arguments = run.ledger.whole(record).payload
                digest = digests[data["key"]] = "" if arguments is None else run.ledger.digest(arguments.body)
                self._of(run, data["principal"]).again(data["tool"], digest)
            elif record.artifact == "tool_call" and data["outcome"] == "refused":
                _refused(run, self._of(run, data["principal"]), data, at)
            elif record.artifact == "tool_call":
                body = record.payload and record.payload.body
                news = _news(data, body, digests.get(data["key"], ""))
                self._of(run, data["principal"]).came_of(data["tool"], news)
            elif record.artifact == "model_call" and data["phase"] == "result":
                self._of(run, data["agent"]).spent(data, at, again=True)
        for record in only(run.ledger.records, "finding_record"):
            self._flagged.add((record.data["monitor"], record.data["subject"], record.data["name"]))

    async def _heed(self, run: Run, operation: Operation, found: list[Finding]) -> None:
        """Write down what was found; where one of it halts, throw the switch first and go no further."""
        for finding in found:
            if finding.action == "flag":
                self._flag(run, operation, finding)
        halting = [finding for finding in found if finding.action == "halt"]
        if not halting:
            return
        finding = halting[0]
        self._halted = f"{finding.judge}: {finding.what}"
        data = _told(run, operation, finding)
        figures = {"monitor": finding.judge, "unit": finding.unit, "basis": finding.basis, "run": run.id}
        counted = {name: data[name] for name in ("threshold", "observed")}
        thrown = halt(
            run.settings, _target(run, operation, finding), finding.what,
            by=WATCHMAN, signal=finding.monitor, figures=figures | counted,
        )  # fmt: skip
        # The other runs of this process know at once; those of others look for themselves.
        switchboard(run.settings).look()
        await run.ledger.write("finding_record", data | {"switch": thrown.id}, fields=step_fields())
        raise Aborted(self._halted)

    def _flag(self, run: Run, operation: Operation, finding: Finding) -> None:
        """Record a finding that the run may go on with; the same is said once a run."""
        known = (finding.judge, operation.principal, operation.name)
        if known not in self._flagged:
            self._flagged.add(known)
            run.ledger.note("finding_record", _told(run, operation, finding), fields=step_fields())


def _told(run: Run, operation: Operation, finding: Finding) -> dict[str, Any]:
    """Return a finding as evidence holds it."""
    card = run.registry.agents.get(operation.principal)
    return {
        "objects": [{"id": run.id, "type": "run"}, {"id": operation.principal, "type": "agent" if card else "mission"}],
        "key": f"{operation.key}/finding:{finding.monitor}",
        "monitor": finding.judge,
        "action": finding.action,
        "reach": finding.reach,
        "subject": operation.principal,
        "name": operation.name,
        "what": plain_text(finding.what, 500),
        "threshold": _within(finding.threshold),
        "observed": _within(finding.observed),
        "unit": finding.unit,
        "basis": finding.basis,
        "owner": card.owner if card else run.charter.owner,
    }


def _within(number: int) -> int:
    """Return a number that evidence can hold: an argument may be any integer."""
    return max(-INTEGER_MAX, min(number, INTEGER_MAX))


def _target(run: Run, operation: Operation, finding: Finding) -> Target:
    """Return what a halt stops; a mission that acts on its own mandate is halted as the mission it is."""
    if finding.reach == "run":
        return Target("run", run.id)
    if finding.reach == "agent" and operation.principal in run.registry.agents:
        return Target("agent", operation.principal)
    return Target("mission", run.charter.name)


def _refused(run: Run, eyes: Eyes, data: dict[str, Any], at: float) -> list[Finding]:
    """Judge a refusal; the law's own count as such, others only as calls that brought nothing."""
    if data.get("reason_code") != "policy_block":
        return eyes.came_of(data["tool"], None)
    return eyes.refused(data["tool"], _bound(run, data), at)


def _bound(run: Run, data: dict[str, Any]) -> str | None:
    """Return the bound that a refused call lies outside of, in words; ``None`` where it lies within all of them."""
    card = run.registry.agents.get(data["principal"])
    if card is not None and data["tool"] not in card.tools:
        return f"the mandate of {data['principal']}"
    if data["system"] not in run.charter.scope:
        return f"the scope of {run.charter.name}"
    if card is not None and card.tier == "observe" and data["effect"] != "read":
        return f"the tier of {data['principal']}, which only observes"
    return None


def _news(data: dict[str, Any], body: bytes | None, digest: str) -> bytes | None:
    """Return what could be new in an operation: what a read returned, what a change was asked for."""
    if data["outcome"] != "done":
        return None
    if data["effect"] != "read":
        return digest.encode()
    # A result too large for its line is not compared; it counts by what was asked for.
    return digest.encode() if body is None else body
