"""Exceptions with an owner: written down once, durable, for somebody to close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel

from gonogo import Outcome, mission, record_exception
from gonogo.errors import MissionMisdefined
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path


class Case(BaseModel):
    """Whose business it is."""

    owner: str | None = None


class Over(Outcome):
    """It went on."""

    outcome: Literal["over"]


@mission(owner="counter", scope=["bank"])
async def stumbling(case: Case) -> Over:
    """Write down what went another way, and go on."""
    await record_exception("data_mismatch", what="The caf\u0065\u0301 has no address.", owner=case.owner)
    return Over(outcome="over")


@pytest.mark.parametrize(("owner", "owned_by"), [(None, "counter"), ("registry", "registry")])
async def test_an_exception_has_a_class_a_sentence_and_an_owner(owner: str | None, owned_by: str) -> None:
    """The mission's owner, where nobody else is named; the text is cleaned for the record."""
    (body,) = (await run(Case(owner=owner), flying=stumbling)).told("exception_record")
    assert (body["reason_code"], body["what"], body["owner"]) == (
        "data_mismatch", "The caf\u00e9 has no address.", owned_by,
    )  # fmt: skip


async def test_an_exception_is_written_down_once(tmp_path: Path) -> None:
    """Not again on a replay."""
    for _ in range(2):
        went = await run(Case(), flying=stumbling, home=tmp_path, run_id="r1")
        path = tmp_path / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        assert len(went.told("exception_record")) == 1


async def test_there_is_nobody_to_own_an_exception_outside_a_mission() -> None:
    """The sentence says what to do."""
    with pytest.raises(MissionMisdefined, match="only work inside a mission"):
        await record_exception("internal", what="lost")
