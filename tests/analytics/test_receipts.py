"""Receipts: every number is recomputed by somebody else from what its receipt names, and comes to the same digits."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import yaml

from analytics import kpis
from analytics.errors import KpiUnknown, ReceiptBroken
from analytics.formulas import FORMULAS
from analytics.marts import open_mart
from analytics.receipts import digest_of, receipt, recheck
from analytics.warehouse import land
from gonogo.evidence.journals import journal_of
from gonogo.log import sequencer
from gonogo.settings import settings, using
from tests.analytics.auditor import Auditor
from tests.analytics.chance import exported, publish_at_random

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet

ASSUMED: dict[str, Any] = yaml.safe_load(Path("policies/assumptions.yaml").read_text(encoding="utf-8"))
STATED_TOLERANCE = 1e-12
"""Relative: quantiles and means are doubles. Counts and money have none."""


@pytest.fixture(scope="module", params=[(1, 0, False), (2, 300, False), (3, 300, True), (4, 25, False)], ids=str)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a mart at random: none, many, several currencies, few."""
    seed, runs, is_foreign = request.param
    made = tmp_path_factory.mktemp("random")
    publish_at_random(made, seed, runs, is_foreign=is_foreign)
    return made


def test_an_independent_auditor_comes_to_the_same_digits(home: Path) -> None:
    """All KPIs with a source, for each mission, unit, segment and all: integers and money exactly."""
    with open_mart(home) as con:
        audited = Auditor(exported(con), ASSUMED).numbers()
    told = receipt(home)
    assert {line["id"] for line in told["kpis"] if line["sql"]} == set(audited)
    wrong: list[Any] = []
    for line in told["kpis"]:
        values = {(row["mission"], row["segment"]): row["value"] for row in line["values"]}
        ours = audited.get(line["id"], {})
        pairs = [(place, values.get(place), ours.get(place)) for place in values.keys() | ours.keys()]
        wrong += [(line["id"], *pair) for pair in pairs if not _same(*pair[1:])]
    assert wrong == []


def test_the_auditor_would_notice(tmp_path: Path) -> None:
    """A guard for the test above: other assumptions, or one run more, and the digits differ."""
    publish_at_random(tmp_path, 5, 40)
    other = yaml.safe_load(Path("policies/assumptions.yaml").read_text(encoding="utf-8"))
    other["missions"]["claims_triage"]["platform"]["cost_per_run"] = "0.09"
    with open_mart(tmp_path) as con:
        tables = exported(con)
    told = {kpi.mission: kpi.value for kpi in kpis.report(tmp_path) if kpi.id == "K6.full"}
    assert Auditor(tables, ASSUMED).numbers()["K6.full"]["claims_triage", None] == told["claims_triage"]
    assert Auditor(tables, other).numbers()["K6.full"]["claims_triage", None] != told["claims_triage"]


def _same(told: float | None, audited: float | None) -> bool:
    if told is None or audited is None or isinstance(told, int) or isinstance(audited, int):
        return told == audited
    return isclose(told, audited, rel_tol=STATED_TOLERANCE, abs_tol=STATED_TOLERANCE)


def test_invariants_hold_in_any_mart(home: Path) -> None:
    """A success costs no less than a run; nothing is automated that is not resolved; one rate bounds the other two."""
    found = {(kpi.id, kpi.mission): kpi.value for kpi in kpis.report(home) if kpi.segment is None}
    for mission in {mission for _, mission in found}:
        for small, large in (("K4", "K6"), ("K9", "K10"), ("K2a", "K2c"), ("K2b", "K2c"), ("K11.low", "K11"),
                             ("K11", "K11.high"), ("K4", "K4.full"), ("K17.p50", "K17.p95")):  # fmt: skip
            below, above = found.get((small, mission)), found.get((large, mission))
            assert below is None or above is None or below <= above, (small, large, mission)


