"""``python -m benchmarks.contracts``: how well the offline reader of contracts quotes, beside a keyword baseline.

The contracts and the experts' annotations are CUAD v1 (The Atticus Project, CC BY 4.0): a folder
with `clauses.csv` and `texts/*.txt`. The reader is the one that flies in `contract_review`, with the
same script and the same search; the law, the evidence and the repository are left out here.

Split     by the company in the file name (letters before the date, lower case), so that two contracts
          of one company never stand on both sides: SHA-256 even = development, odd = held out. The
          patterns were written on the development side only.
Spans     an expert's span and a quote match where they share at least half of the characters that
          either covers (intersection over union). An expert's span counts once, wherever in the text
          its words stand, letter case aside; one that was put together of pieces counts by piece.
Presence  whether a contract has a clause of the type at all, whatever was quoted of it.
Baseline  every sentence that holds all words of the type's name (of one of them, where a slash parts
          names), quoted whole.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.agents.offline import Conversation
from policies.clauses import CLAUSE_TYPES, REVIEWERS, clauses_of
from policies.contracts import Reading, ReviewOrder
from tasks.contracts_agents import read_offline
from tasks.contracts_tools import search
from tasks.passages import normalised, sentences_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policies.clauses import ClauseType

DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "contracts"
MATCH_SHARE = 0.5
"""Intersection over union from which a quote and an expert's span are the same."""

PIECE_MIN_CHARACTERS = 2
"""A shorter piece of an expert's span says nothing."""

Span = tuple[int, int]
Found = dict["ClauseType", list[Span]]


@dataclass(frozen=True, slots=True)
class Annotated:
    """One contract with what experts marked in it."""

    file: str
    text: str
    marked: dict[ClauseType, list[list[Span]]]
    """By type: for each piece that was marked, every place where its words stand."""
    present: frozenset[ClauseType]
    """Types that experts found, those included whose words are not in the text."""
    lost: int
    """Pieces whose words are not in the text."""

    @property
    def is_held_out(self) -> bool:
        """Whether nothing was written with a look at it."""
        return int(hashlib.sha256(company(self.file).encode()).hexdigest(), 16) % 2 == 1


@dataclass(slots=True)
class Score:
    """How one way of reading did on one type, or on all."""

    spans: int = 0
    spans_found: int = 0
    quotes: int = 0
    quotes_right: int = 0
    contracts: int = 0
    contracts_said: int = 0
    contracts_right: int = 0

    def add(self, other: Score) -> None:
        """Count another score in."""
        for name in Score.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def cells(self) -> list[str]:
        """Return recall and precision of spans, then of presence, in percent; a dash where there is nothing."""
        return [
            _percent(self.spans_found, self.spans),
            _percent(self.quotes_right, self.quotes),
            _percent(self.contracts_right, self.contracts),
            _percent(self.contracts_right, self.contracts_said),
        ]


@dataclass(slots=True)
class Table:
    """The scores of both ways of reading, by type."""

    title: str
    contracts: int
    ours: dict[ClauseType, Score] = field(default_factory=dict["ClauseType", Score])
    keywords: dict[ClauseType, Score] = field(default_factory=dict["ClauseType", Score])


def company(file: str) -> str:
    """Return the letters of a file name before its date, in lower case."""
    head = re.split(r"_\d{2}_|_(?:19|20)\d{6}", file)[0]
    return re.sub(r"[^a-z]", "", head.lower())


