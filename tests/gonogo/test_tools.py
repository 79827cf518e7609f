"""Tools: defined well or not at all; recorded before and after, and done once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from gonogo import mission, step, tool
from gonogo.errors import MissionMisdefined, ToolFailed
from gonogo.evidence.canon import sha256_hex
from gonogo.tools import TOOLS
from tests.gonogo.toy.bank import (
    CALLS,
    WATCHERS,
    break_down,
    calls,
    label,
    look_up,
    pay,
)
from tests.gonogo.toy.errands import run
from tests.gonogo.toy.stories import Case, Told, cut, done

ROOT = Path(__file__).parents[2]


class TestDefinition:
    """What is no tool is refused when it is defined, with a sentence."""

    def test_a_tool_is_async(self) -> None:
        """A blocking call would hold up every branch of every run."""

        def blocking(account: str) -> int:
            return len(account)

        with pytest.raises(MissionMisdefined, match="The tool blocking must be async def"):
            tool(system="bank", effect="read")(blocking)  # pyright: ignore[reportArgumentType] - the point of the test

    def test_a_tool_has_annotations(self) -> None:
        """What it takes and gives is validated, shown and recorded."""

        async def untyped(account, cents: int) -> int:  # noqa: ANN001 # pyright: ignore[reportUnknownParameterType, reportMissingParameterType] - the point of the test
            await asyncio.sleep(cents)
            return len(account)  # pyright: ignore[reportUnknownArgumentType] - the point of the test

        with pytest.raises(MissionMisdefined, match="The tool untyped lacks annotations for account"):
            tool(system="bank", effect="read")(untyped)  # pyright: ignore[reportUnknownArgumentType] - the point of the test

    def test_a_tool_says_what_it_returns(self) -> None:
        """Its recorded result has to be read back."""

        async def silent(account: str):  # noqa: ANN202 - the point of the test
            await asyncio.sleep(len(account))

        with pytest.raises(MissionMisdefined, match="The tool silent lacks annotations for its result"):
            tool(system="bank", effect="read")(silent)

    def test_two_tools_do_not_share_a_name(self) -> None:
        """Law and mandates speak by name; the second may not take over what was allowed to the first."""

        async def impostor(payee: str, amount_cents: int) -> str:
            await asyncio.sleep(amount_cents)
            return payee

        with pytest.raises(MissionMisdefined, match=r"Two tools are called pay, tests\.gonogo\.toy\.bank\.pay and"):
            tool(system="bank", effect="read", name="pay")(impostor)
        assert TOOLS["pay"] is pay

    async def test_a_tool_is_not_called_outside_a_mission(self) -> None:
        """Case happens that nobody records."""
        with pytest.raises(MissionMisdefined, match="only work inside a mission"):
            await look_up(account="a")
        assert CALLS == []

    async def test_a_tool_is_not_called_in_mission_code(self) -> None:
        """Flows branch and steps act."""
        went = await run(Case(), flying=impatient)
        assert went.landing.error_class == "MissionMisdefined"
        assert "call it inside a @step" in str(went.landing.error)
        assert CALLS == []


@mission(owner="counter", scope=["bank"])
async def impatient(case: Case) -> Told:
    """Act in mission code."""
    del case
    return Told(outcome="told", text=str(await look_up(account="a")))


class TestEvidence:
    """What a tool call leaves behind."""

    async def test_the_intent_is_durable_before_the_effect(self, tmp_path: Path) -> None:
        """When the tool's own code runs, its intent can be read from the disk."""
        journal = tmp_path / "journals" / "flights" / "r1.jsonl"
        on_disk: list[str] = []
        WATCHERS.append(lambda _: on_disk.append(journal.read_text().splitlines()[-1]))
        await done(lambda: pay(payee="ada", amount_cents=7), home=tmp_path, run_id="r1")
        leaf = json.loads(on_disk[0].split("\t")[0])
        assert (leaf["type"], leaf["data"]["phase"]) == ("io.gonogo.evidence.tool_call.v1", "intent")
        assert leaf["data"]["tool"] == "pay"

    async def test_intent_and_result_tell_what_was_done(self, tmp_path: Path) -> None:
        """One operation, one key, one idempotency key that follows from run and place."""
        went = await done(lambda: pay(payee="ada", amount_cents=7), home=tmp_path, run_id="r1")
        intent, result = went.told("tool_call")
        assert intent["key"] == result["key"]
        assert intent["idempotency_key"] == sha256_hex(f"r1\x1f{intent['key']}".encode()) == calls("pay")[0].key
        assert (result["tool"], result["system"], result["effect"], result["principal"], result["outcome"]) == (
            "pay", "bank", "irreversible", "acting", "done",
        )  # fmt: skip
        payloads = [record.body() for record in went.flight if record.artifact == "tool_call"]
        assert payloads == [{"payee": "ada", "amount_cents": 7}, "paid ada"]

    async def test_a_tool_that_fails_says_so(self) -> None:
        """Whatever it raised is a tool failure with its sentence, and the run's."""
        went = await done(lambda: break_down(reason="no such\n table"))
        (result,) = went.told("tool_call", "result")
        assert (result["outcome"], result["reason_code"]) == ("failed", "tool_failure")
        assert result["error"] == went.landing.error == "break_down failed: no such table"
        assert went.landing.status == "failed"
        assert went.told("exception_record")[0]["owner"] == "counter"

    async def test_an_authors_own_error_is_raised_alike_the_first_time_and_on_replay(self, tmp_path: Path) -> None:
        """A mission that catches it must catch it again, or it would take another way."""
        for _ in range(2):
            went = await run(Case(), flying=careful, home=tmp_path, run_id="r1")
            assert went.landing.outcome is not None
            assert went.landing.outcome["text"] == "ToolFailed"
            cut(went, -1)

    async def test_a_wrong_argument_is_named(self) -> None:
        """Case was asked of the law, and nothing was done."""
        went = await done(lambda: pay(payee="ada", amount_cents="much"))  # pyright: ignore - the point of the test
        assert "pay does not take these arguments: amount_cents:" in str(went.landing.error)
        assert CALLS == []

    async def test_an_argument_the_tool_does_not_know_is_refused(self) -> None:
        """It is neither dropped in silence nor passed on."""
        with pytest.raises(ToolFailed, match="look_up does not take these arguments: acount: Extra inputs"):
            look_up.checked({"account": "a", "acount": "b"})