def test_every_null_has_its_reason_and_every_value_none(home: Path) -> None:
    """No number is missing without a word, and no word stands beside a number."""
    assert [kpi for kpi in kpis.report(home) if (kpi.value is None) == (not kpi.reason)] == []


def test_the_catalogue_is_whole_and_the_board_comes_first() -> None:
    """K1 to K39 are all there, each with formula, unit and grain; the seven of the board stand on top."""
    families = {formula.id.partition(".")[0].rstrip("abc") for formula in FORMULAS}
    assert {f"K{number}" for number in range(1, 40)} <= families
    assert [formula.board for formula in FORMULAS[:8]] == [1, 2, 3, 4, 5, 6, 7, None]
    assert [formula.id for formula in FORMULAS if not (formula.formula and formula.grain)] == []
    assert [formula for formula in FORMULAS if formula.statement is None and not formula.when_null] == []
    assert max(Counter(formula.id for formula in FORMULAS).values()) == 1


def test_a_receipt_carries_sql_snapshot_and_assumptions(home: Path) -> None:
    """Whoever reads it needs nothing else but the evidence."""
    told = receipt(home, "K1")
    (line,) = told["kpis"]
    assert line["sql"] is not None
    assert (line["sql_sha256"], line["agrees"]) == (next(f.sql_sha256 for f in FORMULAS if f.id == "K1"), True)
    assert len(told["snapshot"]["evidence_digest"]) == 64
    assert told["snapshot"]["log_root"] is None
    assert "gonogo sequence" in told["snapshot"]["log_note"]
    assert told["snapshot"]["assumptions_standing"] == ASSUMED["standing"]
    wage = next(
        row for row in told["assumptions"] if (row["mission"], row["name"]) == ("claims_triage", "manual.minutes")
    )
    assert (wage["value"], wage["source"]) == (
        str(ASSUMED["missions"]["claims_triage"]["manual"]["minutes"]),
        "example",
    )
    assert told["digest"] == digest_of(told)


def test_a_kept_receipt_comes_to_the_same_digits_again(home: Path) -> None:
    """On the same mart everything is the same, through JSON and back."""
    kept = orjson.dumps(receipt(home))
    again = recheck(home, kept)
    assert (again["snapshot"], again["different"]) == ("same", [])
    assert set(again["same"]) == {formula.id for formula in FORMULAS}


@pytest.mark.parametrize(
    "noise", [b"", b"[]", b"{}", b"null", b'{"format":"gonogo-receipt/1","digest":1,"kpis":3}', b"\xff"]
)
def test_what_is_no_receipt_is_refused(home: Path, noise: bytes) -> None:
    """In one sentence, not a traceback."""
    with pytest.raises(ReceiptBroken):
        recheck(home, noise)


def test_an_edited_receipt_is_refused(home: Path) -> None:
    """One digit is enough."""
    told = json.loads(orjson.dumps(receipt(home, "runs")))
    told["kpis"][0]["values"][0]["value"] += 1
    with pytest.raises(ReceiptBroken, match="not what was printed"):
        recheck(home, orjson.dumps(told))


def test_a_kpi_nobody_knows_is_named(home: Path) -> None:
    """With those there are."""
    with pytest.raises(KpiUnknown, match="no KPI K99; there are K1"):
        receipt(home, "K99")


def test_later_evidence_is_another_snapshot(fleet: Fleet) -> None:
    """A receipt of yesterday says that it is of yesterday, and which numbers have moved since."""
    fleet.flown("r1")
    land(fleet.home)
    kept = orjson.dumps(receipt(fleet.home))
    fleet.flown("r2")
    land(fleet.home)
    again = recheck(fleet.home, kept)
    assert again["snapshot"] == "other"
    assert "runs" in again["different"]
    assert "K22.depth" in again["same"]


