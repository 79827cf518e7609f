"""Real contracts through the mission: every quote stands where it says, whoever wrote the text."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.contracts import DATA, read_ours, write_cases
from flows.contract_review import contract_review
from gonogo.testing import rehearse
from policies.contracts import Quote
from tasks.passages import normalised
from tests.e2e.command import Command

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchmarks.contracts import Span
    from policies.clauses import ClauseType

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the contracts of CUAD are not beside this repository")

CONTRACTS = 92


@pytest.fixture(name="cases", scope="module")
def _cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Return every contract as a case."""
    path = tmp_path_factory.mktemp("contracts") / "contracts.jsonl"
    assert write_cases(DATA, path) == CONTRACTS
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def reports(home: Path) -> dict[str, dict[str, Any]]:
    """Return every report on record, by contract."""
    with closing(sqlite3.connect(home / "systems" / "contracts.db")) as db:
        return {name: json.loads(body) for name, body in db.execute("select contract_id, body from reports")}


def quotes_of(case: dict[str, Any], report: dict[str, Any]) -> list[Quote]:
    """Return the quotes of a report, each compared with the file, read with nothing of ours but the decoding."""
    text = Path(case["file"]).read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    quotes = [Quote.model_validate(quote) for quote in report["quotes"]]
    assert quotes
    assert [quote for quote in quotes if text[quote.start : quote.end] != quote.text] == []
    assert (report["rejected"], report["unread"]) == ([], [])
    return quotes


def measured(case: dict[str, Any]) -> set[tuple[ClauseType, Span]]:
    """Return what the benchmark says the reviewers quote."""
    text, _ = normalised(Path(case["file"]).read_bytes())
    return {(clause, span) for clause, spans in read_ours(text).items() for span in spans}


async def test_five_real_contracts_are_quoted_where_they_say_and_wait_for_legal_counsel(
    cases: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Shortest, longest and three between; what the mission quotes is what the benchmark measures."""
    by_size = sorted(cases, key=lambda case: Path(case["file"]).stat().st_size)
    chosen = [by_size[place] for place in (0, 23, 46, 69, -1)]
    for case in chosen:
        flown = await rehearse(contract_review, case, answers="go", home=tmp_path)
        assert flown.outcome == "routed", flown.landing
        assert {gate["role"] for gate in flown.told("approval_request")} == {"legal-counsel"}
    on_record = reports(tmp_path)
    for case in chosen:
        quotes = quotes_of(case, on_record[case["contract_id"]])
        assert {(quote.clause, (quote.start, quote.end)) for quote in quotes} == measured(case)


@pytest.fixture(name="gonogo")
def _gonogo(tmp_path: Path) -> Generator[Command]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """`gonogo` with a home that does not exist yet."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = Command(tmp_path / "home", scratch)
    yield command
    command.clean_up()


@pytest.mark.slow
def test_all_contracts_of_the_set_fly_in_one_batch_and_every_quote_holds(
    cases: list[dict[str, Any]], gonogo: Command
) -> None:
    """One file of cases; each is read and reported, and waits for legal counsel, since nobody knows its worth."""
    path = gonogo.scratch / "contracts.jsonl"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    done = gonogo("run", "contract_review", "--each", path, "--json")
    assert done.json["statuses"] == {"waiting": CONTRACTS}, done.err
    assert done.json["bad_rows"] == []
    on_record = reports(gonogo.home)
    counted = sum(len(quotes_of(case, on_record[case["contract_id"]])) for case in cases)
    assert counted > 20 * CONTRACTS
