"""Dependencies: what is declared of each system of record and each model provider that may fail."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from gonogo.model import Noun

RATE_MAX = 100_000
"""Calls in a second that may be declared at most."""


class Dependency(Noun):
    """How often a system or provider may be asked, how long it may take, and when it is left alone."""

    rate_per_second: Annotated[Decimal, Field(gt=0, le=RATE_MAX)] | None = None
    """Calls in a second over all processes; no limit, if none."""
    burst: Annotated[int, Field(ge=1, le=RATE_MAX)] | None = None
    """Calls that may come at once after a quiet time; those of one second, if not declared."""
    breaker_failures: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Failures in a row, over all processes, after which it is left alone."""
    cool_down_seconds: Annotated[int, Field(ge=1, le=86_400)] = 30
    """How long it is left alone before one call may try it."""
    timeout_seconds: Annotated[int, Field(ge=1, le=3_600)] = 120
    """How long one call may take, and how long one may wait for its turn under the rate."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a call that may be repeated is repeated."""
    backoff_ms: Annotated[int, Field(ge=1, le=60_000)] = 250
    """The wait before the first repetition, doubled for each after it; between half of it and all of it is waited."""
    backoff_max_ms: Annotated[int, Field(ge=1, le=600_000)] = 8_000
    """The longest such wait. Whoever asks us to wait longer is not waited for."""

    credential: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}:.{1,500}$")] | None = None
    """``KIND:NAME`` of the secret that a tool of this system is handed for a call: ``env``, ``file`` or ``prefect``."""

    @property
    def calls_at_once(self) -> int:
        """The burst that holds."""
        return self.burst or max(1, int(self.rate_per_second or 1))

    @property
    def period_us(self) -> int:
        """Microseconds from one call to the next under the rate; 0 where there is none."""
        return 0 if self.rate_per_second is None else max(1, int(1_000_000 / self.rate_per_second))


UNDECLARED = Dependency()
"""What holds where nothing is declared."""
