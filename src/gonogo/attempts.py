"""Attempts: how a call failed, whether it may be made again, after which wait, and the record of that.

What changes nothing may be repeated, and so may a change that carries its idempotency key. An effect
that is neither, and of which nobody knows whether it happened, is in doubt: a person says.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from socket import gaierror
from typing import TYPE_CHECKING, Any, Literal

from gonogo.current import declared_retries
from gonogo.errors import DependencyFailed, GonogoError, StepTimedOut, ToolFailed
from gonogo.evidence.canon import plain_text, sha256_hex
from gonogo.failures import as_recorded, failure_fields
from gonogo.redactions import cleaned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.breakers import Ended
    from gonogo.dependencies import Dependency
    from gonogo.runs import Run

Next = Literal["retry", "fallback", "doubt"]
"""What follows a failed attempt: the same again, another model, or the question to a person whether it happened."""

SERVER_ERROR, TOO_MANY = 500, 429
"""HTTP statuses with which a server says that it failed, or that it is asked too often."""


class Again(Exception):
    """An attempt failed and may be made again; its record says why and after which wait."""

    def __init__(self, wait_us: int) -> None:
        super().__init__(wait_us)
        self.wait_us = wait_us

    async def wait(self) -> None:
        """Let the wait pass."""
        await asyncio.sleep(self.wait_us / 1_000_000)


class Unknown(Exception):
    """An effect that may not be repeated ended, and nobody knows how."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What came of an attempt that brought no answer."""

    error: GonogoError
    is_outage: bool = False
    """Whether the dependency failed, and not what it was asked."""
    is_answer: bool = False
    """Whether the system itself refused."""
    may_have_happened: bool = True
    hint_us: int = 0
    """How long the dependency asks us to wait."""

    @property
    def ended(self) -> Ended:
        """What the breaker learns from it."""
        if self.is_outage:
            return "failed"
        return "answered" if self.is_answer else "neither"


def failure_of_tool(name: str, error: Exception, timeout_seconds: int, *, is_late: bool) -> Failure:
    """Return a tool's failure in our taxonomy; what is no outage is the tool's answer, or its author's mistake."""
    told = cleaned(" ".join(str(error).split()) or type(error).__name__)
    if is_late:
        return Failure(StepTimedOut(f"{name} did not answer within {timeout_seconds} s."), is_outage=True)
    if isinstance(error, GonogoError):
        known = as_recorded(error)
        known.cause, known.path = "", None
        if (said := cleaned(str(known))) != str(known):
            known.args = (said, *known.args[1:])
        is_down = isinstance(known, DependencyFailed)
        return Failure(known, is_outage=is_down, is_answer=not is_down and isinstance(known, ToolFailed))
    if not is_outage(error):
        # It says nothing about the system, so a breaker counts it neither way.
        return Failure(ToolFailed(f"{name} failed: {told}"))
    was_reached = not isinstance(error, ConnectionRefusedError | gaierror)
    hint = _retry_after_us(getattr(getattr(error, "response", None), "headers", None))
    return Failure(
        DependencyFailed(f"{name} failed: {told}"), is_outage=True, may_have_happened=was_reached, hint_us=hint
    )


def is_outage(error: BaseException) -> bool:
    """Whether what a tool raised says that the system could not be reached, or failed by itself."""
    if isinstance(error, TimeoutError | ConnectionError | gaierror):
        return True
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status >= SERVER_ERROR or status == TOO_MANY
    # Without importing it: clients of httpx raise one of these where no answer came.
    return any(
        each.__name__ == "TransportError" and each.__module__.startswith("httpx") for each in type(error).__mro__
    )


def _retry_after_us(headers: Mapping[str, str] | None) -> int:
    given = "" if headers is None else headers.get("retry-after", "")
    return int(given) * 1_000_000 if given.isdecimal() and len(given) <= 6 else 0  # noqa: PLR2004 - eleven days


def failed_before(run: Run, key: str) -> int:
    """Return how many attempts at an operation have failed and were followed by another."""
    number = 0
    while run.ledger.result(f"{key}/attempt:{number + 1}") is not None:
        number += 1
    return number


def retry_wait_us(key: str, number: int, facts: Dependency, failure: Failure) -> int | None:
    """Return the wait before the next attempt in microseconds; ``None`` where there is to be none.

    It doubles with each failed attempt, and between half of it and all of it is waited, by the key's
    digest: the same for the same attempt, different for those that failed at the same time.
    """
    retries = declared_retries()
    if not failure.is_outage or number > (facts.retries if retries is None else retries):
        return None
    most = facts.backoff_max_ms * 1_000
    if failure.hint_us > most:
        return None
    full = min(facts.backoff_ms * 1_000 << min(number - 1, 20), most)
    part = int(sha256_hex(f"{key}\x1f{number}".encode())[:8], 16)
    return max(full // 2 + full * part // 0x1_FFFF_FFFE, failure.hint_us)


def note_attempt(
    run: Run,
    key: str,
    failure: Failure,
    following: Next,
    *,
    kind: Literal["tool", "model"],
    dependency: str,
    number: int,
    fields: dict[str, Any],
    wait_us: int = 0,
    operation: str = "",
) -> None:
    """Record an attempt that failed and what follows it."""
    data = {
        "objects": [{"id": run.id, "type": "run"}, {"id": dependency, "type": "dependency"}],
        "key": f"{key}/attempt:{number}",
        "operation": operation or key,
        "kind": kind,
        "dependency": plain_text(dependency, 200),
        "number": number,
        "next": following,
        "wait_us": wait_us,
        **failure_fields(failure.error),
    }
    run.ledger.note("attempt_record", data, fields=fields)
