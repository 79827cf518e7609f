"""How well the scorecard of leads ranks real ones, beside the best single feature; and how it is fitted.

`python -m benchmarks.leads` prints the lift of the scorecard in force on people whose outcome it was
not fitted to. `--fit` derives the points anew from the training part and writes the scorecard, for
review. Everything goes through the mapping and the scorecard that the mission itself uses.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from policies.lead_scorecard import EVEN_ODDS_POINTS, POINTS_TO_DOUBLE, SCORECARD, Scorecard, scorecard
from policies.leads import Profile
from tasks.bank_marketing import LEFT_OUT, profile

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DATA = Path(__file__).parents[2] / "shared" / "data" / "leads" / "leads.csv"
"""Bank Marketing (Moro, Cortez, Rita), CC BY 4.0; not part of this repository."""

TRAINED_TENTHS = 7
"""How many tenths of the people the points are derived from; the others only judge them."""

TOP_SHARE = 0.1
"""Lift is taken in the best-scored tenth."""

RIDGE = 2.0
"""How strongly a bin with few people is held to the average."""

SETTLED = 1e-9
"""The regression has settled once no weight moves by more than this."""

RESAMPLES = 400

CUTS: dict[str, tuple[int, ...]] = {
    "age": (0, 25, 30, 35, 45, 55, 60),
    "balance_eur": (-1_000_000, 0, 1, 500, 1_500, 3_000),
    "contacts_this_campaign": (0, 1, 2, 3, 5, 10),
    "contacts_before": (0, 1, 2, 3, 5),
    "days_since_contact": (0, 91, 95, 181, 190, 271, 371),
}
"""Where the ranges of each number begin."""

HEADER = """\
# The scorecard of leads: what each attribute adds to the points of an average lead (base_points).
# 200 points are even odds, every 20 more double them. Written by `python -m benchmarks.leads --fit`,
# read by policies/lead_scorecard.py; change it by hand only with a reason in the review.
"""


@dataclass(frozen=True, slots=True)
class People:
    """Real people of a campaign: what was known before the call, and whether they bought."""

    rows: tuple[int, ...]
    profiles: tuple[Profile, ...]
    bought: Floats
    """1 = yes, 0 = no."""

    @property
    def held_out(self) -> Mask:
        """Who only judges: chosen by row number, the same on every machine."""
        return np.array([crc32(str(row).encode()) % 10 >= TRAINED_TENTHS for row in self.rows])

    @property
    def later(self) -> Mask:
        """The last three tenths in the order of the campaign, which ran for years."""
        return np.arange(len(self.rows)) >= len(self.rows) * TRAINED_TENTHS // 10


def read_people(path: Path) -> People:
    """Read the people of a campaign file through the mission's own mapping."""
    rows = list(pl.read_csv(path).sort("row").iter_rows(named=True))
    return People(
        tuple(row["row"] for row in rows),
        tuple(Profile.model_validate(profile(row)) for row in rows),
        np.array([row["y"] == "yes" for row in rows], dtype=np.float64),
    )


def lift(scores: Floats, bought: Floats, share: float = TOP_SHARE) -> float:
    """Return how many times likelier the best-scored share buys than everybody.

    People with equal scores at the edge of the share count with their mean, so that the order of
    the file decides nothing.
    """
    wanted = len(scores) * share
    order = np.argsort(-scores, kind="stable")
    edge = scores[order[min(int(np.ceil(wanted)), len(scores)) - 1]]
    above, at = scores > edge, scores == edge
    hits = bought[above].sum() + bought[at].mean() * (wanted - above.sum())
    return float(hits / wanted / bought.mean())


def bins(attribute: str, people: People) -> NDArray[np.str_]:
    """Return the bin that each person falls into."""
    values: list[Any] = [getattr(person, attribute) for person in people.profiles]
    if attribute not in CUTS:
        return np.array(values, dtype=np.str_)
    cuts = CUTS[attribute]
    found = ["unknown" if value is None else str(max(c for c in (cuts[0], *cuts) if c <= value)) for value in values]
    return np.array(found, dtype=np.str_)


def attributes() -> list[str]:
    """Return every attribute of a profile; all of them count."""
    return list(Profile.model_fields)


def fit(people: People, train: Mask) -> Scorecard:
    """Derive points from the people of the training part, by logistic regression on bins."""
    binned = {name: bins(name, people)[train] for name in attributes()}
    columns = [(name, word) for name, seen in binned.items() for word in sorted(set(seen.tolist()))]
    design = np.column_stack([np.ones(int(train.sum())), *[(binned[name] == word) * 1.0 for name, word in columns]])
    weights = _regress(design, people.bought[train])
    per_point = POINTS_TO_DOUBLE / np.log(2)
    share = design.mean(axis=0)
    points: dict[str, dict[str, int]] = {name: {} for name in binned}
    base = weights[0]
    for name in binned:
        mine = [index + 1 for index, (attribute, _) in enumerate(columns) if attribute == name]
        mean = float(share[mine] @ weights[mine])
        base += mean
        points[name] = {columns[index - 1][1]: round((weights[index] - mean) * per_point) for index in mine}
    return _card(points, EVEN_ODDS_POINTS + round(base * per_point), people, train)


