"""Prices: whole micro-dollars, rounded up; an unknown one is an error."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.usage import RequestUsage

from gonogo.agents.prices import cost_of
from gonogo.errors import BudgetExceeded, PriceUnknown
from gonogo.policy.registry import Price, Registry

EMPTY = Registry(agents={}, prices={})


def declared(model: str, input_usd: str, output_usd: str) -> Registry:
    """Return a registry with one declared price."""
    price = Price(
        input_usd_per_million=Decimal(input_usd),
        output_usd_per_million=Decimal(output_usd),
        basis="declared",
        why="agreed",
    )
    return Registry(agents={}, prices={model: price})


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.decimals("0", "100", places=4))
def test_a_declared_price_is_exact_and_rounded_up(read: int, written: int, usd: Decimal) -> None:
    """Never less than the true cost, never a whole micro more."""
    usage = RequestUsage(input_tokens=read, output_tokens=written)
    cost = cost_of(declared("house:model", str(usd), "3.5"), "house:model", usage)
    true = read * usd + written * Decimal("3.5")
    assert true <= cost.micros < true + 1
    assert (cost.basis, cost.book) == ("declared", "policies/prices.yaml")


def test_the_smallest_fraction_costs_a_micro() -> None:
    """Rounding to zero would make small calls free."""
    usage = RequestUsage(input_tokens=1, output_tokens=0)
    assert cost_of(declared("house:model", "0.0001", "0"), "house:model", usage).micros == 1


@pytest.mark.parametrize("provider", ["openai", "openai-chat", "openai-responses"])
def test_a_list_price_is_found_whatever_the_api_of_the_provider(provider: str) -> None:
    """gpt-4o at 2.50 and 10 dollars a million."""
    cost = cost_of(EMPTY, f"{provider}:gpt-4o", RequestUsage(input_tokens=1_000_000, output_tokens=100_000))
    assert cost.micros == 2_500_000 + 1_000_000
    assert cost.basis == "list"
    assert cost.book.startswith("genai-prices ")


@pytest.mark.parametrize("model", ["openai:gpt-17-imaginary", "nowhere:gpt-4o-mini", "offline:scripted", "gpt-4o:", ""])
def test_an_unknown_price_is_an_error_with_the_way_out(model: str) -> None:
    """And of the class that stops a run for its budget."""
    with pytest.raises(PriceUnknown, match=r"an unknown price is not zero\. Declare what it costs in policies/prices"):
        cost_of(EMPTY, model, RequestUsage(input_tokens=1))
    assert issubclass(PriceUnknown, BudgetExceeded)
