"""Day budgets in flight: refused with evidence, told on the command line, waited for, and never charged twice."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from gonogo.cli import spending as command
from gonogo.errors import EvidenceUnwritable, PolicyBroken
from gonogo.policy.registry import read_registry
from gonogo.purses import process
from gonogo.purses.holdings import Asked, Shortage
from gonogo.purses.standing import standing
from gonogo.settings import Settings, process_settings
from tests.gonogo.toy.errands import run
from tests.gonogo.toy.spending import Purse, spending
from tests.gonogo.toy.stories import cut

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import PostgresServer


async def test_a_refusal_names_the_budget_its_cap_what_is_used_and_asked(
    tmp_path: Path, law: Callable[..., Path]
) -> None:
    """For the model call and for the tool call alike."""
    policies = law(missions={"spending": {"actions": 2}}, agents={"spender": {"model_calls": 1}})
    went = await run(Purse(name="a"), flying=spending, home=tmp_path, overrides={"policy_folder": policies})
    assert went.landing.outcome is not None
    assert (went.landing.outcome["asked"], went.landing.outcome["sent"]) == (1, 2)
    (model,) = [told["budget"] for told in went.told("model_call") if told.get("outcome") == "refused"]
    (tool,) = [told["budget"] for told in went.told("tool_call") if told.get("outcome") == "refused"]
    assert model == {
        "whose": "agent_day", "name": "spender", "unit": "model_calls", "cap": 1, "used": 1, "asked": 1,
    }  # fmt: skip
    assert tool == {"whose": "mission_day", "name": "spending", "unit": "actions", "cap": 2, "used": 2, "asked": 1}


async def test_a_replay_charges_nothing_again(tmp_path: Path, law: Callable[..., Path]) -> None:
    """Neither what has a result nor what was begun and is done again."""
    policies = law(missions={"spending": {"actions": 3, "amount_cents": 6, "recipients": 3, "model_calls": 1}})
    overrides = {"policy_folder": policies}
    went = await run(Purse(name="a"), flying=spending, home=tmp_path, run_id="r1", overrides=overrides)
    used = {row.unit: row.used for row in standing(Settings(home=tmp_path), read_registry(policies).days)}
    assert used == {"actions": 3, "amount_cents": 6, "recipients": 3, "model_calls": 1}
    begun = max(i for i, r in enumerate(went.flight) if r.artifact == "tool_call" and r.data["phase"] == "intent")
    cut(went, begun + 1)
    again = await run(Purse(name="a"), flying=spending, home=tmp_path, run_id="r1", overrides=overrides)
    assert again.landing.outcome == went.landing.outcome
    assert {row.unit: row.used for row in standing(Settings(home=tmp_path), read_registry(policies).days)} == used


async def test_where_the_ledger_cannot_be_used_nothing_is_spent(tmp_path: Path, law: Callable[..., Path]) -> None:
    """No budget, no action."""
    (tmp_path / "budgets").write_text("in the way")
    policies = law(missions={"spending": {"actions": 3}})
    with pytest.raises(EvidenceUnwritable, match="nothing is spent"):
        await run(Purse(name="a"), flying=spending, home=tmp_path, overrides={"policy_folder": policies})


@pytest.mark.parametrize(
    ("missions", "agents", "where"),
    [
        ({"spending": {"usd": 1.5}}, {}, r"budgets\.yaml: days\.missions\.spending\.usd.*not a float"),
        ({"spending": {"actions": -1}}, {}, r"budgets\.yaml: days\.missions\.spending\.actions"),
        ({"spending": {"seconds": 1}}, {}, r"budgets\.yaml: days\.missions\.spending\.seconds"),
        ({}, {"nobody": {"actions": 1}}, r"budgets\.yaml: days\.agents\.nobody: no such agent"),
    ],
)
def test_a_budget_that_does_not_hold_is_named_with_its_field(
    law: Callable[..., Path], missions: dict[str, object], agents: dict[str, object], where: str
) -> None:
    """Before anything starts."""
    with pytest.raises(PolicyBroken, match=where):
        read_registry(law(missions=missions, agents=agents))


async def test_the_command_line_shows_what_is_used(
    tmp_path: Path, law: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a table and as JSON."""
    policies = law(missions={"spending": {"actions": 2, "usd": "1.00", "model_calls": 1}})
    await run(Purse(name="a"), flying=spending, home=tmp_path, overrides={"policy_folder": policies})
    monkeypatch.setenv("GONOGO_HOME", os.fspath(tmp_path))
    monkeypatch.setenv("GONOGO_POLICY_FOLDER", os.fspath(policies))
    process_settings.cache_clear()
    command.budgets(as_json=True)
    rows = {row["unit"]: row for row in json.loads(capfd.readouterr().out)}
    assert (rows["actions"]["cap"], rows["actions"]["used"], rows["actions"]["left"]) == (2, 2, 0)
    assert 0 < rows["usd_micros"]["used"] < 1_000_000
    command.budgets()
    assert "changes" in capfd.readouterr().out


