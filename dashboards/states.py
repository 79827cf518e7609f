"""States: the closed vocabularies people see, each word with its colour and its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dashboards.markup import Html, tag
from dashboards.wording import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping


class Look(NamedTuple):
    """How a state looks: its colour by name in the palette, and the shape of its mark."""

    ink: str
    shape: str


UNKNOWN = Look("grey", "ring")

RUN: Mapping[str, Look] = {
    "flying": Look("blue", "pulse"),
    "waiting": Look("amber", "half"),
    "done": Look("blue", "disc"),
    "no_go": Look("amber", "square"),
    "aborted": Look("violet", "diamond"),
    "failed": Look("vermilion", "cross"),
}
"""Where a run is."""

ANSWER: Mapping[str, Look] = {
    "go": Look("blue", "disc"),
    "no_go": Look("amber", "square"),
    "revise": Look("violet", "half"),
}
"""What was said at a gate."""

VERDICT: Mapping[str, Look] = {
    "drift": Look("vermilion", "cross"),
    "not_enough_data": Look("grey", "ring"),
    "ok": Look("blue", "disc"),
}
"""What the drift job found; not knowing is a state of its own, and no good news."""

SEVERITY: Mapping[str, Look] = {
    "critical": Look("vermilion", "cross"),
    "high": Look("vermilion", "diamond"),
    "medium": Look("amber", "square"),
    "low": Look("blue", "disc"),
}
"""How bad a finding is."""

FINDING: Mapping[str, Look] = {
    "open": Look("vermilion", "pulse"),
    "routed": Look("amber", "half"),
    "closed": Look("blue", "disc"),
}
"""Where a finding is: nobody was told yet, its owner has it, later runs showed it gone."""

PROOF: Mapping[str, Look] = {
    "anchored": Look("blue", "disc"),
    "signed": Look("blue", "half"),
    "waits": Look("grey", "ring"),
    "unproven": Look("vermilion", "cross"),
}
"""How a record stands in the signed log."""

PROOF_WORDS: Mapping[str, str] = {
    "anchored": "proven, anchored",
    "signed": "proven, not anchored",
    "waits": "not in the log yet",
    "unproven": "no proof",
}

WORTH: Mapping[str, Look] = {
    "catches": Look("blue", "disc"),
    "caught_nothing": Look("amber", "square"),
    "not_enough_data": UNKNOWN,
}
"""What is known of a gate: people changed the course there, never did in thirty answers or more, or were asked less."""

WORTH_WORDS: Mapping[str, str] = {
    "catches": "catches",
    "caught_nothing": "has caught nothing",
    "not_enough_data": "not enough data",
}

VERDICT_WORDS: Mapping[str, str] = {"drift": "drift", "not_enough_data": "not enough data", "ok": "as it should be"}


def pill(word: str, looks: Mapping[str, Look], said: str | None = None) -> Html:
    """Return a state as a mark and a word; a word outside the vocabulary looks unknown, not good."""
    look = looks.get(word, UNKNOWN)
    mark = tag("span", css=f"mark {look.shape}", aria_hidden="true")
    return tag("span", mark, said or spoken(word), css=f"pill is-{look.ink}")


_BASIS_WORDS: Mapping[str, str] = {
    "list": "list",
    "declared": "declared",
    "notional": "notional",
    "example": "example",
    "mixed": "mixed",
}

NO_BILL = frozenset({"notional", "example", "mixed"})
"""Price bases of which no sum is money that anybody paid."""


def is_bill(word: str | None) -> bool:
    """Return whether sums of a price basis are money that is owed; what nobody knows is not."""
    return word in _BASIS_WORDS and word not in NO_BILL


def basis(word: str | None) -> Html | None:
    """Return what money stands on; loudly where it is no bill."""
    if word is None:
        return None
    return tag("span", f"{basis_words(word)} prices", css="basis" if is_bill(word) else "basis loud")


def basis_words(word: str | None) -> str:
    """Return a price basis as a word for the small print."""
    return "" if word is None else _BASIS_WORDS.get(word, word)


def model_badge(model: str | None, *, offline: bool | None) -> Html:
    """Return which model the agents ask, or that none was asked."""
    if offline:
        return tag("span", "offline model", css="badge", title="The scripted offline model answers for the agents.")
    return tag("span", model or "unknown model")
