"""The evidence guide is a contract: what is recorded is what it says, for the warehouse and for auditors."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from gonogo.approvals import Reply, answer_gate
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.records import Artifact
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.asking import brief
from tests.gonogo.toy.errands import Errand, park, run

if TYPE_CHECKING:
    from gonogo.evidence.records import Record

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "evidence.md"
COMMON = {"objects", "phase"}
ROW = re.compile(r"^\| `(\w+)` (intent|result|fact) \| (flight|desk) \| (.*) \| [^|]* \|$", re.MULTILINE)


def documented() -> dict[tuple[str, str], tuple[set[str], set[str], str]]:
    """Return, by artifact and phase, the fields that are always there, those that may be, and the stream."""
    found: dict[tuple[str, str], tuple[set[str], set[str], str]] = {}
    for artifact, phase, stream, cell in ROW.findall(GUIDE.read_text(encoding="utf-8")):
        always: set[str] = set()
        perhaps: set[str] = set()
        groups = re.findall(r"`([^`]*)`", cell)
        for place, group in enumerate(groups):
            bare = re.sub(r"\[[^\]]*\]|\{[^}]*\}|\([^)]*\)", "", group)
            names = re.findall(r"(\w+)(\??)", bare)
            # Only the first group lists what is always there; what follows is told in words, for some cases.
            always |= {name for name, doubt in names if not doubt and place == 0 and len(groups) == 1}
            perhaps |= {name for name, _ in names}
        found[artifact, phase] = (always, perhaps, stream)
    return found


@pytest.fixture(scope="module", name="records")
def _records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    home = tmp_path_factory.mktemp("guide")
    return asyncio.run(_fly_everything(home))


async def _fly_everything(home: Path) -> list[Record]:
    """Fly runs that end, wait, fail, are refused, are denied, miss an event, and meet a misfit."""
    papers = [("papers", {"pages": "many"}), ("papers", {"pages": 1})]
    case = brief([("look_up", {"account": "a"}), ("pay", {"payee": "a", "amount_cents": 6_000})])
    flights = [
        await run(case.model_copy(update={"needs_papers": True}), answers="go", events=papers),
        await run(paying(6_000), answers="no_go"),
        await run(paying(6_000)),
        await run(paying(200_000)),
        await run(brief([("pay", {"payee": "a", "amount_cents": 200_000})])),
        await run(Errand(needs_papers=True), home=home / "papers"),
    ]
    records = [record for went in flights for record in went.flight + went.desk]
    landing = await park(paying(6_000), home)
    journal = FileJournal(home / "journals")
    answer_gate(journal, landing.waits[0], Reply("go", "grace", "Right.", "cli"), "dev")
    await park(paying(6_000), home)
    return records + journal.read_flight("r1") + journal.read_desk("r1")


def test_the_guide_describes_every_artifact() -> None:
    """As the code names them."""
    assert {artifact for artifact, _ in documented()} == set(get_args(Artifact))


def test_no_record_holds_a_field_the_guide_does_not_name(records: list[Record]) -> None:
    """A reader of the guide knows all there is."""
    known = documented()
    stray = {
        (record.artifact, record.data["phase"], name)
        for record in records
        for name in record.data.keys() - COMMON - known[record.artifact, record.data["phase"]][1]
    }
    assert stray == set()


def test_every_record_holds_the_fields_the_guide_promises(records: list[Record]) -> None:
    """Those without a question mark are always there."""
    known = documented()
    missing = {
        (record.artifact, record.data["phase"], name)
        for record in records
        for name in known[record.artifact, record.data["phase"]][0] - record.data.keys()
    }
    assert missing == set()


def test_records_stand_in_the_stream_the_guide_says(records: list[Record]) -> None:
    """The pilot's own in the flight, what others bring on the desk."""
    known = documented()
    for record in records:
        assert record.fields["streamid"].endswith("/" + known[record.artifact, record.data["phase"]][2])


def test_every_envelope_holds_what_the_guide_lists(records: list[Record]) -> None:
    """The list of the chapter on the envelope; those with a question mark may be missing."""
    text = GUIDE.read_text(encoding="utf-8")
    chapter = text.split("## The envelope")[1].split("##")[0]
    names = re.findall(r"(\w+)(\??)", re.findall(r"`([^`]*)`", chapter)[0])
    always, perhaps = {name for name, doubt in names if not doubt}, {name for name, _ in names}
    for record in records:
        assert always <= record.fields.keys() <= perhaps
