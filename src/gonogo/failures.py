"""Failures as evidence holds them: class of the taxonomy, error class, sentence; raised again alike on a replay."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, cast

from gonogo import errors
from gonogo.errors import BudgetExceeded, EvidenceUnwritable, GonogoError, ToolFailed
from gonogo.evidence.canon import plain_text

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.runs import Run


def failure_fields(error: GonogoError) -> dict[str, Any]:
    """Return how a failure stands in evidence: class of the taxonomy, error class, sentence, and what it came from."""
    found = {
        "reason_code": error.failure,
        "error_class": type(error).__name__,
        "error": plain_text(str(error)),
    }
    if error.cause:
        found["cause"] = error.cause
    if error.path is not None and error.path != type(error).path:
        found["on_failure"] = error.path
    return found


def raise_if_no_end(run: Run, error: BaseException) -> None:
    """Return where an error may be recorded as how a step, a call, a hand-over or a run ended.

    That the recorder cannot be relied on is how none of them ended, whoever met it and whatever task group it
    came out of: nothing is recorded about it, nothing more is begun, also where the mission catches it, and the
    run goes on where it was once the recorder can be.

    Raises:
        EvidenceUnwritable: it is that.

    """
    if isinstance(error, EvidenceUnwritable):
        run.leaving = run.leaving or error
        raise error
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            raise_if_no_end(run, inner)


def refusal_fields(error: GonogoError) -> dict[str, Any]:
    """Return how a refused call stands in evidence: as a failure does, and which budget did not cover it."""
    fields = failure_fields(error)
    if isinstance(error, BudgetExceeded) and error.shortage is not None:
        fields["budget"] = error.shortage
    return fields


def as_recorded(error: GonogoError) -> GonogoError:
    """Return an error as a replay raises it: an author's own class as the nearest of gonogo's.

    A mission that catches it must catch it again on a replay, or it would take another way.
    """
    known = next(each for each in type(error).__mro__ if getattr(errors, each.__name__, None) is each)
    # An error of its own each time: what is noted on it must not stand on one that its author raises again.
    made = copy(error) if known is type(error) else known(str(error))
    made.cause, made.path = error.cause, error.path
    return made


def raise_recorded(record: Record) -> None:
    """Raise the failure a record holds, as it was raised the first time."""
    known = getattr(errors, record.data.get("error_class", ""), ToolFailed)
    error: GonogoError = known(record.data.get("error", "failed"))
    error.cause, error.is_replayed = record.data.get("key", ""), True
    error.path = record.data.get("on_failure", error.path)
    raise error
