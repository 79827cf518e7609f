"""Claims to rehearse with, one function per kind of claim."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from policies.claims import Claim, DocumentKind, Loss, PolicyTerms
from tasks.claims_agents import INVOICE_FROM_CENTS, REQUIRED

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

UNREPORTED = "It was not reported to the police."
"""What a claimant says who will never have a police report."""

_TOLD: dict[Loss, tuple[str, ...]] = {
    "collision": (
        "Rear-ended at a traffic light; bumper, boot lid and one tail light are damaged.",
        "Scraped along a pillar in the car park; two doors and the sill need repair.",
    ),
    "glass": (
        "A stone from a lorry cracked the windscreen across the driver's field of view.",
        "A neighbour's ball broke the balcony door; the double glazing has to be replaced.",
    ),
    "theft": (
        "The bicycle was taken from the locked cellar during the night; the lock was cut.",
        "The bag with the laptop was taken from the train while changing seats at the border.",
    ),
    "fire": (
        "A charger caught fire in the study; desk, shelf and part of the floor are burnt.",
        "The kitchen hood burnt after a pan caught fire; ceiling and cupboards are sooted.",
    ),
    "storm": (
        "The storm took tiles off the north side of the roof, and rain came into the attic.",
        "A branch fell on the greenhouse in the storm; six panes and the frame are broken.",
    ),
    "water": (
        "The dishwasher hose burst; parquet and the ceiling of the flat below are wet.",
        "A pipe in the bathroom wall leaked for days; tiles and plaster have to come off.",
    ),
}

_LOSSES: tuple[Loss, ...] = ("collision", "glass", "storm", "water", "theft", "fire")
_INSURED: dict[Loss, int] = {
    "collision": 60_000_00,
    "glass": 10_000_00,
    "theft": 20_000_00,
    "fire": 250_000_00,
    "storm": 120_000_00,
    "water": 120_000_00,
}


def _needed(loss: Loss, claimed_cents: int) -> tuple[DocumentKind, ...]:
    """Return the documents that make such a claim complete."""
    invoice: set[DocumentKind] = {"invoice"} if claimed_cents >= INVOICE_FROM_CENTS else set()
    return tuple(sorted(REQUIRED[loss] | invoice))


def _claim(rng: Random, name: str, loss: Loss, claimed_cents: int, **facts: Any) -> dict[str, Any]:
    """Return a complete and covered claim, except for the facts that are given."""
    occurred = date(2026, 1, 5) + timedelta(days=rng.randrange(120))
    account = f"DE{rng.randrange(10**19, 10**20)}"
    number = f"POL-{name}"
    policy = PolicyTerms(
        number=number,
        holder=f"CUS-{name}",
        perils=_LOSSES,
        insured_sum_cents=_INSURED[loss],
        deductible_cents=rng.choice((0, 150_00, 300_00)),
        starts_on=occurred - timedelta(days=rng.randrange(200, 2_000)),
        ends_on=date(2027, 12, 31),
        payees=(account,),
        prior_claims=0,
    )
    claim = Claim(
        claim_id=f"CLM-{name}",
        policy_number=number,
        claimant=f"CUS-{name}",
        loss=loss,
        occurred_on=occurred,
        reported_on=occurred + timedelta(days=rng.randrange(1, 9)),
        claimed_cents=claimed_cents,
        payee=account,
        description=rng.choice(_TOLD[loss]),
        documents=_needed(loss, claimed_cents),
        policy=policy.model_copy(update=facts.pop("policy", {})),
    )
    return Claim.model_validate(claim.model_dump() | facts).model_dump(mode="json")


def _cents(rng: Random, low_eur: int, high_eur: int) -> int:
    return rng.randrange(low_eur * 100, high_eur * 100)


def straightforward(rng: Random, name: str) -> dict[str, Any]:
    """Complete, covered, small: paid without anybody being asked."""
    return _claim(rng, name, rng.choice(_LOSSES), _cents(rng, 400, 4_500))


def above_limit(rng: Random, name: str) -> dict[str, Any]:
    """Complete and covered, above 5,000.00 EUR: a claims manager is asked."""
    return _claim(rng, name, rng.choice(("fire", "storm", "water")), _cents(rng, 6_000, 40_000))


def vague(rng: Random, name: str) -> dict[str, Any]:
    """Told in four words: a claims adjuster is asked."""
    return _claim(rng, name, rng.choice(("glass", "storm")), _cents(rng, 400, 3_000), description="It is broken now.")


def large_and_vague(rng: Random, name: str) -> dict[str, Any]:
    """Above the limit and told in four words: adjuster and manager are both asked."""
    return _claim(rng, name, "water", _cents(rng, 8_000, 20_000), description="Everything is wet.")


def one_document_missing(rng: Random, name: str) -> dict[str, Any]:
    """The customer is asked once, and sends it."""
    return _claim(rng, name, "collision", _cents(rng, 800, 4_000), documents=("photos",))


def two_documents_missing(rng: Random, name: str) -> dict[str, Any]:
    """The customer is asked twice, and sends one document each time."""
    return _claim(rng, name, "fire", _cents(rng, 900, 4_500), documents=())


def never_complete(rng: Random, name: str) -> dict[str, Any]:
    """The customer is asked twice and sends something else: declined."""
    told = f"The bicycle is gone from the station. {UNREPORTED}"
    return _claim(rng, name, "theft", _cents(rng, 500, 2_000), documents=(), description=told)


def suspicious(rng: Random, name: str) -> dict[str, Any]:
    """A young policy, many earlier claims, nearly the whole sum: an investigator takes it."""
    told = "The car was in a collision on a country road at night, nobody saw it; please pay in cash."
    claim = _claim(rng, name, "collision", 57_000_00, description=told)
    occurred = date.fromisoformat(claim["occurred_on"])
    claim["policy"] |= {"starts_on": (occurred - timedelta(days=6)).isoformat(), "prior_claims": 4}
    return claim


def foreign_account(rng: Random, name: str) -> dict[str, Any]:
    """All in order, but the money should go to an account that is not on the policy: refused."""
    return _claim(rng, name, "storm", _cents(rng, 900, 4_000), payee=f"LT{rng.randrange(10**17, 10**18)}")


def not_covered(rng: Random, name: str) -> dict[str, Any]:
    """The policy does not insure against the loss: declined."""
    return _claim(rng, name, "water", _cents(rng, 500, 4_000), policy={"perils": ("glass", "theft")})


KINDS: tuple[Callable[[Random, str], dict[str, Any]], ...] = (
    straightforward,
    above_limit,
    one_document_missing,
    suspicious,
    foreign_account,
    vague,
    not_covered,
    straightforward,
    two_documents_missing,
    large_and_vague,
    never_complete,
    straightforward,
)
"""Kinds of claims, in the order they take turns."""


def events(case: dict[str, Any]) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return what the customer sends: one missing document at a time, or never the right one."""
    claim = Claim.model_validate(case)
    missing = [kind for kind in _needed(claim.loss, claim.claimed_cents) if kind not in claim.documents]
    if missing and UNREPORTED in claim.description:
        missing = ["photos", "invoice"]
    first = datetime.combine(claim.reported_on, time(9, 30), UTC)
    return [
        ("documents_received", {"documents": [kind]}, first + timedelta(days=3 * (turn + 1)))
        for turn, kind in enumerate(missing)
    ]