class BankDown(ToolFailed):
    """An error class of an author's own."""


@step
async def call_the_bank() -> int:
    """Meet an error of an author's own."""
    raise BankDown("closed on Sundays")


@mission(owner="counter", scope=["bank"])
async def careful(case: Case) -> Told:
    """Tell which class of error came."""
    del case
    try:
        await call_the_bank()
    except ToolFailed as error:
        return Told(outcome="told", text=type(error).__name__)
    return Told(outcome="told")


def test_a_set_is_the_same_argument_in_every_process(tmp_path: Path) -> None:
    """The order in which Python walks a set differs between processes; keys and digests do not."""
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.gonogo.test_tools import labelling, Case\n"
        "from tests.gonogo.toy.errands import run\n"
        "went = asyncio.run(run(Case(), flying=labelling, home=Path(sys.argv[1]), run_id='r1'))\n"
        "print(*[r.data[k] for r in went.flight for k in ('key', 'action_digest', 'args_digest') if k in r.data])\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            cwd=ROOT, env={"PYTHONHASHSEED": seed, "PATH": ""}, stdout=subprocess.PIPE, text=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    one, two = (process.communicate(timeout=600)[0] for process in started)
    assert "label(" in one
    assert one == two


class Marks(BaseModel):
    """Labels, in no order."""

    labels: frozenset[str]


@step
async def put_labels(marks: Marks, also: set[str]) -> int:
    """Put labels on an account."""
    return await label(account="ada", labels=set(marks.labels) | also)


@mission(owner="counter", scope=["bank"])
async def labelling(case: Case) -> Told:
    """Put many labels on an account."""
    del case
    await put_labels(Marks(labels=frozenset({"alpha", "beta", "gamma", "delta"})), {"epsilon", "zeta", "eta", "theta"})
    return Told(outcome="told")


def test_a_tool_describes_itself_to_models() -> None:
    """Name, description and schema come from the function; the idempotency key is not theirs to choose."""
    assert pay.name == "pay"
    assert set(pay.arguments.model_json_schema()["properties"]) == {"payee", "amount_cents"}
    assert pay.wants_key
    assert not look_up.wants_key
