"""The form of a gate in the Prefect UI: what is typed there is an answer like any other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.board import open_gates
from gonogo.evidence.journals import journal_at
from gonogo.lanes.forms import WAKE, GateAnswer, take_form
from gonogo.settings import Settings
from tests.gonogo.toy.doubting import Post, begun, posting, told
from tests.gonogo.toy.errands import park

if TYPE_CHECKING:
    from pathlib import Path


async def _typed(home: Path, **form: Any) -> list[dict[str, Any]]:
    """Wait at a gate in doubt, type this into its form, and return what lies on the desk."""
    await begun(home, "after", case=Post(cents=7))
    (gate_id,) = (await park(Post(), home, flying=posting)).waits
    journal = journal_at(home)
    run: Any = SimpleNamespace(ledger=SimpleNamespace(journal=journal), settings=Settings(home=home), id="r1")
    take_form(run, gate_id, {"reason": "It stands in the day book.", "name": "grace", **form})
    return [record.data | (record.body_object()) for record in told(home, "approval_record")]


async def test_the_result_of_what_did_happen_is_typed_as_json(tmp_path: Path) -> None:
    """It is recorded with the answer, and the run goes on with it."""
    typed = '{"reference": "W-7", "cents": 7}'
    (answer,) = await _typed(tmp_path, answer="revise", changes=typed)
    assert (answer["accepted"], answer["door"], answer["changes"]) == (
        True,
        "prefect",
        {"reference": "W-7", "cents": 7},
    )
    landing = await park(Post(), tmp_path, flying=posting)
    assert landing.outcome == {"outcome": "posted", "told": '{"reference":"W-7","cents":7}'}


@pytest.mark.parametrize("typed", ["W-7", "[1]", "{", '"x"'])
async def test_what_is_no_json_object_answers_nothing(
    tmp_path: Path, typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate stays open, and the flow run's log says why."""
    assert await _typed(tmp_path, answer="revise", changes=typed) == []
    assert "nothing was answered; the gate stays open" in capsys.readouterr().out
    assert len(open_gates(journal_at(tmp_path))) == 1


async def test_a_result_that_does_not_fit_is_refused_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And as evidence."""
    (answer,) = await _typed(tmp_path, answer="revise", changes='{"cents": 7}')
    assert answer["accepted"] is False
    assert "'reference' is a required property" in capsys.readouterr().out


def test_waking_takes_no_changes() -> None:
    """What wakes a run without answering fits the form as it is."""
    assert GateAnswer.model_validate(WAKE).changes == ""
