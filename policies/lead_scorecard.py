"""The scorecard of leads: points for what is known of a person, added up; higher is likelier to buy.

The points stand in `lead_scorecard.yaml`, where they can be read, questioned and compared in a
review. `python -m benchmarks.leads --fit` derives them from past campaigns. 200 points are even
odds, and every 20 more double them. Nothing that is known only after the contact counts.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import Field, model_validator

from gonogo.model import Noun

if TYPE_CHECKING:
    from policies.leads import Profile

EVEN_ODDS_POINTS = 200
"""What a lead scores that is as likely to buy as not."""

POINTS_TO_DOUBLE = 20
"""Points that double the odds."""

SCORECARD = Path(__file__).with_name("lead_scorecard.yaml")
"""The reviewed scorecard in force."""

REASONS = 3
"""How many of the weightiest attributes a score names."""

Grade = Literal["A", "B", "C", "D"]
"""A = the likeliest tenth of past leads, B = the next fifth, C = the next three tenths, D = the rest."""


class Score(Noun):
    """What the card makes of a lead."""

    points: int
    grade: Grade
    reasons: tuple[str, ...]
    """The weightiest attributes, each with its points beside those of an average lead."""
    scorecard: str
    """Version and digest of the card that was used."""


class Range(Noun):
    """Points from a value on, up to the next range."""

    at_least: int
    points: int


class Numbers(Noun):
    """Points for a number, by the range it falls in."""

    unknown: int = 0
    """Points where there is no such number."""
    ranges: tuple[Range, ...] = Field(min_length=1)
    """Ascending; the first also takes everything below it."""

    @model_validator(mode="after")
    def _ascends(self) -> Numbers:
        starts = [each.at_least for each in self.ranges]
        if starts != sorted(set(starts)):
            msg = f"ranges start at {starts}; each must start above the one before"
            raise ValueError(msg)
        return self

    def points(self, value: int | None) -> int:
        """Return the points of a value."""
        if value is None:
            return self.unknown
        return next((each.points for each in reversed(self.ranges) if value >= each.at_least), self.ranges[0].points)


class Provenance(Noun):
    """Where the points come from."""

    source: str
    licence: str
    fitted_by: str
    split: str
    training_rows: int
    left_out: dict[str, str]
    """Columns that are no input, and why not."""


class Scorecard(Noun):
    """Points for each attribute of a lead's profile."""

    version: str
    provenance: Provenance
    base_points: int
    """What an average lead scores; the attributes' points are added."""
    words: dict[str, dict[str, int]]
    numbers: dict[str, Numbers]
    grades: dict[Grade, int]
    """The points from which on each grade is given; D takes the rest."""
    digest: str = ""
    """The first twelve digits of the SHA-256 of the file."""

    def attributes(self, profile: Profile) -> dict[str, int]:
        """Return the points of each attribute; a word nobody has seen counts as an average one."""
        told = profile.model_dump()
        words = {name: points.get(told[name], 0) for name, points in self.words.items()}
        return words | {name: numbers.points(told[name]) for name, numbers in self.numbers.items()}

    def score(self, profile: Profile) -> Score:
        """Return what the card makes of a profile."""
        each = self.attributes(profile)
        points = self.base_points + sum(each.values())
        told = profile.model_dump()
        weightiest = sorted(each, key=lambda name: (-abs(each[name]), name))[:REASONS]
        reasons = tuple(f"{name} {told[name]}: {each[name]:+d}" for name in weightiest)
        used = f"{self.version}@{self.digest}"
        return Score(points=points, grade=self.grade(points), reasons=reasons, scorecard=used)

    def grade(self, points: int) -> Grade:
        """Return the best grade that the points reach."""
        reached: list[Grade] = [grade for grade, least in self.grades.items() if points >= least]
        return min(reached) if reached else "D"


def read_scorecard(path: Path) -> Scorecard:
    """Read a scorecard; one that is not whole is an error, never a guess."""
    raw = path.read_bytes()
    card = Scorecard.model_validate(yaml.safe_load(raw))
    return card.model_copy(update={"digest": sha256(raw).hexdigest()[:12]})


@lru_cache
def scorecard() -> Scorecard:
    """Return the scorecard in force."""
    return read_scorecard(SCORECARD)
