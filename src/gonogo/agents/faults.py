"""Faults: what came of a question to a model that brought no answer, in our taxonomy, and whether it costs."""

from __future__ import annotations

from socket import gaierror

from pydantic_ai.exceptions import (
    ModelConnectionError,
    ModelHTTPError,
    ModelRequestRejectedError,
    ModelTimeoutError,
    UserError,
)

from gonogo.attempts import SERVER_ERROR, TOO_MANY, Failure
from gonogo.errors import (
    Aborted,
    BudgetExceeded,
    CutOff,
    EvidenceUnwritable,
    ModelFailed,
    ModelUnavailable,
    StepTimedOut,
)
from gonogo.evidence.canon import plain_text


def may_be_billed(error: BaseException | None) -> bool:
    """Whether a provider may charge for a call that failed: not where it refused it, or was never reached."""
    while error is not None:
        is_unasked = isinstance(error, Aborted) and not isinstance(error, CutOff)
        if is_unasked or isinstance(error, ModelHTTPError | UserError | ConnectionRefusedError | gaierror):
            return False
        error = error.__cause__ or error.__context__
    return True


def failure_of_model(model: str, error: Exception, timeout_seconds: int, *, is_late: bool) -> Failure:
    """Return a provider's failure in our taxonomy: whose fault it is decides what follows."""
    if isinstance(error, Aborted | BudgetExceeded | EvidenceUnwritable):
        return Failure(error)
    told = plain_text(f"{type(error).__name__}: {' '.join(str(error).split())}", 300)
    if is_late:
        return Failure(StepTimedOut(f"{model} did not answer within {timeout_seconds} s."), is_outage=True)
    if isinstance(error, ModelTimeoutError | TimeoutError):
        return Failure(StepTimedOut(f"{model} did not answer in time ({told})."), is_outage=True)
    sentence = f"{model} gave no usable answer ({told})."
    if isinstance(error, ModelHTTPError):
        return _of_status(sentence, error)
    if isinstance(error, ModelConnectionError | ConnectionError | gaierror):
        return Failure(ModelUnavailable(sentence), is_outage=True)
    # A question it refuses is our fault. Clients raise whatever they like on a body they did not expect.
    is_ours = isinstance(error, ModelRequestRejectedError | UserError)
    return Failure(ModelFailed(sentence), is_outage=not is_ours, is_answer=is_ours)


def _of_status(sentence: str, error: ModelHTTPError) -> Failure:
    """Return a failure that came with an HTTP status: theirs, or an answer to what was wrong with the question."""
    if error.status_code >= SERVER_ERROR or error.status_code == TOO_MANY:
        hint_us = int((error.retry_after or 0) * 1_000_000)
        return Failure(ModelUnavailable(sentence), is_outage=True, hint_us=hint_us)
    return Failure(ModelFailed(sentence), is_answer=True)