def read_annotated(folder: Path) -> Iterator[Annotated]:
    """Yield every contract of the folder with its annotations."""
    csv.field_size_limit(sys.maxsize)
    with (folder / "clauses.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            text, problem = normalised((folder / "texts" / row["file"]).read_bytes())
            if problem:
                raise ValueError(f"{row['file']}: {problem}")
            yield _annotated(row, text)


def _annotated(row: dict[str, str], text: str) -> Annotated:
    marked: dict[ClauseType, list[list[Span]]] = {}
    lost = 0
    said: dict[ClauseType, list[str]] = {clause: ast.literal_eval(row[clause] or "[]") for clause in CLAUSE_TYPES}
    for clause, spans in said.items():
        pieces = [piece.strip() for span in spans for piece in span.split("<omitted>")]
        places = [
            [match.span() for match in re.finditer(re.escape(piece), text, re.IGNORECASE)]
            for piece in pieces
            if len(piece) >= PIECE_MIN_CHARACTERS
        ]
        marked[clause] = [places_of_piece for places_of_piece in places if places_of_piece]
        lost += len(places) - len(marked[clause])
    return Annotated(row["file"], text, marked, frozenset(clause for clause in said if said[clause]), lost)


def read_ours(text: str) -> Found:
    """Return what the three offline reviewers quote of a text."""
    found: Found = {clause: [] for clause in CLAUSE_TYPES}
    for reviewer in REVIEWERS:
        order = ReviewOrder(document="0" * 64, characters=len(text), reviewer=reviewer, clauses=clauses_of(reviewer))
        talk = Conversation(prompt=order.model_dump_json())
        while not isinstance(said := read_offline(talk), Reading):
            pages = [search(text, use.args["clause"], use.args.get("after", 0)) for use in said]
            talk.results.setdefault("find_passages", []).extend(page.model_dump(mode="json") for page in pages)
        for quote in said.quotes:
            if text[quote.start : quote.end] != quote.text:
                raise AssertionError(f"A quote does not stand at {quote.start}: {quote.text[:80]!r}")
            found[quote.clause].append((quote.start, quote.end))
    return found


def read_keywords(text: str) -> Found:
    """Return the sentences that hold the words of each type's name."""
    lowered = [(span, text[span[0] : span[1]].lower()) for span in sentences_of(text)]
    found: Found = {}
    for clause in CLAUSE_TYPES:
        names = [re.findall(r"[a-z]+", name.lower()) for name in clause.split("/")]
        found[clause] = [
            span for span, sentence in lowered if any(all(word in sentence for word in words) for words in names)
        ]
    return found


def score(contract: Annotated, found: Found, clause: ClauseType) -> Score:
    """Return how a reading of one contract did on one type."""
    marked, quotes = contract.marked[clause], found[clause]
    is_present = clause in contract.present
    return Score(
        spans=len(marked),
        spans_found=sum(any(_match(quote, place) for quote in quotes for place in places) for places in marked),
        quotes=len(quotes),
        quotes_right=sum(any(_match(quote, place) for places in marked for place in places) for quote in quotes),
        contracts=int(is_present),
        contracts_said=int(bool(quotes)),
        contracts_right=int(is_present and bool(quotes)),
    )


def _match(one: Span, other: Span) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    covered = max(one[1], other[1]) - min(one[0], other[0])
    return shared > 0 and shared >= MATCH_SHARE * covered


def measure(contracts: list[Annotated], title: str) -> Table:
    """Read every contract both ways and score it."""
    table = Table(title, len(contracts))
    ways: list[tuple[dict[ClauseType, Score], Callable[[str], Found]]] = [
        (table.ours, read_ours),
        (table.keywords, read_keywords),
    ]
    for scores, read in ways:
        scores.update({clause: Score() for clause in CLAUSE_TYPES})
        for contract in contracts:
            found = read(contract.text)
            for clause in CLAUSE_TYPES:
                scores[clause].add(score(contract, found, clause))
    return table


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else "-"


def render(table: Table) -> str:
    """Return a table as text: one line a type, and one for all of them."""
    lines = [
        f"{table.title}: {table.contracts} contracts; percent, ours | keyword baseline",
        f"{'':36}{'experts':>9}{'ours':>7}   {'quoted spans':^15}   {'presence':^15}",
        f"{'clause type':36}{'spans':>9}{'quotes':>7}   {'R':>7}{'P':>8}   {'R':>7}{'P':>8}",
    ]
    all_ours, all_keywords = Score(), Score()
    for clause in CLAUSE_TYPES:
        ours, keywords = table.ours[clause], table.keywords[clause]
        all_ours.add(ours)
        all_keywords.add(keywords)
        lines.append(_line(clause, ours, keywords))
    lines.append(_line("all types together", all_ours, all_keywords))
    return "\n".join(lines)


def _line(name: str, ours: Score, keywords: Score) -> str:
    both = [f"{mine}|{theirs}" for mine, theirs in zip(ours.cells(), keywords.cells(), strict=True)]
    return f"{name:36}{ours.spans:>9}{ours.quotes:>7}   {both[0]:>7}{both[1]:>8}   {both[2]:>7}{both[3]:>8}"


def write_cases(folder: Path, path: Path) -> int:
    """Write one case a contract for ``gonogo run contract_review --each``; return how many."""
    cases: list[dict[str, Any]] = []
    for text in sorted((folder / "texts").glob("*.txt")):
        digest = hashlib.sha256(text.read_bytes()).hexdigest()
        cases.append({
            "contract_id": f"CUAD-{hashlib.sha256(text.name.encode()).hexdigest()[:12]}",
            "counterparty": company(text.name)[:64],
            "file": str(text.resolve()),
            "sha256": digest,
        })  # fmt: skip
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    return len(cases)


def main() -> int:
    """Do what the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contracts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with clauses.csv and texts/")
    parser.add_argument("--cases", type=Path, help="only write the contracts as cases of contract_review to this file")
    given = parser.parse_args()
    if not (given.data / "clauses.csv").exists():
        print(f"Skipped: {given.data} holds no clauses.csv; give the folder of CUAD v1 with --data.")
        return 0
    if given.cases:
        print(f"{write_cases(given.data, given.cases)} cases in {given.cases}")
        return 0
    contracts = list(read_annotated(given.data))
    for title, is_held_out in (("Development", False), ("Held out", True)):
        print(render(measure([each for each in contracts if each.is_held_out == is_held_out], title)), end="\n\n")
    lost = sum(each.lost for each in contracts)
    print(f"{lost} marked pieces do not stand in their text as they were marked, and are left out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
