"""Steps: defined well or not at all; what is recorded is what the mission computes with, and is not done again."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from prefect import Task

from gonogo import step
from gonogo.errors import MissionMisdefined, PolicyDenied, StepFailed
from tests.gonogo.toy.bank import open_vault
from tests.gonogo.toy.stories import cut, text, told

if TYPE_CHECKING:
    from pathlib import Path


DONE: list[str] = []


@step
async def half(number: int) -> Decimal:
    """Halve a number."""
    DONE.append(f"half {number}")
    await asyncio.sleep(0)
    return Decimal(number) / 2


@step(name="named")
async def with_default(number: int, times: int = 2) -> int:
    """Multiply."""
    DONE.append("named")
    await asyncio.sleep(0)
    return number * times


@step
async def failing(text_: str) -> int:
    """Fail."""
    DONE.append("failing")
    raise ValueError(text_)


@step
async def lying() -> int:
    """Return what it does not declare."""
    DONE.append("lying")
    return cast("int", "not a number")


@step
async def denied() -> str:
    """Ask for what no rule permits."""
    return await open_vault(door=1)


@pytest.fixture(autouse=True)
def _fresh() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    DONE.clear()


class TestDefinition:
    """What is no step is refused when it is defined."""

    def test_a_step_is_async(self) -> None:
        """The sentence names it."""

        def blocking() -> int:
            return 1

        with pytest.raises(MissionMisdefined, match="The step blocking must be async def with a return annotation"):
            step(blocking)  # pyright: ignore[reportCallIssue, reportArgumentType] - the point of the test

    def test_a_step_says_what_it_returns(self) -> None:
        """Else its record could not be read back."""

        async def silent():  # noqa: ANN202 - the point of the test
            await asyncio.sleep(0)

        with pytest.raises(MissionMisdefined, match="so that its recorded result can be read back"):
            step(silent)

    def test_a_step_is_a_prefect_task(self) -> None:
        """Nothing of Prefect is hidden: options pass, the name is the function's or the given one."""
        assert isinstance(half, Task)
        assert (half.name, with_default.name) == ("half", "named")

    @pytest.mark.parametrize("way", ["submit", "map", "delay"])
    def test_a_step_is_not_handed_to_a_task_runner(self, way: str) -> None:
        """It would run outside the evidence; the sentence says what to write instead."""
        with pytest.raises(MissionMisdefined, match=r"Use: await asyncio.gather"):
            getattr(half, way)(1)

    async def test_a_step_outside_a_mission_is_refused(self) -> None:
        """Nothing is done that nobody records."""
        with pytest.raises(MissionMisdefined, match=r"call the mission, or rehearse\(\) it"):
            await half(1)
        assert DONE == []

    async def test_arguments_that_do_not_fit_are_refused_as_python_does(self) -> None:
        """The signature is the author's."""
        went = await told(partial(cast("Any", half), number=1, more=2))
        assert "unexpected keyword argument 'more'" in str(went.landing.error)


class TestRecord:
    """What a step leaves behind, and what comes back."""

    async def test_the_result_is_what_was_recorded(self) -> None:
        """The first time, too: what a record cannot hold, the mission does not see."""

        async def story() -> str:
            return f"{await half(3)!r}"

        assert text(await told(story)) == "Decimal('1.5')"

    async def test_intent_and_result_tell_what_was_done(self) -> None:
        """Arguments and result stand in the payloads; defaults are arguments, too."""
        went = await told(lambda: with_default(3))
        intent, result = [record for record in went.flight if record.artifact == "step_record"]
        assert intent.body() == {"number": 3, "times": 2}
        assert result.body() == 6
        assert intent.data["key"] == result.data["key"] == result.fields["stepid"]
        assert (result.data["step"], result.data["outcome"], result.data["branch"]) == ("named", "done", "")
        assert result.data["latency_us"] >= 0

    async def test_a_done_step_is_not_done_again(self, tmp_path: Path) -> None:
        """On a replay its record is returned."""

        async def story() -> list[Any]:
            return [await half(1), await half(2), await half(1)]

        first = await told(story, home=tmp_path, run_id="r1")
        assert DONE == ["half 1", "half 2", "half 1"]
        cut(first, -1)
        again = await told(story, home=tmp_path, run_id="r1")
        assert text(again) == text(first)
        assert len(DONE) == 3

    async def test_a_failed_step_fails_again_alike_without_being_done(self, tmp_path: Path) -> None:
        """Same class, same sentence."""

        async def story() -> str:
            try:
                return str(await failing("no"))
            except StepFailed as error:
                return f"{type(error).__name__}: {error}"

        first = await told(story, home=tmp_path, run_id="r1")
        cut(first, -1)
        again = await told(story, home=tmp_path, run_id="r1")
        assert text(first) == text(again) == "StepFailed: The step failing failed: ValueError: no"
        assert DONE == ["failing"]

    async def test_an_error_of_many_lines_is_one_sentence(self) -> None:
        """Operators read it in a table."""
        went = await told(lambda: failing("a\nb\r\n  c"))
        assert went.landing.error == "The step failing failed: ValueError: a b c"
        assert (went.landing.status, went.landing.reason_code) == ("failed", "internal")

    async def test_a_step_that_returns_what_it_does_not_declare_fails(self) -> None:
        """It is recorded as failed, not as done with a result nobody can read."""
        went = await told(lying)
        assert went.told("step_record", "result")[0]["outcome"] == "failed"
        assert "The step lying failed: ValidationError" in str(went.landing.error)

    async def test_a_denial_inside_a_step_is_recorded_with_its_class(self) -> None:
        """The mission may catch it; the evidence names the class of the taxonomy."""

        async def story() -> str:
            try:
                return await denied()
            except PolicyDenied:
                return "denied"

        went = await told(story)
        assert text(went) == "denied"
        assert went.told("step_record", "result")[0]["reason_code"] == "policy_block"

    async def test_large_results_stand_in_files_of_their_own(self, tmp_path: Path) -> None:
        """And come back whole on a replay."""

        async def story() -> int:
            return len(await recite(100_000))

        first = await told(story, home=tmp_path, run_id="r1")
        assert len(list((tmp_path / "payloads").rglob("*/*"))) == 1
        cut(first, -1)
        assert text(await told(story, home=tmp_path, run_id="r1")) == "100000"
        assert DONE == ["recite"]


@step
async def recite(length: int) -> str:
    """Return a long text."""
    DONE.append("recite")
    await asyncio.sleep(0)
    return "x" * length
