"""Prices: whole micro-dollars, rounded up, from a public list or our own; an unknown price is an error."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from gonogo.errors import PriceUnknown

if TYPE_CHECKING:
    from pydantic_ai.usage import RequestUsage

    from gonogo.policy.registry import Registry

Basis = Literal["list", "declared", "notional"]
"""A public list price, what we declare to pay, or nobody's bill at all."""

_PROVIDERS = {"google-gla": "google", "google-vertex": "google", "openai-chat": "openai", "openai-responses": "openai"}
"""Providers whose price list goes by another name."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs, and by which price."""

    micros: int
    basis: Basis
    book: str
    """Which price list, with its version."""


def cost_of(registry: Registry, model: str, usage: RequestUsage) -> Cost:
    """Return the cost of a call to ``provider:name``.

    A price declared in ``policies/prices.yaml`` goes before the public list.

    Raises:
        PriceUnknown: neither knows the model.

    """
    declared = registry.prices.get(model)
    if declared is not None:
        usd = (
            usage.input_tokens * declared.input_usd_per_million + usage.output_tokens * declared.output_usd_per_million
        )
        return Cost(_ceiling(usd), declared.basis, "policies/prices.yaml")
    from genai_prices import calc_price

    provider, _, name = model.partition(":")
    try:
        priced = calc_price(usage, name, provider_id=_PROVIDERS.get(provider, provider))
    except LookupError as error:
        raise PriceUnknown(
            f"No price list knows {model}, and an unknown price is not zero. "
            "Declare what it costs in policies/prices.yaml.",
        ) from error
    return Cost(_ceiling(priced.total_price * 1_000_000), "list", f"genai-prices {version('genai-prices')}")


def _ceiling(micros: Decimal) -> int:
    return int(micros.to_integral_value(rounding=ROUND_CEILING))
