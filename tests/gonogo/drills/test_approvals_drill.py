"""The drill of approvals: every forgery is refused, a true go passes, and a law that lets one through is told on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from gonogo.drills.approvals import TRUE_GO, drill_approvals
from gonogo.drills.forgeries import FORGERIES, Forgery, revoked_key, self_approved, wrong_role
from gonogo.errors import PolicyBroken
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.settings import Settings, settings
from tests.gonogo.toy.people import LAW

if TYPE_CHECKING:
    from pathlib import Path


def house(tmp_path: Path, policies: Path = LAW) -> Settings:
    """Return the settings of a house."""
    return settings().model_copy(update={"home": tmp_path / "home", "policy_folder": policies, "model": None})


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
async def test_a_forgery_comes_to_nothing_and_a_true_go_passes(tmp_path: Path, forgery: Forgery) -> None:
    """Refused or fallen back to sleep, with no effect, and on record in the scratch home and in the real one."""
    true, false = await drill_approvals(house(tmp_path), forgeries=[forgery], drill_id="drill-approvals-1")
    assert (true.forgery, true.passed, true.effects) == (TRUE_GO, True, 1)
    assert (false.passed, false.effects) == (True, 0), false.told
    assert false.told
    records = only(journal_of(house(tmp_path)).read_flight("drill-approvals-1"), "drill_record")
    assert [record.data["signal"] for record in records] == [TRUE_GO, forgery.__name__]
    assert all(record.data["passed"] for record in records)


async def test_a_law_without_separation_of_duties_is_told_on(tmp_path: Path) -> None:
    """The drill tries the rules that are in force; where one is gone, its forgery passes, and the drill fails."""
    policies = shutil.copytree(LAW, tmp_path / "policies")
    law = policies / "approvals.cedar"
    rules = law.read_text().split('@id("')
    law.write_text('@id("'.join(rule for rule in rules if not rule.startswith("requesters-do-not-approve")))
    rows = await drill_approvals(house(tmp_path, policies), forgeries=[self_approved, wrong_role, revoked_key])
    assert [(row.forgery, row.passed, row.effects) for row in rows[1:]] == [
        ("self_approved", False, 1),
        ("wrong_role", True, 0),
        ("revoked_key", True, 0),
    ]


async def test_a_house_without_rules_about_approvals_has_nothing_to_drill(tmp_path: Path) -> None:
    """And is told which file is missing."""
    policies = shutil.copytree(LAW, tmp_path / "policies")
    (policies / "approvals.cedar").unlink()
    (policies / "approvals.cedarschema").unlink()
    with pytest.raises(PolicyBroken, match=r"approvals\.cedar is missing"):
        await drill_approvals(house(tmp_path, policies))
