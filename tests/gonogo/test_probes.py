"""Probes: known-bad requests at real gates. None is ever done, and nothing tells them from work before the answer."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gonogo.approvals import Reply, answer_gate, silence
from gonogo.board import open_gates, run_view
from gonogo.errors import CaseRefused, PolicyBroken
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from gonogo.policy.probes import read_probes
from gonogo.probes import seed, tend
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.approvers import GO, paying
from tests.gonogo.toy.bank import CALLS, payments
from tests.gonogo.toy.errands import errand, park
from tests.gonogo.toy.people import LAW

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.missions import Mission
    from gonogo.plans import Landing

pytestmark = pytest.mark.usefixtures("backend")

BAD = {
    "id": "to-nobody", "mission": "errand", "agent": "clerk", "tool": "pay",
    "args": {"payee": "p####", "amount_cents": 6_000}, "preview": "6000 cents leave for p####.",
    "wrong": "Nobody is p.",
}  # fmt: skip
RULE = '@id("probes-are-never-done")\n@because("Never.")\nforbid (principal, action, resource)\n'


def probing(tmp_path: Path) -> Settings:
    """Return the settings of a home with one known-bad request."""
    law = shutil.copytree(POLICIES, tmp_path / "policies")
    schema = next(iter(law.glob("*.cedarschema")))
    schema.write_text(schema.read_text().replace("type Call = {", "type Call = {\n  probe?: Bool,", 1))
    (law / "probes.cedar").write_text(f"{RULE}when {{ context.call has probe && context.call.probe }};\n")
    (law / "probes.yaml").write_text(yaml.safe_dump({"probes": [BAD]}))
    CALLS.clear()
    made = {"home": tmp_path, "policy_folder": law, "requester": "tester", "model": None}
    return settings().model_copy(update=made)


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return probing(tmp_path)


def find(name: str) -> Mission[Any, Any]:
    """Return the toy's one mission."""
    assert name == "errand"
    return errand


def told(home: Settings, run_id: str) -> dict[str, Any]:
    """Return what a probe said it was."""
    (record,) = [r for r in journal_of(home).read_flight(run_id) if r.artifact == "probe_record"]
    return record.data


async def asked(home: Settings) -> Landing:
    """Put the probe at its gate."""
    landing = await seed(home, find)
    assert (landing.status, len(landing.waits)) == ("waiting", 1)
    return landing


@pytest.mark.parametrize(
    ("reply", "verdict", "by"),
    [
        (GO, "let_through", "grace"),
        (Reply("no_go", "grace", "who is that", "cli"), "caught", "grace"),
        (Reply("revise", "grace", "less", "cli", changes={"amount_cents": 1}), "caught", "grace"),
        (None, "unanswered", ""),
    ],
)
async def test_whatever_is_answered_nothing_is_done_and_the_law_says_so(
    home: Settings, reply: Reply | None, verdict: str, by: str
) -> None:
    """No tool is called, the last decision is a denial, and the answer is the score."""
    landing = await asked(home)
    answer_gate(journal_of(home), landing.waits[0], reply or silence(landing.waits[0]), "dev")
    (ended,) = await tend(home, find)
    assert (ended.status, ended.run_id) == ("no_go", landing.run_id)
    assert told(home, landing.run_id) | {"verdict": verdict, "by": by} == told(home, landing.run_id)
    assert "probes-are-never-done" in told(home, landing.run_id)["refused_by"]
    records = journal_of(home).read_flight(landing.run_id)
    assert only(records, "policy_decision")[-1].data["verdict"] == "deny"
    assert (only(records, "tool_call"), CALLS, payments(home.home)) == ([], [], [])
    assert await tend(home, find) == []


async def test_a_probe_is_put_at_one_gate_though_the_law_has_another_behind_it(home: Settings) -> None:
    """Who lets it through at the first has let it through, and no second person is asked."""
    large = BAD | {"args": {"payee": "p", "amount_cents": 60_000}}
    (home.policy_folder / "probes.yaml").write_text(yaml.safe_dump({"probes": [large]}))
    landing = await asked(home)
    answer_gate(journal_of(home), landing.waits[0], GO, "dev")
    (ended,) = await tend(home, find)
    assert (ended.status, told(home, landing.run_id)["verdict"]) == ("no_go", "let_through")
    assert len(only(journal_of(home).read_flight(landing.run_id), "approval_request")) == 1


