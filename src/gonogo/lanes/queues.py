"""The queue in front of arrivals, as whoever watches sees it: how deep it is, and how long those waited who had a turn.

It holds no case: what waits, waits at its source. It knows when each case comes and counts those that are taken.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.cases import Flyer


@dataclass(slots=True)
class Queue:
    """Cases that come over time, and those that have begun."""

    comes: list[datetime]
    """When each case comes, in order."""
    begun: int = 0
    deepest: int = 0
    """The most that waited, whenever one was taken."""
    last_ms: int = 0
    """How long the one who was taken last had waited."""
    longest_ms: int = 0

    @classmethod
    def of(cls, flyers: Iterable[Flyer]) -> Queue:
        """Return the queue of these cases; nobody has begun."""
        return cls(sorted(flyer.arrived for flyer in flyers if flyer.arrived is not None))

    def take(self, flyer: Flyer) -> None:
        """Count a case that has its turn now."""
        now = datetime.now(UTC)
        self.begun += 1
        if flyer.arrived is not None:
            self.last_ms = max(0, int((now - flyer.arrived).total_seconds() * 1_000))
            self.longest_ms = max(self.longest_ms, self.last_ms)
        self.deepest = max(self.deepest, self.depth(now))

    def come(self, now: datetime | None = None) -> int:
        """Return how many have come."""
        return bisect_right(self.comes, now or datetime.now(UTC))

    def depth(self, now: datetime | None = None) -> int:
        """Return how many have come and not begun."""
        return max(0, self.come(now) - self.begun)

    @property
    def sentence(self) -> str:
        """How it stands, for people."""
        return (
            f"{self.come()} of {len(self.comes)} cases have come, {self.begun} have begun, {self.depth()} wait "
            f"(at most {self.deepest}); the last one taken had waited {self.last_ms / 1_000:.1f} s, "
            f"the longest {self.longest_ms / 1_000:.1f} s."
        )

    def told(self) -> dict[str, int]:
        """Return it for programs."""
        return {
            "come": self.come(), "begun": self.begun, "deepest": self.deepest, "longest_ms": self.longest_ms,
        }  # fmt: skip
