"""Briefs to rehearse with, one function per kind of brief."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policies.content import Brief

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

_ROOMS = ("the canteen", "the reading room", "the south stairs", "the bicycle shed")


def _brief(name: str, **facts: Any) -> dict[str, Any]:
    """Return a brief with these facts."""
    return Brief.model_validate({"brief_id": f"BRIEF-{name}", **facts}).model_dump(mode="json")


def house_note(rng: Random, name: str) -> dict[str, Any]:
    """Plain, short, for the house: published alone, in the first version."""
    room = rng.choice(_ROOMS)
    return _brief(
        name,
        product="account",
        channel="internal",
        audience_size=rng.randrange(20, 400),
        headline=f"Work on {room} next week",
        points=[f"From Monday, {room} is closed for a week.", "Please use the north door.", "Ask the desk for help."],
    )


def boastful_newsletter(rng: Random, name: str) -> dict[str, Any]:
    """Promises too much about a fund: repaired, and the communications lead is asked."""
    return _brief(
        name,
        product="investment",
        channel="newsletter",
        audience_size=rng.randrange(8_000, 60_000),
        headline="A new fund for patient savers",
        points=[
            "Our new fund buys bonds of towns and cities.",
            "It offers guaranteed returns for patient savers!",
            "You can start with 25 euros a month.",
        ],
    )


def hard_promise(rng: Random, name: str) -> dict[str, Any]:
    """The brief itself wants a forbidden promise word for word: the content desk takes it."""
    rate = rng.randrange(3, 9)
    return _brief(
        name,
        product="investment",
        channel="newsletter",
        audience_size=5_000,
        headline="Save for later",
        points=["The plan runs for ten years.", "You can pause it at any time."],
        must_say=[f"A risk-free {rate} percent, every year."],
    )


def public_credit(rng: Random, name: str) -> dict[str, Any]:
    """Credit, in public: repaired, then communications lead and compliance officer are both asked."""
    return _brief(
        name,
        product="credit",
        channel="public",
        audience_size=rng.randrange(100_000, 900_000),
        headline="Credit for a new kitchen",
        points=["You can borrow from 2,000 euros.", "Act now and talk to us about the terms."],
    )


def quiet_shares(rng: Random, name: str) -> dict[str, Any]:
    """Our own shares, in a quiet period: refused, whatever the reviewers say."""
    return _brief(
        name,
        product="own_shares",
        channel="newsletter",
        audience_size=rng.randrange(1_000, 9_000),
        headline="A letter to our owners",
        points=["Our half-year report comes out soon.", "You will find it on our pages."],
    )


def wordy_note(rng: Random, name: str) -> dict[str, Any]:
    """Worn words and a sentence without end, for the house: repaired, and published alone."""
    return _brief(
        name,
        product="account",
        channel="internal",
        audience_size=rng.randrange(20, 400),
        headline="How we work with each other from May",
        points=[
            "Going forward we leverage one calendar for all rooms.",
            (
                "Book a room before you sit down in it, and cancel it as soon as you know that you do not need it, "
                "because others look for one at the same time!"
            ),
        ],
    )


def town_hall(rng: Random, name: str) -> dict[str, Any]:
    """For the whole house: the communications lead is asked."""
    return _brief(
        name,
        product="account",
        channel="internal",
        audience_size=rng.randrange(900, 4_000),
        headline="Meet the board on Thursday",
        points=["The board answers your questions on Thursday at ten.", f"We meet in {rng.choice(_ROOMS)}."],
    )


def too_much_to_say(rng: Random, name: str) -> dict[str, Any]:
    """More to say word for word than the channel holds: the content desk takes it."""
    line = "This offer is open to all who live here, who are of age, and who hold an account with us for one year"
    return _brief(
        name,
        product="credit",
        channel="public",
        audience_size=10_000,
        headline="Terms in full",
        points=["Please read this with care."],
        must_say=[f"{line}, in branch {branch}." for branch in sorted(rng.sample(range(10, 99), 4))],
    )


KINDS: tuple[Callable[[Random, str], dict[str, Any]], ...] = (
    boastful_newsletter,
    hard_promise,
    house_note,
    quiet_shares,
    public_credit,
    wordy_note,
    town_hall,
    too_much_to_say,
)
"""Kinds of briefs, in the order they take turns; the first three show a repair with a gate, an escalation, neither."""


def events(case: dict[str, Any]) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return what happens outside while a text is written: nothing that the mission waits for."""
    del case
    return []
