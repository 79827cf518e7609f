"""Leads to rehearse with, one function per kind of lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policies.leads import Lead, Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

OPTED_OUT = "PER-OPTED-OUT"
"""A person who stands on the embedded CRM's do-not-contact list from its first day."""

_SAID = (
    "I saw your rates in the paper and wonder what they would mean for us.",
    "A colleague recommended you; we are looking at our reserves this quarter.",
    "Your letter came at the right time, the old deposit runs out in spring.",
)
_FIRMS = (("Alba Keramik GmbH", "DE"), ("Polderstroom BV", "NL"), ("Seekar Bergbahnen AG", "AT"))

_WARM = Profile(
    age=62,
    job="retired",
    marital="single",
    education="tertiary",
    in_default="no",
    housing_loan="no",
    personal_loan="no",
    balance_eur=4_200,
    channel="cellular",
    month="mar",
    contacts_before=2,
    days_since_contact=92,
    last_outcome="success",
)
"""The card gives it an A."""

_MILD = Profile(
    age=41,
    job="management",
    marital="married",
    education="tertiary",
    in_default="no",
    housing_loan="yes",
    personal_loan="no",
    balance_eur=2_100,
    channel="cellular",
    month="may",
    last_outcome="unknown",
)
"""The card gives it a B."""

_COLD = Profile(
    age=38,
    job="blue_collar",
    marital="married",
    education="primary",
    in_default="yes",
    housing_loan="yes",
    personal_loan="yes",
    balance_eur=-120,
    channel="unknown",
    month="jul",
    contacts_this_campaign=3,
    last_outcome="unknown",
)
"""The card gives it a D."""


def _lead(rng: Random, name: str, profile: Profile, **facts: Any) -> dict[str, Any]:
    """Return a lead of a profile, with these facts; a private client, unless a firm is named."""
    plain = {
        "lead_id": f"LEAD-{name}",
        "person": f"PER-{name}",
        "message": rng.choice(_SAID),
        "expected_value_cents": rng.randrange(2_000_00, 60_000_00),
        "profile": profile.model_dump(),
    }
    return Lead.model_validate(plain | facts).model_dump(mode="json", exclude_none=True)


def _of_a_firm(rng: Random) -> dict[str, str]:
    company, country = rng.choice(_FIRMS)
    return {"company": company, "country": country}


def warm_client(rng: Random, name: str) -> dict[str, Any]:
    """A private client the card thinks much of: met without anybody being asked."""
    return _lead(rng, name, _WARM)


def key_account(rng: Random, name: str) -> dict[str, Any]:
    """A large firm, above 100,000.00 EUR: the sales lead is asked."""
    value = rng.randrange(150_000_00, 900_000_00)
    return _lead(
        rng, name, _WARM, company="Nordwind Logistik AG", country="DE", expected_value_cents=value,
        message="We are renewing our credit line this year. Please call me next week.",
    )  # fmt: skip


def opted_out_before(rng: Random, name: str) -> dict[str, Any]:
    """Bought from another list, but the CRM knows that the person opted out: refused."""
    return _lead(rng, name, _WARM, person=OPTED_OUT)


def cold(rng: Random, name: str) -> dict[str, Any]:
    """A lead the card thinks little of: written to once a quarter."""
    return _lead(rng, name, _COLD)


def unknown_firm(rng: Random, name: str) -> dict[str, Any]:
    """A firm that no registry knows: people find out who it is."""
    return _lead(rng, name, _WARM, company=f"Sternwarte {rng.randrange(100, 999)} Holding", country="DE")


def leave_me_alone(rng: Random, name: str) -> dict[str, Any]:
    """Asks never to be called again: put on the do-not-contact list."""
    return _lead(rng, name, _WARM, message="Third time: do not call this number again. Please remove me.")


def mild_firm(rng: Random, name: str) -> dict[str, Any]:
    """A firm of grade B that asks for nothing: its owner calls."""
    return _lead(rng, name, _MILD, **_of_a_firm(rng))


def asks_for_a_call(rng: Random, name: str) -> dict[str, Any]:
    """A firm of grade B that asks to be called: met."""
    said = "Could somebody get in touch about a deposit account? Mornings are best."
    return _lead(rng, name, _MILD, message=said, **_of_a_firm(rng))


def half_known(rng: Random, name: str) -> dict[str, Any]:
    """Warm, but half of what one would want to know is missing: the sales lead is asked."""
    return _lead(rng, name, _WARM.model_copy(update={"job": "unknown", "education": "unknown"}))


def two_firms(rng: Random, name: str) -> dict[str, Any]:
    """A name that two firms bear: people find out which it is."""
    return _lead(rng, name, _WARM, company="Harbour Lane", country="IE")


def dissolved_firm(rng: Random, name: str) -> dict[str, Any]:
    """A firm that no longer exists: people find out what became of it."""
    return _lead(rng, name, _MILD, company="Rheintal Werkzeuge GmbH", country="DE")


def often_called(rng: Random, name: str) -> dict[str, Any]:
    """Called six times in this campaign already: only written to."""
    return _lead(rng, name, _WARM.model_copy(update={"contacts_this_campaign": 6}))


KINDS: tuple[Callable[[Random, str], dict[str, Any]], ...] = (
    warm_client,
    key_account,
    opted_out_before,
    cold,
    unknown_firm,
    leave_me_alone,
    mild_firm,
    asks_for_a_call,
    half_known,
    two_firms,
    dissolved_firm,
    often_called,
)
"""Kinds of leads, in the order they take turns; the first three show a booking, a gate and a refusal."""


def events(case: dict[str, Any]) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return what happens outside while a lead is handled: nothing that the mission waits for."""
    del case
    return []
