"""Exceptions that wait for their owner: listed, closed by who may, and told to others where nobody does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import AnswerRefused, PolicyBroken, RunUnknown
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.owned import climb_exceptions, close, find_exception, open_exceptions, signed_token
from gonogo.policy.escalations import read_escalations
from tests.gonogo.toy.bank import WATCHERS, Call
from tests.gonogo.toy.errands import Errand, Payment
from tests.gonogo.toy.people import LAW, SINCE, Town, public

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.owned import Owned

pytestmark = pytest.mark.usefixtures("backend")

LADDERS = 'exceptions:\n  ladder: "1d head, 2d board"\n  owners: {elsewhere: "1h nobody"}\n'


def _breaks(call: Call) -> None:
    if call.tool == "pay":
        raise RuntimeError("the till is jammed")


async def failed(tmp_path: Path, environment: str = "dev") -> tuple[Town, Owned]:
    """Let a run fail, and return what its owner has to close."""
    town = Town(tmp_path, environment)  # pyright: ignore[reportArgumentType] - one of the words
    for name, roles in {"carl": ["counter"], "dora": ["head"]}.items():
        town.people[name] = {"roles": roles, "keys": [{"key": public(town.key(name)), "since": SINCE}]}
    town.write()
    (town.policies / "escalations.yaml").write_text(LADDERS, encoding="utf-8")
    town.enrol()
    WATCHERS.append(_breaks)
    try:
        landing = await town.park(Errand(payments=[Payment(payee="a", cents=100)]))
    finally:
        WATCHERS.remove(_breaks)
    assert landing.status == "failed"
    (owned,) = open_exceptions(journal_of(town.settings))
    return town, owned


def sign(town: Town, owned: Owned, name: str) -> str:
    """Return the token of somebody who closes it."""
    return signed_token(town.settings, owned, "paid by hand", by=name, key=town.key(name))


def rungs(records: list[Record]) -> list[tuple[object, ...]]:
    """Return the rungs that were recorded."""
    return [(record.data["rung"], record.data["of"], record.data["role"]) for record in records]


async def test_an_exception_is_closed_once_after_its_run_has_ended(tmp_path: Path) -> None:
    """By name in dev; a second time it is not open any more."""
    town, owned = await failed(tmp_path)
    assert (owned.row()["owner"], "the till is jammed" in owned.row()["what"]) == ("counter", True)
    assert find_exception(journal_of(town.settings), owned.id[-8:]).id == owned.id
    close(town.settings, owned, "paid by hand", by="carl")
    assert open_exceptions(journal_of(town.settings)) == []
    with pytest.raises(AnswerRefused, match="Somebody has closed it meanwhile"):
        close(town.settings, owned, "again", by="carl")
    with pytest.raises(RunUnknown, match="No open exception"):
        find_exception(journal_of(town.settings), owned.id)


async def test_outside_dev_only_who_has_the_owners_role_closes_it_and_signs(tmp_path: Path) -> None:
    """A name, another role, or a token for another exception leave it open."""
    town, owned = await failed(tmp_path, "prod")
    with pytest.raises(AnswerRefused, match="closes nothing outside dev"):
        close(town.settings, owned, "done", by="carl")
    with pytest.raises(AnswerRefused, match="grace does not hold the role counter"):
        close(town.settings, owned, "", by="", token=sign(town, owned, "grace"))
    with pytest.raises(AnswerRefused, match="What was typed is not what was signed"):
        close(town.settings, owned, "something else", by="carl", token=sign(town, owned, "carl"))
    assert len(open_exceptions(journal_of(town.settings))) == 1
    record = close(town.settings, owned, "", by="", token=sign(town, owned, "carl"))
    assert (record.data["by"], record.data["proof"], record.data["closes"]) == ("carl", "signature", owned.id)


async def test_one_that_nobody_closes_climbs_and_each_rung_is_told_once(tmp_path: Path) -> None:
    """Counted from when it was raised; who was told may close it, and then it climbs no more."""
    town, owned = await failed(tmp_path, "prod")
    raised = moment(owned.record.fields["time"])
    assert climb_exceptions(town.settings, raised + timedelta(hours=23)) == []
    assert rungs(climb_exceptions(town.settings, raised + timedelta(hours=25))) == [(1, 2, "head")]
    assert climb_exceptions(town.settings, raised + timedelta(hours=26)) == []
    (climbed,) = open_exceptions(journal_of(town.settings))
    assert climbed.told == ("head",)
    with pytest.raises(AnswerRefused, match="dora does not hold the role counter"):
        close(town.settings, owned, "", by="", token=sign(town, owned, "dora"))
    assert close(town.settings, climbed, "", by="", token=sign(town, climbed, "dora")).data["holds"] == "escalated"
    assert climb_exceptions(town.settings, raised + timedelta(days=9)) == []
    assert len(only(journal_of(town.settings).read_desk("r1"), "escalation_record")) == 1


async def test_a_clock_that_stood_still_climbs_all_that_was_missed(tmp_path: Path) -> None:
    """In order, in one look."""
    town, owned = await failed(tmp_path)
    late = moment(owned.record.fields["time"]) + timedelta(days=30)
    assert rungs(climb_exceptions(town.settings, late)) == [(1, 2, "head"), (2, 2, "board")]


def test_the_shipped_ladders_hold_and_without_the_file_nothing_climbs(tmp_path: Path) -> None:
    """An owner without a ladder has everybody's."""
    shipped = read_escalations(LAW)
    assert [rung.role for rung in shipped.of("claims-finance")] == ["claims-director", "board"]
    assert shipped.of("anybody") == shipped.everybody
    assert read_escalations(tmp_path).of("anybody") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exceptions: []", "is no list of ladders"),
        ("exceptions: {ladders: x}", "knows ladder and owners only, not ladders"),
        ("exceptions: {owners: [a]}", "knows ladder and owners only"),
        ("exceptions: {ladder: 4}", "a ladder is text like"),
        ('exceptions: {ladder: "soon board"}', "is not a time"),
        ('exceptions: {owners: {a: "2d x, 1d y"}}', "each later than the one before"),
        ("{}", "must have the top-level key 'exceptions'"),
    ],
)
def test_ladders_that_nobody_can_mean_are_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message names the file."""
    (tmp_path / "escalations.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyBroken, match=told):
        read_escalations(tmp_path)
