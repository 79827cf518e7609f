"""The watch over a run: what is found becomes evidence, what halts throws the switch, and nothing follows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Literal

from gonogo import Outcome, mission, receive, step
from gonogo.errors import GonogoError
from gonogo.evidence.canon import INTEGER_MAX
from gonogo.settings import settings
from gonogo.switches import Target, halts
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.asking import Case, brief, paying
from tests.gonogo.toy.bank import calls, look_up, open_vault, pay, payments, wire
from tests.gonogo.toy.errands import Papers, park, run
from tests.gonogo.toy.stories import STORY, acting
from tests.gonogo.toy.stories import Case as Told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gonogo.switches import Halt
    from gonogo.testing import Rehearsal

LOOK: tuple[str, dict[str, Any]] = ("look_up", {"account": "ada"})


def thrown(home: Path) -> list[Halt]:
    """Return what is halted in a home."""
    return list(halts(settings().model_copy(update={"home": home})))


def law(folder: Path, limits: str) -> dict[str, Any]:
    """Return the setting of a policy folder with these limits."""
    shutil.copytree(POLICIES, folder)
    (folder / "monitors.yaml").write_text(limits, encoding="utf-8")
    return {"policy_folder": folder}


async def stubborn(*attempts: Callable[[], Awaitable[Any]]) -> int:
    """Try everything, whatever comes of it; return how much was refused."""
    refused = 0
    for attempt in attempts:
        try:
            await attempt()
        except GonogoError:
            refused += 1
    return refused


async def flown(home: Path, *attempts: Callable[[], Awaitable[Any]], **how: Any) -> Rehearsal:
    """Fly a mission whose step tries all of this on the mission's own mandate."""

    async def story() -> str:
        return str(await stubborn(*attempts))

    STORY[:] = [story]
    return await run(Told(), flying=acting, home=home, run_id="r1", **how)


async def _vault() -> object:
    return await open_vault(door=len(calls("open_vault")))


async def _wire() -> object:
    return await wire(payee="a", cents=2**60)


async def _pay() -> object:
    return await pay(payee="a", amount_cents=1)


class TestHalts:
    """Runaways."""

    async def test_an_agent_in_a_loop_is_halted_before_its_sixth_identical_call(self, tmp_path: Path) -> None:
        """The run ends aborted; finding and switch say which monitor, which limit and what was seen."""
        went = await run(brief(*[[LOOK]] * 9), home=tmp_path, run_id="r1")
        assert (went.landing.status, went.landing.reason_code) == ("aborted", "aborted")
        assert len(calls("look_up")) == 5
        (found,) = went.told("finding_record")
        assert {name: found[name] for name in ("monitor", "action", "reach", "subject", "name")} == {
            "monitor": "loop@1", "action": "halt", "reach": "run", "subject": "clerk", "name": "look_up",
        }  # fmt: skip
        assert (found["threshold"], found["observed"], found["unit"], found["basis"]) == (5, 6, "calls", "declared")
        assert found["owner"] == "counter"
        (halt,) = thrown(tmp_path)
        assert (halt.target, halt.signal, halt.id) == (Target("run", "r1"), "loop", found["switch"])
        assert halt.figures["monitor"] == "loop@1"
        (refused,) = [call for call in went.told("tool_call", "result") if call["outcome"] == "refused"]
        assert refused["reason_code"] == "aborted"

    async def test_repeated_refusals_by_the_law_halt(self, tmp_path: Path) -> None:
        """The fifth; the payment after it is not made."""
        turns = [[paying("a", 200_000 + number)] for number in range(5)]
        went = await run(brief(*turns, [paying("a", 1)]), home=tmp_path, run_id="r1")
        assert went.landing.status == "aborted"
        assert [halt.signal for halt in thrown(tmp_path)] == ["policy_blocks"]
        assert payments(tmp_path) == []

    async def test_calls_out_of_bounds_are_flagged_once_and_then_halt(self, tmp_path: Path) -> None:
        """A system outside of the scope; the mission swallows what it is told, and begins nothing more."""
        went = await flown(tmp_path, _vault, _vault, _pay, _pay)
        assert went.landing.status == "aborted"
        assert [(found["action"], found["observed"]) for found in went.told("finding_record")] == [
            ("flag", 1), ("halt", 2),
        ]  # fmt: skip
        assert payments(tmp_path) == []

    async def test_spending_above_the_declared_limit_halts_after_the_call_that_shows_it(self, tmp_path: Path) -> None:
        """The call stands as it is recorded; no tool is called on its word."""
        limits = law(tmp_path / "law", "monitors: {spend_velocity: {tokens: 1, reach: agent}}")
        went = await run(brief([paying("a", 1)]), home=tmp_path / "home", run_id="r1", overrides=limits)
        assert went.landing.status == "aborted"
        assert [call["outcome"] for call in went.told("model_call", "result")] == ["done"]
        assert [halt.target for halt in thrown(tmp_path / "home")] == [Target("agent", "clerk")]
        assert payments(tmp_path / "home") == []

    async def test_a_mission_on_its_own_mandate_is_halted_as_the_mission(self, tmp_path: Path) -> None:
        """There is no agent to name."""
        limits = law(tmp_path / "law", "monitors: {out_of_bounds: {calls: 1, reach: agent}}")
        await flown(tmp_path / "home", _vault, overrides=limits)
        assert [halt.target for halt in thrown(tmp_path / "home")] == [Target("mission", "acting")]

    async def test_an_amount_above_the_declared_most_is_halted_before_it_moves(self, tmp_path: Path) -> None:
        """And a smaller one before it was paid."""
        limits = law(tmp_path / "law", "monitors: {}\nagents: {clerk: {amounts: {most: 500, action: halt}}}")
        turns = [[paying("a", 500)], [paying("a", 501)]]
        went = await run(brief(*turns), home=tmp_path / "home", run_id="r1", overrides=limits)
        assert went.landing.status == "aborted"
        assert payments(tmp_path / "home") == [("a", 500)]