async def test_who_finds_too_little_waits_for_calls_in_flight(tmp_path: Path) -> None:
    """And is refused at once where nothing will come back."""
    chosen = Settings(home=tmp_path)
    holdings = process.enter(chosen)
    held = holdings.reserve([Asked("day/mission/actions/m", 10, 8)])
    assert not isinstance(held, Shortage)
    hasty = await process.reserved(holdings, [Asked("day/mission/actions/m", 10, 5)], 0)
    assert isinstance(hasty, Shortage)
    assert (hasty.used, hasty.pending, hasty.is_final) == (8, 8, False)
    holdings.settle([(held[0], 2)])
    assert not isinstance(await process.reserved(holdings, [Asked("day/mission/actions/m", 10, 8)], 0), Shortage)
    last = await process.reserved(holdings, [Asked("day/mission/actions/m", 9, 8)], 1_000)
    assert isinstance(last, Shortage)
    process.leave(chosen)


async def test_another_machine_gives_back_what_it_does_not_use(tmp_path: Path, postgres_url: str) -> None:
    """Two homes at one Postgres cannot see each other's tabs; the rest comes back all the same."""
    here = Settings(home=tmp_path / "here", journals=postgres_url)
    there = Settings(home=tmp_path / "there", journals=postgres_url)
    purse = "day/mission/actions/m"
    first, second = process.enter(here), process.enter(there)
    assert not isinstance(first.reserve([Asked(purse, 100, 10)]), Shortage)
    assert first.rests()
    got = await process.reserved(second, [Asked(purse, 100, 90)], 60)
    assert not isinstance(got, Shortage)
    short = await process.reserved(second, [Asked(purse, 100, 1)], 0)
    assert isinstance(short, Shortage)
    process.leave(here)
    process.leave(there)
    process.disconnect()


async def test_a_call_dearer_than_its_slice_is_known_to_the_others(tmp_path: Path) -> None:
    """What a provider bills is counted in full, even above the cap."""
    chosen = Settings(home=tmp_path)
    holdings, purse = process.enter(chosen), "day/agent/usd_micros/a"
    held = holdings.reserve([Asked(purse, 10, 10)])
    assert not isinstance(held, Shortage)
    holdings.settle([(held[0], 13)])
    holdings.true_up(purse)
    with holdings.book.turn(purse) as page:
        assert sum(slice_.granted for slice_ in page.slices.values()) == 13
    process.leave(chosen)


def test_a_ledger_in_postgres_is_made_once(postgres: PostgresServer) -> None:
    """Whoever comes second finds it made."""
    from gonogo.evidence.postgres.journal import disconnect
    from gonogo.purses.postgres import PostgresBook

    url = postgres.house()
    for _ in range(2):
        with PostgresBook(url).turn("p") as page:
            page.spent += 1
    with PostgresBook(url).turn("p") as page:
        assert page.spent == 2
    disconnect()
