"""Habits: what is usual for an agent, computed by analytics from its history, read here once a flight.

The file is small, replaced whole, and need not be there. Without it, or with too little history,
nothing is compared and only declared limits hold; the versions of each run say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from gonogo.evidence.canon import sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

FILE = "habits.json"
FORMAT = 1
NOT_ENOUGH = "not enough history"
UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class Habits:
    """What is usual for one agent, or for a mission that acts on its own mandate."""

    runs: int = 0
    """Earlier runs it is computed on; runs that were aborted teach nothing."""
    micros_peak: int = 0
    """The most micro-USD of 60 seconds within one run."""
    tokens_peak: int = 0
    """The most tokens of 60 seconds within one run."""
    tools: dict[str, int] = field(default_factory=dict[str, int])
    """The most calls of each tool in one run."""
    amounts: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """By ``tool.argument``: how many amounts, and the largest."""
    recipients: frozenset[str] = frozenset()
    """Marks of everybody it ever turned to; see :func:`mark_of`."""


@dataclass(frozen=True, slots=True)
class HabitBook:
    """The habits of every agent, as they were published last."""

    agents: dict[str, Habits] = field(default_factory=dict[str, Habits])
    digest: str = ""
    state: str = NOT_ENOUGH
    """What is said of an agent that has no habits here."""

    def of(self, principal: str, runs_needed: int) -> Habits | None:
        """Return what is usual for somebody; ``None`` where there is not enough history to say."""
        found = self.agents.get(principal)
        return found if found is not None and found.runs >= runs_needed else None

    def told(self, principal: str, runs_needed: int) -> str:
        """Say what a principal is compared with."""
        found = self.agents.get(principal)
        if found is None:
            return self.state
        enough = f"{found.runs} runs"
        return enough if found.runs >= runs_needed else f"{NOT_ENOUGH}: {found.runs} of {runs_needed} runs"


def mark_of(text: str) -> str:
    """Return the mark under which a recipient is known: habits hold no names."""
    return sha256(text.strip().casefold().encode()).hexdigest()[:16]


def habits_of(home: Path) -> HabitBook:
    """Return the published habits; looks once whether the file has changed.

    A file that is not what was published is not believed: nothing is compared then, and it is said.
    """
    path = home / FILE
    try:
        known = path.stat()
    except OSError:
        return _NOTHING
    return _read(path, known.st_mtime_ns, known.st_size)


_NOTHING = HabitBook()


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int, _size: int) -> HabitBook:
    try:
        body = path.read_bytes()
        published: dict[str, Any] = orjson.loads(body)
        content = published["content"]
        if published["sha256"] != sealed(content) or content["format"] != FORMAT:
            return HabitBook(state=UNREADABLE)
        return HabitBook({name: _habits(told) for name, told in content["agents"].items()}, sha256_hex(body))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return HabitBook(state=UNREADABLE)


def sealed(content: dict[str, Any]) -> str:
    """Return the digest that the file carries of its content."""
    return sha256_hex(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def _habits(told: dict[str, Any]) -> Habits:
    return Habits(
        runs=int(told["runs"]),
        micros_peak=int(told["micros_peak"]),
        tokens_peak=int(told["tokens_peak"]),
        tools={str(name): int(most) for name, most in told["tools"].items()},
        amounts={str(name): (int(count), int(largest)) for name, (count, largest) in told["amounts"].items()},
        recipients=frozenset(map(str, told["recipients"])),
    )
