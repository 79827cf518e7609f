"""Operations: a model request, a tool call or a hand-over, as those see it who watch a run while it works.

The governor and the tools ask every watcher before an operation is begun, and tell every watcher
what was recorded of it after. Watching costs nothing on a replay: nothing is begun there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from gonogo.reaches import NOTHING, Reach
from gonogo.uses import Claim, model_claim, tool_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.evidence.records import Record
    from gonogo.model import Effect
    from gonogo.runs import Run


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is about to be done, or was."""

    kind: Literal["model", "tool", "handover"]
    key: str
    """The operation's key in the run's evidence; the same when it is done again after a crash."""
    name: str
    """The tool, the model as ``provider:name``, or the work that is handed over."""
    principal: str
    """The agent that does it; the mission, where a step does it on the mission's own mandate."""
    digest: str
    """SHA-256 of what goes in: the tool's arguments, the messages to the model, or the brief."""
    system: str = ""
    """The system of record; empty for all but a tool."""
    effect: Effect = "read"
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The tool's arguments as plain JSON; of a hand-over, to whom and by whose hands; empty for a model."""
    most_micros: int = 0
    """What it can cost at most, in micro-USD."""
    most_tokens: int = 0
    """How many tokens it can use at most, both ways."""
    reach: Reach = NOTHING
    """What it touches, as its tool declares; nothing for a model."""

    @property
    def claim(self) -> Claim:
        """What it may use of any budget."""
        if self.kind == "model":
            return model_claim(self.most_micros, self.most_tokens)
        if self.kind == "handover":
            # What the specialist does is counted when it does it.
            return Claim({})
        return tool_claim(self.system, self.effect, self.reach)


class Watcher(Protocol):
    """Somebody who sees every operation of a run before it is begun, and may stop it."""

    async def before(self, run: Run, operation: Operation) -> None:
        """Return to let it happen.

        Raises:
            GonogoError: it must not happen; it is recorded as refused, and nothing was done.

        """
        ...

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """See what was recorded of it: that it was done, that it failed, or that it was refused.

        Raises:
            GonogoError: the run must not go on; the operation itself stands as it is recorded.

        """
        ...


async def ask(run: Run, operation: Operation) -> None:
    """Ask every watcher of a run, in their order; the first that objects is heard."""
    for watcher in run.watchers:
        await watcher.before(run, operation)


async def tell(run: Run, operation: Operation, record: Record) -> None:
    """Tell every watcher of a run what was recorded; all of them hear it, also where one objects."""
    objection: Exception | None = None
    for watcher in run.watchers:
        try:
            await watcher.after(run, operation, record)
        except Exception as error:  # noqa: BLE001 - raised below, once everybody has heard
            objection = objection or error
    if objection is not None:
        raise objection