def test_the_snapshot_is_that_of_the_evidence_whatever_the_loads(fleet: Fleet, tmp_path: Path) -> None:
    """Two homes with the same journals, landed in other pieces, have one identity; the auditor computes it, too."""
    fleet.flown("r1")
    land(fleet.home)
    fleet.flown("r2")
    land(fleet.home)
    shutil.copytree(fleet.home / "journals", tmp_path / "other" / "journals")
    land(tmp_path / "other")
    ours, theirs = (receipt(home, "runs")["snapshot"]["evidence_digest"] for home in (fleet.home, tmp_path / "other"))
    assert ours == theirs == _heads(fleet)


def _heads(fleet: Fleet) -> str:
    """Compute a snapshot's identity from the journals alone."""
    from hashlib import sha256

    said: list[str] = []
    for path in sorted((fleet.home / "journals").rglob("*.jsonl")):
        leaves = [line.partition(b"\t")[0] for line in path.read_bytes().splitlines()]
        if leaves:
            last = orjson.loads(leaves[-1])
            said.append(f"{last['streamid']} {len(leaves)} {last['streamseq']} {sha256(leaves[-1]).hexdigest()}")
    return sha256("\n".join(sorted(said)).encode()).hexdigest()


def test_a_receipt_names_the_signed_log_where_there_is_one(fleet: Fleet) -> None:
    """Root and size as its checkpoint says; a checkpoint that was tampered with is named and not believed."""
    fleet.flown("r1")
    chosen = settings().model_copy(update={"home": fleet.home})
    with using(chosen):
        done = sequencer.sequence(chosen, journal_of(chosen))
        land(fleet.home)
        told = receipt(fleet.home, "runs")["snapshot"]
        assert (told["log_size"], told["log_note"]) == (done.size, None)
        (age,) = [kpi for kpi in kpis.report(fleet.home) if kpi.id == "K30.anchor"]
        # Nothing is anchored: every record of the log is vouched for by this home alone.
        assert (age.numerator, age.denominator) == (done.size, done.size)
        assert age.value is not None
        checkpoint = sequencer.log_folder(chosen) / "checkpoint"
        assert bytes.fromhex(told["log_root"]) in _decoded(checkpoint.read_text(encoding="utf-8"))
        checkpoint.write_text(checkpoint.read_text(encoding="utf-8").replace("\n8\n", "\n9\n"), encoding="utf-8")
        fleet.flown("r2")
        land(fleet.home)
        forged = receipt(fleet.home, "runs")["snapshot"]
    assert forged["log_root"] is None
    assert "cannot be trusted" in forged["log_note"]


def _decoded(note: str) -> bytes:
    from base64 import b64decode

    return b64decode(note.splitlines()[2])


def test_money_adds_up_to_the_millionth_from_the_evidence_alone(fleet: Fleet) -> None:
    """Model calls in the journals = steps = runs = missions = the numerator of K6."""
    for number in range(7):
        flight = fleet.run(f"r{number}", ("claims_triage", "incident_response")[number % 2]).begin()
        for step in ("read", "assess"):
            key = flight.step(step)
            for call in range(number % 3):
                flight.model(f"{key}/model{call}", step_key=key, cost_micros=333_333 * number + call)
        flight.end(success=number != 3)
    land(fleet.home)
    spent: Counter[str] = Counter()
    for path in (fleet.home / "journals").rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            leaf = orjson.loads(line.partition(b"\t")[0])
            if leaf["type"].endswith(".model_call.v1") and leaf["data"]["phase"] == "result":
                spent[leaf["missionid"]] += leaf["data"]["cost_micros"]
    per_success = {kpi.mission: kpi.numerator for kpi in kpis.report(fleet.home) if kpi.id == "K6"}
    assert {mission: per_success[mission] for mission in spent} == dict(spent)
    assert per_success["all"] == spent.total() > 0
    for table in ("steps", "runs"):
        rows = fleet.ask(f"SELECT mission, sum(cost_micros)::BIGINT FROM {table} GROUP BY 1")
        assert dict(rows) == dict(spent)
