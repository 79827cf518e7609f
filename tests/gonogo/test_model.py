"""The nouns: closed words, frozen facts, and money that no float ever holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from gonogo import Budget, Measure, Noun, Outcome, errors
from gonogo.model import FINAL, FailureClass, RunStatus

Share = Annotated[int, Field(ge=0)]


def _or_none(kind: Any) -> Any:
    return kind | None


class Settled(Outcome):
    """An outcome with everything an outcome may have."""

    outcome: Literal["paid", "referred", "refused"]
    successes = frozenset({"paid", "referred"})
    escalations = frozenset({"referred"})
    paid_cents: Annotated[int, Measure("cents")] = 0
    sla_kept: Annotated[bool | None, Measure("bool")] = None
    note: str = ""


class TestOutcome:
    """The closed vocabulary of how a mission may end."""

    @pytest.mark.parametrize(
        ("word", "success", "escalated"), [("paid", True, False), ("referred", True, True), ("refused", False, False)]
    )
    def test_words_mean_what_the_class_says(self, word: Any, *, success: bool, escalated: bool) -> None:
        """Success and escalation follow from the word alone."""
        ended = Settled(outcome=word)
        assert (ended.is_success, ended.is_escalated) == (success, escalated)
        assert Settled.vocabulary() == {"paid", "referred", "refused"}

    def test_a_word_outside_is_refused(self) -> None:
        """Nobody invents an ending."""
        with pytest.raises(ValidationError):
            Settled(outcome="lost")  # pyright: ignore[reportArgumentType] - the point of the test

    @pytest.mark.parametrize("stray", ["successes", "escalations"])
    def test_a_success_outside_the_vocabulary_is_refused_when_the_class_is_made(self, stray: str) -> None:
        """A typing error would count every run as a failure."""
        with pytest.raises(TypeError, match=r"\['payed'\] does not fit"):
            type("Wrong", (Outcome,), {"__annotations__": {"outcome": Literal["paid"]}, stray: frozenset({"payed"})})

    def test_an_open_outcome_is_refused_when_the_class_is_made(self) -> None:
        """A plain string closes nothing."""
        with pytest.raises(TypeError, match="it is not a Literal"):
            type("Open", (Outcome,), {"__annotations__": {"outcome": str}})

    def test_measures_are_the_marked_fields_that_were_measured(self) -> None:
        """As integers with their unit; what was not measured is left out, not zero."""
        assert Settled(outcome="paid", paid_cents=1250).measures() == [
            {"name": "paid_cents", "value": 1250, "unit": "cents"}
        ]
        assert Settled(outcome="paid", sla_kept=False).measures()[1] == {
            "name": "sla_kept",
            "value": 0,
            "unit": "bool",
        }

    @pytest.mark.parametrize(
        "kind", [int, bool, int | None, bool | None, Annotated[int | None, Field(ge=0)], _or_none(Share), Literal[1, 2]]
    )
    def test_a_measure_is_a_whole_number_or_a_flag(self, kind: Any) -> None:
        """Or was not measured."""
        made = _measured(kind)
        assert made.model_validate({"outcome": "over", "share": 1}).measures()[0]["value"] == 1

    @pytest.mark.parametrize("kind", [float, float | None, Decimal, str, int | float, Any, Literal[1, "many"]])
    def test_a_measure_that_may_hold_a_fraction_is_refused_when_the_class_is_made(self, kind: Any) -> None:
        """Cut off, it would be a wrong number; the sentence says what to do."""
        with pytest.raises(TypeError, match=r"Made\.share is measured and may hold .* in a unit in which it is whole"):
            _measured(kind)

    def test_an_outcome_is_frozen_and_closed(self) -> None:
        """A fact does not change, and has no fields nobody declared."""
        with pytest.raises(ValidationError):
            Settled(outcome="paid").outcome = "refused"
        with pytest.raises(ValidationError):
            Settled.model_validate({"outcome": "paid", "bonus": 1})


def _measured(kind: Any) -> type[Outcome]:
    """Return an outcome with a measure of this type."""
    fields = {"outcome": Literal["over"], "share": Annotated[kind, Measure("percent")]}
    return cast("type[Outcome]", type("Made", (Outcome,), {"__annotations__": fields}))


class TestBudget:
    """Money and actions of one run."""

    @given(st.integers(0, 10**12))
    def test_money_is_exact_to_the_micro(self, micros: int) -> None:
        """Written as text, read as the same number of millionths."""
        text = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
        assert Budget.model_validate({"usd": text}).usd_micros == micros

    @pytest.mark.parametrize("usd", [2.0, 0.1, float("nan"), float("inf")])
    def test_a_float_is_refused_as_money(self, usd: float) -> None:
        """The sentence shows how to write it."""
        with pytest.raises(ValidationError, match='money is written as text: usd="'):
            Budget.model_validate({"usd": usd})

    @pytest.mark.parametrize("usd", ["NaN", "Infinity", "two", "-1"])
    def test_what_is_no_sum_is_refused(self, usd: str) -> None:
        """Neither is a debt."""
        with pytest.raises(ValidationError):
            Budget.model_validate({"usd": usd})

    def test_a_negative_number_of_actions_is_refused(self) -> None:
        """Zero is allowed: such a run may only look."""
        assert Budget(actions=0).actions == 0
        with pytest.raises(ValidationError):
            Budget(actions=-1)

    def test_a_budget_nobody_wrote_is_one_dollar_and_25_actions(self) -> None:
        """Small enough that forgetting it does little harm."""
        assert (Budget().usd, Budget().actions) == (Decimal(1), 25)


def test_nouns_are_equal_by_value() -> None:
    """And hashable where their fields are."""
    assert Budget() == Budget(usd=Decimal(1), actions=25)
    assert Noun() == Noun()


def test_every_error_says_its_class_of_the_closed_taxonomy() -> None:
    """Reports group by it and never parse a message."""
    known = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)]
    assert len(known) > 20
    for error in known:
        assert issubclass(error, errors.GonogoError)
        assert error.failure in get_args(FailureClass)


def test_final_states_are_states() -> None:
    """What follows nothing is among what a run may be."""
    assert set(get_args(RunStatus)) > FINAL
