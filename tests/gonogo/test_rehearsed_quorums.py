"""Rehearsals at gates that take several people."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.model import Answer


@pytest.mark.parametrize(("answer", "status", "said"), [("go", "done", 3), ("no_go", "no_go", 1)])
async def test_a_rehearsal_brings_as_many_people_as_the_gate_takes(
    tmp_path: Path, answer: Answer, status: str, said: int
) -> None:
    """A word for every gate is enough, also where three people have to say it."""
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    law = policies / "toy.cedar"
    law.write_text(law.read_text().replace('@gate("manager")\n', '@gate("manager")\n@quorum("3")\n'))
    went = await run(paying(6_000), answers=answer, home=tmp_path / "home", overrides={"policy_folder": policies})
    assert went.landing.status == status
    assert len([record for record in went.desk if record.artifact == "approval_record"]) == said
    assert len(payments(tmp_path / "home")) == (1 if answer == "go" else 0)
