"""The drill of the evidence: every attack is found exactly where it can be, and the guide says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.cli.looking import told as line_of
from gonogo.drills import evidence
from gonogo.drills.evidence import drill_evidence
from gonogo.drills.tampering import ATTACKS, HOLDINGS, Holding
from gonogo.errors import EvidenceBroken
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.log.verifier import Report
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "log.md"

MATRIX: dict[str, str] = {
    "edit": "found found found",
    "delete": "found found found",
    "reorder": "found found found",
    "insert": "found found found",
    "cut": "found found found",
    "replay": "missed missed found",
    "strange_key": "found found found",
    "rewrite_recent": "missed missed found",
    "rewrite_old": "missed found found",
    "fork": "missed missed found",
    "replace": "missed found found",
    "backdate": "found found found",
    "retired_key": "found found found",
    "retired_fork": "found found found",
}
"""What an auditor can find with the checkpoint alone, with an older one kept, with the newest one anchored."""


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return settings().model_copy(update={"home": tmp_path / "home", "policy_folder": POLICIES, "model": None})


async def test_every_attack_is_found_exactly_where_it_can_be(home: Settings) -> None:
    """As the matrix says, anchored and unanchored; what nobody can see is not claimed."""
    rows = await drill_evidence(home, drill_id="drill-1")
    seen = {attack.name: [row.found for row in rows if row.attack == attack.name] for attack in ATTACKS}
    assert seen == {name: [word == "found" for word in words.split()] for name, words in MATRIX.items()}
    assert all(row.passed for row in rows)
    assert all(row.first for row in rows if row.found)
    journal = journal_of(home)
    assert journal.run_ids() == ["drill-1"]
    records = only(journal.read_flight("drill-1"), "drill_record")
    assert [(each.data["signal"], each.data["lane"], bool(each.data["caught"])) for each in records] == [
        (row.attack, row.holding, row.found) for row in rows
    ]
    assert "fork in checkpoint not to be seen" in "\n".join(map(line_of, records))
    *_, last = only(journal.read_flight("drill-1"), "run_record")
    assert last.data["status"] == "done"


async def test_a_verifier_that_sleeps_is_found_out(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill fails, and its run with it."""

    def asleep(_folder: Path, _key: str, kept: list[str]) -> Report:
        return Report(None, [], len(kept))

    monkeypatch.setattr(evidence, "verify", asleep)
    rows = await drill_evidence(home, attacks=ATTACKS[:1], drill_id="drill-1")
    assert not any(row.passed for row in rows)
    *_, last = only(journal_of(home).read_flight("drill-1"), "run_record")
    assert last.data["status"] == "failed"


async def test_a_verifier_that_cries_wolf_is_found_out(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that nobody touched has to be whole, or the drill shows nothing."""

    def crying(*_: object) -> Report:
        return Report(None, ["wolf"], 0)

    monkeypatch.setattr(evidence, "verify", crying)
    with pytest.raises(EvidenceBroken, match="before it begins"):
        await drill_evidence(home, attacks=ATTACKS[:1])


def test_the_guides_table_is_the_drills() -> None:
    """Row by row, in the drill's own words."""
    text = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (found|\*\*not found\*\*) \| (\S.*?) \| (\S.*?) \|$", text, re.MULTILINE)
    assert [what for what, *_ in rows] == [attack.what for attack in ATTACKS]
    told: dict[str, list[Holding]] = {
        what: [holding for holding, cell in zip(HOLDINGS, cells, strict=True) if cell != "found"]
        for what, *cells in rows
    }
    assert {what: frozenset(missed) for what, missed in told.items()} == {each.what: each.missed for each in ATTACKS}