def _regress(design: Floats, bought: Floats) -> Floats:
    """Return the weights of a ridge logistic regression, by Newton's method; the first is not held back."""
    weights = np.zeros(design.shape[1])
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 1e-6
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(design @ weights)))
        slope = design.T @ (bought - chance) - penalty * weights
        curve = (design.T * (chance * (1 - chance))) @ design + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights += step
        if float(np.abs(step).max()) < SETTLED:
            return weights
    msg = "The regression did not settle; the data is not what it was."
    raise SystemExit(msg)


def _card(points: dict[str, dict[str, int]], base: int, people: People, train: Mask) -> Scorecard:
    """Return the scorecard of some points, with the grades of the training part."""
    numbers = {
        name: {
            "unknown": points[name].get("unknown", 0),
            "ranges": [{"at_least": cut, "points": points[name][str(cut)]} for cut in cuts if str(cut) in points[name]],
        }
        for name, cuts in CUTS.items()
    }
    card = Scorecard.model_validate(
        {
            "version": "1",
            "provenance": {
                "source": "Bank Marketing (Moro, Cortez, Rita), UCI Machine Learning Repository",
                "licence": "CC BY 4.0",
                "fitted_by": "python -m benchmarks.leads --fit",
                "split": f"rows whose CRC-32 of the row number, modulo 10, is below {TRAINED_TENTHS}",
                "training_rows": int(train.sum()),
                "left_out": LEFT_OUT,
            },
            "base_points": base,
            "words": {name: words for name, words in points.items() if name not in CUTS},
            "numbers": numbers,
            "grades": {"A": 0, "B": 0, "C": 0},
        }
    )
    scored = score(card, people)[train]
    grades = {g: int(np.quantile(scored, q, method="higher")) for g, q in (("A", 0.9), ("B", 0.7), ("C", 0.4))}
    return Scorecard.model_validate(card.model_dump() | {"grades": grades})


def score(card: Scorecard, people: People) -> Floats:
    """Return what a card makes of each person: the very method the mission calls."""
    return np.array([card.score(person).points for person in people.profiles], dtype=np.float64)


def write(card: Scorecard, path: Path) -> None:
    """Write a scorecard as text to review."""
    body = yaml.safe_dump(card.model_dump(exclude={"digest"}, mode="json"), default_flow_style=None, width=118,
                          sort_keys=False)  # fmt: skip
    path.write_text(HEADER + body, encoding="utf-8")


def single_features(people: People, train: Mask) -> dict[str, Floats]:
    """Return, for each attribute alone, the rate at which the training part of a person's bin bought."""
    mean = people.bought[train].mean()
    found: dict[str, Floats] = {}
    for name in attributes():
        seen = bins(name, people)
        rate = {
            word: (people.bought[train & (seen == word)].sum() + mean * 10) / ((train & (seen == word)).sum() + 10)
            for word in set(seen.tolist())
        }
        found[name] = np.array([rate[word] for word in seen.tolist()], dtype=np.float64)
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """The scorecard beside the best single feature, on people it was not fitted to."""

    people: int
    bought: float
    """The share of them who bought."""
    scorecard: float
    baseline: float
    feature: str
    """The single feature with the highest lift on the training part."""
    gain: tuple[float, float]
    """Where 95 % of resamples put the difference of both lifts."""


def compare(card: Scorecard, people: People, judged: Mask) -> Comparison:
    """Measure both lifts on the people who judge, and how sure their difference is."""
    train = ~judged
    features = single_features(people, train)
    feature = max(features, key=lambda name: lift(features[name][train], people.bought[train]))
    ours, theirs, bought = score(card, people)[judged], features[feature][judged], people.bought[judged]
    rng = np.random.default_rng(1)
    gains: list[float] = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, len(bought), len(bought))
        gains.append(lift(ours[drawn], bought[drawn]) - lift(theirs[drawn], bought[drawn]))
    low, high = np.quantile(gains, (0.025, 0.975))
    return Comparison(
        len(bought), float(bought.mean()), lift(ours, bought), lift(theirs, bought), feature, (float(low), float(high))
    )


def _tell(title: str, found: Comparison) -> None:
    print(f"{title}: {found.people:,} people, {found.bought:.1%} of whom bought")
    print(f"  lift of the best-scored tenth, scorecard               {found.scorecard:.2f}")
    print(f"  lift of the best-scored tenth, one feature ({found.feature}) {found.baseline:.2f}")
    print(
        f"  difference, 95 % of {RESAMPLES} resamples                    {found.gain[0]:+.2f} to {found.gain[1]:+.2f}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the lift, or fit the scorecard anew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leads", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the campaign file; as it came from its source")
    parser.add_argument("--fit", action="store_true", help="derive the points anew and write the scorecard")
    chosen = parser.parse_args(arguments)
    if not chosen.data.exists():
        print(f"skipped: {chosen.data} is not here; name the file with --data", file=sys.stderr)
        return 0
    people = read_people(chosen.data)
    if chosen.fit:
        write(fit(people, ~people.held_out), SCORECARD)
        print(f"wrote {SCORECARD.name}")
        return 0
    _tell("Held out, by row number", compare(scorecard(), people, people.held_out))
    _tell("Later than all it was fitted to, fitted anew", compare(fit(people, ~people.later), people, people.later))
    return 0


if __name__ == "__main__":
    sys.exit(main())
