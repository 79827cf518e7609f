"""How the reading of contracts is measured: what matches, how the split is made, and what the figures count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import contracts
from benchmarks.contracts import (
    DATA,
    Annotated,
    Score,
    company,
    main,
    measure,
    read_annotated,
    read_keywords,
    read_ours,
    render,
    score,
)
from policies.clauses import CLAUSE_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contracts import Found, Span
    from policies.clauses import ClauseType

LAW: ClauseType = "Governing Law"
TEXT = "This Agreement is governed by the laws of Ohio. The governing law was chosen by both. It rains."


def contract(marked: list[list[Span]], *, present: bool = True) -> Annotated:
    """Return a contract with these marks of one type."""
    by_type: dict[ClauseType, list[list[Span]]] = {clause: marked if clause == LAW else [] for clause in CLAUSE_TYPES}
    return Annotated("ACME_01_02_2003-EX.txt", TEXT, by_type, frozenset({LAW} if present else ()), 0)


def scored(marked: list[list[Span]], quoted: list[Span], *, present: bool = True) -> Score:
    """Return how quotes of one type do."""
    found: Found = {clause: quoted if clause == LAW else [] for clause in CLAUSE_TYPES}
    return score(contract(marked, present=present), found, LAW)


@pytest.mark.parametrize(
    ("quote", "is_match"),
    [((0, 10), True), ((5, 10), True), ((0, 20), True), ((0, 21), False), ((6, 10), False), ((10, 20), False)],
)
def test_a_quote_matches_from_half_of_what_either_covers(quote: Span, is_match: bool) -> None:
    """A whole page around a clause does not match it, and neither does a word of it."""
    assert (scored([[(0, 10)]], [quote]).spans_found == 1) is is_match
    assert (scored([[(0, 10)]], [quote]).quotes_right == 1) is is_match


def test_recall_counts_marks_and_precision_counts_quotes() -> None:
    """A mark that stands in two places is one, found at either; what is quoted twice is two quotes."""
    done = scored([[(0, 10), (50, 60)], [(70, 80)]], [(50, 60), (0, 10), (20, 30)])
    assert (done.spans, done.spans_found) == (2, 1)
    assert (done.quotes, done.quotes_right) == (3, 2)
    assert done.cells() == ["50", "67", "100", "100"]


def test_presence_is_yes_or_no_whatever_was_quoted() -> None:
    """And a dash stands where there is nothing to count."""
    wrong_place = scored([[(0, 10)]], [(50, 60)])
    assert (wrong_place.contracts_right, wrong_place.spans_found) == (1, 0)
    invented = scored([], [(0, 10)], present=False)
    assert invented.cells() == ["-", "0", "-", "0"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("ARMSTRONGFLOORING,INC_01_07_2019-EX-10.2-INTELLECTUAL_PROPERTY_AGREEMENT.txt", "armstrongflooringinc"),
        ("ArmstrongFlooringInc_20190107_8-K_EX-10.2_11471795_EX-10.2_Agreement.txt", "armstrongflooringinc"),
    ],
)
def test_two_contracts_of_a_company_never_stand_on_both_sides(file: str, expected: str) -> None:
    """However its name is written."""
    assert company(file) == expected


def test_both_ways_of_reading_quote_what_stands_in_the_text() -> None:
    """Ours by pattern, the baseline by the words of the type's name."""
    assert [TEXT[start:end] for start, end in read_ours(TEXT)[LAW]] == [TEXT[:47]]
    assert [TEXT[start:end] for start, end in read_keywords(TEXT)[LAW]] == [TEXT[48:85]]
    assert read_keywords("You get a rofn, or not.")["Rofr/Rofo/Rofn"] == [(0, 23)]


def test_a_table_has_a_line_for_each_type_and_one_for_all() -> None:
    """With counts, so that a percentage of three is seen to be one."""
    table = render(measure([contract([[(0, 47)]])], "One"))
    lines = table.splitlines()
    assert len(lines) == 3 + len(CLAUSE_TYPES) + 1
    (law,) = [line for line in lines if line.startswith(LAW)]
    assert law.split() == ["Governing", "Law", "1", "1", "100|0", "100|0", "100|100", "100|100"]


def test_without_the_data_it_says_so_and_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the way out."""
    monkeypatch.setattr("sys.argv", ["contracts", "--data", str(tmp_path)])
    assert main() == 0
    assert capsys.readouterr().out.startswith("Skipped: ")


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the contracts of CUAD are not beside this repository")
def test_the_reader_holds_up_on_contracts_it_was_not_written_with() -> None:
    """Every mark is found in its text, the split is what it says, and the reader beats the baseline on both counts."""
    annotated = list(read_annotated(DATA))
    assert sum(each.lost for each in annotated) == 0
    held_out = [each for each in annotated if each.is_held_out]
    assert not {company(each.file) for each in held_out} & {company(e.file) for e in annotated if not e.is_held_out}
    table = measure(held_out, "Held out")
    ours, keywords = Score(), Score()
    for clause in CLAUSE_TYPES:
        ours.add(table.ours[clause])
        keywords.add(table.keywords[clause])
    assert ours.spans == keywords.spans > 1_000
    assert ours.spans_found * 2 > ours.spans > keywords.spans_found * 4
    assert ours.quotes_right * 2 > ours.quotes
    assert keywords.quotes_right * 4 < keywords.quotes
    assert ours.contracts_right * 4 > ours.contracts * 3
    assert contracts.MATCH_SHARE == 0.5