class TestFlags:
    """What a run may go on with."""

    async def test_a_flag_is_evidence_with_an_owner_and_the_run_goes_on(self, tmp_path: Path) -> None:
        """It is said once a run, however often it happens."""
        limits = law(tmp_path / "law", "monitors: {amounts: {most: 1}}")
        turns = [[paying("a", 5)], [paying("b", 6)]]
        went = await run(brief(*turns), home=tmp_path / "home", run_id="r1", overrides=limits)
        assert went.landing.status == "done"
        (found,) = went.told("finding_record")
        assert (found["action"], found["monitor"], found["owner"]) == ("flag", "amounts@1", "counter")
        assert "switch" not in found
        assert thrown(tmp_path / "home") == []

    async def test_a_number_beyond_what_evidence_holds_is_cut_and_not_lost(self, tmp_path: Path) -> None:
        """An argument may be any integer."""
        limits = law(tmp_path / "law", "monitors: {amounts: {most: 1}}")
        went = await flown(tmp_path / "home", _wire, overrides=limits)
        assert [found["observed"] for found in went.told("finding_record")] == [INTEGER_MAX]

    async def test_the_versions_of_a_run_name_the_limits_and_what_agents_are_compared_with(self) -> None:
        """Not enough history is said, never passed over."""
        went = await run(brief([LOOK]))
        (versions,) = [told["versions"] for told in went.told("version_log")]
        rows = {(row["object"], row["id"]): row["version"] for row in versions}
        assert rows["baseline", "clerk"] == "not enough history"
        assert rows["monitors", "monitors"]


class Seen(Outcome):
    """How it went."""

    outcome: Literal["seen"]


@step
async def look(times: int) -> str:
    """Look the same account up so many times."""
    for _ in range(times):
        await look_up(account="ada")
    return "seen"


@mission(owner="counter", scope=["bank"])
async def looking_twice(case: Case) -> Seen:
    """Look, wait for papers, and look again."""
    del case
    await look(4)
    await receive("papers", Papers)
    await look(4)
    return Seen(outcome="seen")


async def test_an_interruption_does_not_make_a_runaway_forget(tmp_path: Path) -> None:
    """Four identical calls before it and one after it are five; the next one is too many."""
    await park(Case(), tmp_path, flying=looking_twice)
    assert len(calls("look_up")) == 4
    went = await run(Case(), flying=looking_twice, home=tmp_path, run_id="r1", events=[("papers", {"pages": 1})])
    assert went.landing.status == "aborted"
    assert len(calls("look_up")) == 5
