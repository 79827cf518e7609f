"""What can go wrong, one class per reaction, in words an operator can act on.

Every message says what was wrong, where, and the way out. Each class carries the failure class of
the closed taxonomy that the evidence records, so that reports never have to parse a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from gonogo.model import Declared, FailureClass


class GonogoError(Exception):
    """Base of everything gonogo raises on purpose; the command line prints it as one sentence."""

    failure: ClassVar[FailureClass] = "internal"

    cause: str = ""
    """Key of the recorded operation that failed; empty where none did."""
    path: Declared | None = None
    """The path that the step it left declares for it; the mission's or the default one, if none."""
    is_replayed: bool = False
    """Whether it was read from the record of an earlier time, and not met now."""


class MissionMisdefined(GonogoError):
    """The author has to change the mission; raised at import or at the first ambiguous call."""

    failure = "data_mismatch"


class CaseRefused(GonogoError):
    """The input is not a case this mission can fly; nothing was started."""

    failure = "data_mismatch"


class PolicyBroken(GonogoError):
    """The law does not parse, does not validate, or an agent is not registered: nothing starts."""

    failure = "policy_block"


class LawUnapproved(PolicyBroken):
    """Outside ``dev``: the law is not one that somebody approved, so nothing starts and nothing counts under it."""


class PolicyDenied(GonogoError):
    """Policy forbids the action and no person may lift it."""

    failure = "policy_block"


class GateDenied(GonogoError):
    """A person said no-go."""

    failure = "approval_denied"


class GateExpired(GateDenied):
    """Nobody answered before the deadline, and silence is no-go."""

    failure = "approval_expired"


class ApprovalVoid(GateDenied):
    """A person said go, and that counts no more: it ran out, its key was revoked, or the person may not say it now."""


class InDoubt(GateDenied):
    """An effect began, how it ended was never recorded, and a person left it as it is.

    It counts as not done; whether it happened is not known.
    """


class DoubtExpired(InDoubt, GateExpired):
    """An effect is in doubt and nobody looked before the deadline; its exception stays open."""

    failure = "approval_expired"


class Proposed(GonogoError):
    """An agent's change was put before a person instead of being done; the agent's turn goes on."""

    failure = "policy_block"


class ProposalLapsed(GateExpired):
    """The run ended another way than planned before its proposal was done; it is not done."""


class CriterionBroken(GonogoError):
    """What goes into a step, comes out of it, or an agent answered breaks a declared criterion."""

    failure = "data_mismatch"


class EventMissed(GonogoError):
    """An outside event did not arrive before its deadline."""

    failure = "timeout"
    # What did not come is recorded as missed; to fly again would only read that again.
    path = "escalate"


class AnswerRefused(GonogoError):
    """The answer to a gate does not count; the gate stays open."""

    failure = "policy_block"


class EnrolmentRefused(GonogoError):
    """The approvers were not changed; the message says why."""

    failure = "policy_block"


class RetentionRefused(GonogoError):
    """Nothing was held, released, erased or purged; the message says why."""

    failure = "policy_block"


class SwitchRefused(GonogoError):
    """The switch was not thrown, or stays thrown; the message says why."""

    failure = "policy_block"


class Aborted(GonogoError):
    """Somebody stopped the run; what had begun was finished and recorded, nothing more was begun."""

    failure = "aborted"


class CutOff(Aborted):
    """A call was under way when its run was halted, and was cut off; what it did before is not known."""


class EvidenceUnwritable(GonogoError):
    """The recorder cannot write, so the effect must not happen; whatever was under way goes on once it can."""

    failure = "dependency_open"


class EvidenceUnreachable(EvidenceUnwritable):
    """The server that keeps the journals does not answer, so nothing can be read or recorded."""


class LeaseLost(EvidenceUnwritable):
    """Another process has taken the run over while this one was cut off; this one stops before its next effect."""


class ClockBehind(EvidenceUnwritable):
    """The clock stands before a time that has passed, so nobody can say whether an answer was in time."""


class LogBehind(EvidenceUnwritable):
    """Whoever takes the evidence into the log has stopped, so nothing irreversible is done until it goes on."""


class EvidenceBroken(GonogoError):
    """What is on disk is not what was written: a chain or a commitment does not hold."""

    failure = "data_mismatch"


class AnchorUnreachable(GonogoError):
    """The log's checkpoint could not be kept elsewhere; the log goes on, and what is not anchored grows older."""

    failure = "dependency_open"


class RunBusy(GonogoError):
    """Another process flies this run; two pilots would do things twice."""

    failure = "dependency_open"


class RunUnknown(GonogoError):
    """No evidence of such a run or gate."""

    failure = "data_mismatch"


class Diverged(GonogoError):
    """The mission no longer does what its evidence says it did; code changed under the run."""

    failure = "data_mismatch"


class BudgetExceeded(GonogoError):
    """The next call could use more than what is left; it was not made, or was ended."""

    failure = "budget_exceeded"

    def __init__(self, message: str, shortage: dict[str, int | str] | None = None) -> None:
        super().__init__(message)
        self.shortage = shortage
        """Which budget: ``whose``, ``name``, ``unit``, ``cap``, ``used``, ``asked``."""

    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[str, dict[str, int | str] | None]]:
        """Survive a pickle whole."""
        return type(self), (str(self), self.shortage)


class PriceUnknown(BudgetExceeded):
    """No price list knows the model; an unknown price is not zero."""


class ToolFailed(GonogoError):
    """A system of record refused or could not do what it was asked."""

    failure = "tool_failure"


class DependencyFailed(ToolFailed):
    """A system could not be reached, or failed by itself; the same call may succeed later.

    A tool raises it to say so; what it raises as :class:`ToolFailed` is the system's answer and is not tried again.
    """


class DependencyOpen(GonogoError):
    """A system or provider has failed too often and is left alone for a while, or is asked too often already."""

    failure = "dependency_open"

    again_us: int = 0
    """In how many microseconds it is tried again, as far as that is known."""


class Unconfirmed(GonogoError):
    """A system says that it did something, and its own records do not hold it."""

    failure = "data_mismatch"


class Conflict(GonogoError):
    """Another run has changed the record since this one began; nothing was written over it.

    Not for a model to mend: the run ends with an exception that the mission's owner has, unless the
    mission catches it, takes the record up again as it stands, and goes on from there.
    """

    failure = "data_mismatch"


class StepFailed(GonogoError):
    """A step's own code failed; the message carries what it raised."""


class StepTimedOut(GonogoError):
    """Something took longer than it may."""

    failure = "timeout"


class ModelFailed(GonogoError):
    """The model could not be reached, refused, or answered what nobody could use."""

    failure = "model_refusal"


class ModelUnavailable(ModelFailed):
    """The provider could not be reached, asked to come later, or failed by itself; it may answer later."""

    failure = "dependency_open"


class ServerUnreachable(GonogoError):
    """The Prefect server that was asked for does not answer."""

    failure = "dependency_open"


class SettingsBroken(GonogoError):
    """A setting or the project layout is wrong; the message names it."""

    failure = "data_mismatch"