async def test_a_law_that_does_not_know_probes_refuses_them_all_the_same(home: Settings) -> None:
    """It cannot rule on the request, so it denies; and there is no code that would do it."""
    (home.policy_folder / "probes.cedar").unlink()
    schema = next(iter(home.policy_folder.glob("*.cedarschema")))
    schema.write_text(schema.read_text().replace("\n  probe?: Bool,", "", 1))
    landing = await asked(home)
    answer_gate(journal_of(home), landing.waits[0], GO, "dev")
    await tend(home, find)
    assert "fail-closed" in told(home, landing.run_id)["refused_by"]
    assert CALLS == []


async def test_at_the_door_a_probe_looks_like_the_missions_own_work(home: Settings) -> None:
    """Every field of its gate and of its run has the form of those of a real one; no word gives it away."""
    probe = await asked(home)
    await park(paying(6_000), home.home, policies=home.policy_folder)
    journal = journal_of(home)
    row, real = sorted(open_gates(journal), key=lambda each: each.run_id != probe.run_id)
    alike = ("mission", "action", "role", "because", "options", "about", "requester", "risk", "quorum", "said", "glass")
    assert [getattr(row, name) for name in alike] == [getattr(real, name) for name in alike]
    assert set(row.args) == set(real.args)
    assert "#" not in row.args["payee"]
    assert row.args["payee"] in row.card
    view = run_view(journal, probe.run_id)
    assert view is not None
    assert (view.mission, view.owner, view.status) == ("errand", "counter", "waiting")
    shown = json.dumps([row.model_dump(), view.model_dump()]).lower()
    assert not [word for word in ("probe", "to-nobody", "nobody is p", "never", "tended") if word in shown]


async def test_nothing_that_flies_missions_takes_a_probe_for_one(home: Settings) -> None:
    """The mission's own code refuses to continue it, and so does nobody's answer lead there."""
    probe = await asked(home)
    answer_gate(journal_of(home), probe.waits[0], GO, "dev")
    for rule in ("stop", "continue"):
        plan = Plan(probe.run_id, LocalPilot(), home.model_copy(update={"changed_missions": rule}))
        with pytest.raises(CaseRefused, match="whoever began it goes on with it"):
            await fly(errand, None, plan)
    assert CALLS == []


async def test_a_probe_survives_its_process_and_only_this_home_can_tell_it(home: Settings) -> None:
    """Another key tells nothing; the same one goes on where it was."""
    probe = await asked(home)
    (still,) = await tend(home, find)
    assert (still.waits, still.status) == (probe.waits, "waiting")
    key = home.home / "keys" / "probes"
    kept = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(bytes(32))
    assert await tend(home, find) == []
    key.write_bytes(kept)
    assert len(await tend(home, find)) == 1


async def test_what_the_law_refuses_anyway_is_asked_of_nobody(home: Settings) -> None:
    """And says so, instead of counting for somebody."""
    worse = BAD | {"args": {"payee": "p", "amount_cents": 100_001}}
    (home.policy_folder / "probes.yaml").write_text(yaml.safe_dump({"probes": [worse]}))
    landing = await seed(home, find)
    assert (landing.status, told(home, landing.run_id)["verdict"]) == ("no_go", "not_asked")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"probes": [BAD, BAD]}, "two probes have the same id"),
        ({"probes": [BAD | {"wrong": ""}]}, "probes.0.wrong"),
        ({"probes": [BAD | {"execute": True}]}, "probes.0.execute"),
        ({"others": []}, "top-level key 'probes'"),
    ],
)
def test_probes_that_nobody_can_mean_are_refused(tmp_path: Path, content: dict[str, Any], what: str) -> None:
    """The message names the field."""
    (tmp_path / "probes.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(PolicyBroken, match=what):
        read_probes(tmp_path)


async def test_without_probes_nothing_is_seeded(tmp_path: Path) -> None:
    """The message says where they are named."""
    assert read_probes(tmp_path) == ()
    assert len(read_probes(LAW)) > 0
    with pytest.raises(CaseRefused, match=r"probes\.yaml of the policy folder names them"):
        await seed(settings().model_copy(update={"home": tmp_path, "policy_folder": tmp_path}), find)
