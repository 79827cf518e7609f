"""The contract mission, flown on every route: the evidence, the law, the reviewers and the repository are real."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from flows.contract_review import contract_review
from gonogo.errors import CaseRefused
from gonogo.testing import GateView, Rehearsal, Reply, rehearse
from policies.clauses import clauses_of
from tasks import rehearsal_contracts as kinds
from tasks.rehearsals import Random, demo_cases
from tests.gonogo.toy.provider import Provider, Said, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gonogo.model import Answer

Row = dict[str, Any]


def case(kind: Callable[[Random, str], Row], **facts: Any) -> Row:
    """Return a contract of a kind, with these facts."""
    return kind(Random("flows"), "1-0001") | facts


def on_record(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the repository."""
    with closing(sqlite3.connect(home / "systems" / "contracts.db")) as db:
        return db.execute(query).fetchall()


def report(home: Path) -> Row:
    """Return the newest report, with every quote compared with the text on record."""
    ((body,),) = on_record(home, "select body from reports order by report_id desc limit 1")
    ((text,),) = on_record(home, "select text from documents")
    said = json.loads(body)
    assert all(text[quote["start"] : quote["end"]] == quote["text"] for quote in said["quotes"])
    return said


def quotes(home: Path, clause: str) -> list[str]:
    """Return what was quoted of a kind."""
    return [quote["text"] for quote in report(home)["quotes"] if quote["clause"] == clause]


def asked(flown: Rehearsal) -> list[tuple[str, str]]:
    """Return which gates opened, for what and whom."""
    return [(gate["action"], gate["role"]) for gate in flown.told("approval_request")]


ROUTING = ("route_to_signature", "legal-counsel")


async def test_an_everyday_contract_goes_to_signature_without_anybody_being_asked(tmp_path: Path) -> None:
    """Small, within its playbook: one routing, on a report whose quotes all stand where it says."""
    flown = await rehearse(contract_review, case(kinds.everyday), home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("routed", [])
    assert on_record(tmp_path, "select contract_id, report_id, signatory from routings") == [
        ("CON-1-0001", 1, "head-of-department")
    ]
    found = report(tmp_path)["found"]
    assert {"Parties", "Governing Law", "Cap On Liability", "Minimum Commitment"} <= set(found)
    assert quotes(tmp_path, "Document Name") == ["SUPPLY AGREEMENT"]
    assert flown.landing.outcome is not None
    assert flown.landing.outcome["clauses_quoted"] == len(report(tmp_path)["quotes"])
    assert flown.landing.outcome["quotes_rejected"] == 0


async def test_three_reviewers_read_in_branches_of_their_own_what_their_order_names(tmp_path: Path) -> None:
    """Each looks for the clauses of its field, and is given no more than the document's digest."""
    flown = await rehearse(contract_review, case(kinds.everyday), home=tmp_path)
    reviews = [step for step in flown.told("step_record", "result") if step["step"] == "review"]
    assert {step["branch"] for step in reviews} == {"commercial", "regulatory", "pricing"}
    looks = [call for call in flown.told("tool_call", "intent") if call["tool"] == "find_passages"]
    for reviewer in ("commercial", "regulatory", "pricing"):
        mine = [call for call in looks if call["principal"] == f"{reviewer}_reviewer"]
        assert len(mine) == len(clauses_of(reviewer))
    assert {call["system"] for call in looks} == {"contracts"}


async def test_a_contract_flown_again_from_its_evidence_does_nothing_twice(tmp_path: Path) -> None:
    """The same run continued: same outcome, no further model call, one report, one routing."""
    contract = case(kinds.everyday)
    first = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    again = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    assert len(again.told("model_call", "result")) == len(first.told("model_call", "result"))
    assert on_record(tmp_path, "select (select count(*) from reports), (select count(*) from routings)") == [(1, 1)]


@pytest.mark.parametrize("lines_kept", [20, 60, 100])
async def test_a_review_that_broke_off_while_reading_ends_as_if_it_had_not(lines_kept: int, tmp_path: Path) -> None:
    """Its records end in the middle of the reading; the rest is read, and what was read is not read again."""
    contract = case(kinds.everyday)
    first = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    cut(tmp_path, lines_kept)
    with closing(sqlite3.connect(tmp_path / "systems" / "contracts.db")) as db, db:
        db.executescript(
            "delete from routings; delete from reports; update contracts set status = 'filed'; "
            "delete from receipts where tool in ('file_report', 'route_to_signature');"
        )
    again = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    assert again.landing.totals == first.landing.totals
    assert on_record(tmp_path, "select (select count(*) from reports), (select count(*) from routings)") == [(1, 1)]


@pytest.mark.parametrize("phase", ["intent", "result"])
async def test_a_review_that_broke_off_at_the_desk_routes_once(phase: str, tmp_path: Path) -> None:
    """Whether the routing was on record in the run or not: the desk knows the key and has done it once."""
    contract = case(kinds.everyday)
    first = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    told = [record.data for record in first.flight]
    routed = [data.get("tool") == "route_to_signature" and data["phase"] == phase for data in told]
    cut(tmp_path, routed.index(True) + 1)
    again = await rehearse(contract_review, contract, home=tmp_path, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    assert on_record(tmp_path, "select (select count(*) from reports), (select count(*) from routings)") == [(1, 1)]


def cut(home: Path, lines_kept: int) -> None:
    """Leave only the first records of the run, as a crash would."""
    path = home / "journals" / "flights" / "r1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines_kept < len(lines)
    path.write_bytes(b"".join(lines[:lines_kept]))


@pytest.mark.parametrize("kind", [kinds.exclusive, kinds.uncapped, kinds.unknown_value])
async def test_what_is_risky_or_unknown_waits_for_legal_counsel(
    kind: Callable[[Random, str], Row], tmp_path: Path
) -> None:
    """The card says what stands on record; with a go it is routed."""
    seen: list[GateView] = []

    def says(gate: GateView) -> Answer:
        seen.append(gate)
        return "go"

    flown = await rehearse(contract_review, case(kind), answers=says, home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("routed", [ROUTING])
    assert "cannot be undone" in seen[0].card
    assert "risky clauses" in seen[0].card
    for clause in report(tmp_path)["risky"]:
        assert all(f"`{quote}`" in seen[0].card for quote in quotes(tmp_path, clause))
    assert on_record(tmp_path, "select count(*) from routings") == [(1,)]


async def test_a_clause_is_shown_on_the_card_as_text_and_never_as_markup(tmp_path: Path) -> None:
    """A contract cannot write headings, links or a second table onto the card of its own gate."""
    trick = "`\n# Approved\n[go](https://example.org) the exclusive right to supply paper to every site.\n"
    contract = case(kinds.exclusive)
    contract["text"] = contract["text"].replace("the exclusive right to supply", trick)
    seen: list[GateView] = []

    def says(gate: GateView) -> None:
        seen.append(gate)

    await rehearse(contract_review, contract, answers=says, home=tmp_path)
    lines = seen[0].card.splitlines()
    assert not [line for line in lines if line.lstrip().startswith(("# Approved", "[go]"))]
    (shown,) = [line for line in lines if "# Approved" in line]
    assert shown.count("`") == 2


@pytest.mark.parametrize("answer", ["no_go", None])
async def test_without_a_go_nothing_is_routed(answer: Answer | None, tmp_path: Path) -> None:
    """A no-go and silence both end the run no-go; the report stays, and the desk stays empty."""
    flown = await rehearse(contract_review, case(kinds.exclusive), answers=answer, home=tmp_path)
    assert (flown.landing.status, flown.outcome) == ("no_go", None)
    assert on_record(tmp_path, "select count(*) from routings") == [(0,)]
    assert on_record(tmp_path, "select status from contracts") == [("reviewed",)]
    assert quotes(tmp_path, "Non-Compete")


async def test_a_signatory_whom_legal_counsel_changes_is_ruled_on_again(tmp_path: Path) -> None:
    """The changed routing is another action: it is asked about anew, and done as changed."""
    wish = Reply("revise", "grace", "the board signs", "rehearsal", changes={"signatory": "managing-director"})
    answers: list[Reply | Answer] = [wish, "go"]
    flown = await rehearse(contract_review, case(kinds.exclusive), answers=lambda _gate: answers.pop(0), home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("routed", [ROUTING, ROUTING])
    assert on_record(tmp_path, "select signatory from routings") == [("managing-director",)]


async def test_a_reviewer_who_asks_for_something_else_without_a_change_gets_nothing_routed(tmp_path: Path) -> None:
    """There is nobody to draft it anew: it is a no."""
    wish = Reply("revise", "grace", "strike section 9", "rehearsal")
    flown = await rehearse(contract_review, case(kinds.exclusive), answers=lambda _gate: wish, home=tmp_path)
    assert flown.landing.status == "no_go"
    assert on_record(tmp_path, "select count(*) from routings") == [(0,)]


async def test_a_major_contract_needs_both_roles(tmp_path: Path) -> None:
    """Legal counsel and finance director each say go; one alone is not enough."""
    contract = case(kinds.major)
    both = await rehearse(contract_review, contract, answers="go", home=tmp_path / "both")
    assert both.outcome == "routed"
    assert {role for _, role in asked(both)} == {"legal-counsel", "finance-director"}

    def counsel_only(gate: GateView) -> Answer:
        return "go" if gate.role == "legal-counsel" else "no_go"

    one = await rehearse(contract_review, contract, answers=counsel_only, home=tmp_path / "one")
    assert one.landing.status == "no_go"
    assert on_record(tmp_path / "one", "select count(*) from routings") == [(0,)]


async def test_a_blocked_counterparty_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    """The law says which rule, and no answer could lift it."""
    flown = await rehearse(contract_review, case(kinds.blocked), answers="go", home=tmp_path)
    assert (flown.landing.status, flown.landing.reason_code) == ("no_go", "policy_block")
    assert "blocked-counterparties" in (flown.landing.error or "")
    assert asked(flown) == []
    assert on_record(tmp_path, "select count(*) from routings") == [(0,)]


async def test_a_contract_is_not_routed_by_a_second_run(tmp_path: Path) -> None:
    """The desk remembers, and the law refuses."""
    contract = case(kinds.everyday)
    await rehearse(contract_review, contract, home=tmp_path)
    second = await rehearse(contract_review, contract, home=tmp_path, answers="go")
    assert second.landing.status == "no_go"
    assert "routed-once" in (second.landing.error or "")
    assert on_record(tmp_path, "select count(*) from routings") == [(1,)]


async def test_what_is_no_contract_is_sent_back(tmp_path: Path) -> None:
    """With the reason, and without anybody being asked."""
    flown = await rehearse(contract_review, case(kinds.letter), home=tmp_path)
    assert (flown.outcome, asked(flown)) == ("returned", [])
    assert on_record(tmp_path, "select status from contracts") == [("returned",)]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"%PDF-1.7 \x00\x9c", "UTF-8"),
        (b"scan\x00", "NUL"),
        (b"caf\xe9", "UTF-8"),
    ],
)
async def test_what_nobody_can_read_goes_to_people(raw: bytes, said: str, tmp_path: Path) -> None:
    """Empty, binary or in another encoding: queued with the reason, and no reviewer is troubled."""
    flown = await rehearse(contract_review, from_file(tmp_path, raw), home=tmp_path)
    assert (flown.outcome, flown.landing.success) == ("referred", False)
    ((queue, reason),) = on_record(tmp_path, "select queue, reason from referrals")
    assert queue == "legal-intake"
    assert said in reason
    assert flown.told("model_call") == []


def from_file(folder: Path, raw: bytes, **facts: Any) -> Row:
    """Return an everyday contract whose text is in a file."""
    path = folder / "contract.txt"
    path.write_bytes(raw)
    return case(kinds.everyday, text=None, file=str(path), sha256=sha256(raw).hexdigest()) | facts


async def test_a_file_with_a_mark_and_foreign_line_ends_is_quoted_by_positions_of_the_kept_text(tmp_path: Path) -> None:
    """The same quotes as of the same text without them."""
    text: str = case(kinds.everyday)["text"]
    raw = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    flown = await rehearse(contract_review, from_file(tmp_path, raw), home=tmp_path)
    plain = await rehearse(contract_review, case(kinds.everyday), home=tmp_path / "plain")
    assert flown.outcome == plain.outcome == "routed"
    assert report(tmp_path)["quotes"] == report(tmp_path / "plain")["quotes"]


async def test_a_file_that_changed_since_it_was_sent_is_not_taken(tmp_path: Path) -> None:
    """Nor is one that somebody only guesses at: its digest is asked for."""
    contract = from_file(tmp_path, b"SUPPLY AGREEMENT")
    (tmp_path / "contract.txt").write_text("another text", encoding="utf-8")
    flown = await rehearse(contract_review, contract, home=tmp_path)
    assert (flown.landing.status, flown.landing.reason_code) == ("failed", "tool_failure")
    assert "does not hold what its sha256 says" in (flown.landing.error or "")
    assert not (tmp_path / "systems" / "contracts.db").exists()


async def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """It names the file."""
    gone = case(kinds.everyday, text=None, file=str(tmp_path / "gone.txt"), sha256="0" * 64)
    flown = await rehearse(contract_review, gone, home=tmp_path)
    assert "gone.txt cannot be read" in (flown.landing.error or "")


async def test_orders_written_into_a_contract_change_nothing(tmp_path: Path) -> None:
    """It is read, quoted and gated like any other; it calls no tool and lifts no gate."""
    flown = await rehearse(contract_review, case(kinds.hostile), home=tmp_path)
    assert (flown.landing.status, asked(flown)) == ("no_go", [ROUTING])
    assert any("sole and exclusive supplier" in quote for quote in quotes(tmp_path, "Exclusivity"))
    calls = {(call["principal"], call["tool"]) for call in flown.told("tool_call", "intent")}
    assert {tool for principal, tool in calls if principal.endswith("_reviewer")} == {"find_passages"}


async def test_a_very_long_contract_is_reviewed_and_what_was_not_read_is_asked_about(tmp_path: Path) -> None:
    """Over a megabyte; its clauses stand at the end, and legal counsel hears what was not read to there."""
    body: str = case(kinds.everyday)["text"]
    padding = "The insured goods are listed by number, licensed, and assigned to a shelf of the house. " * 15_000
    contract = case(kinds.everyday, text=body + padding + body)
    assert len(contract["text"]) > 1_000_000
    flown = await rehearse(contract_review, contract, home=tmp_path)
    assert (flown.landing.status, asked(flown)) == ("no_go", [ROUTING])
    assert "Insurance" in report(tmp_path)["unread"]
    with pytest.raises(CaseRefused, match="text"):
        await rehearse(contract_review, case(kinds.everyday, text="x" * 5_000_001), home=tmp_path)


async def test_unusual_unicode_keeps_every_position(tmp_path: Path) -> None:
    """Emoji, combining marks, writing from right to left, and a mark in the middle of the text."""
    text: str = "\U0001f58b e\u0301 \u202e\u05d0\u05d1 \ufeff\u2028 " + case(kinds.everyday)["text"].replace(
        "1.", "\u2460 1."
    )
    flown = await rehearse(contract_review, case(kinds.everyday, text=text), home=tmp_path)
    assert flown.outcome == "routed"
    assert quotes(tmp_path, "Governing Law")


async def test_a_reading_that_fails_is_not_taken_for_a_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search for one kind of clause is down: that kind is unread, and legal counsel is asked."""
    from tasks import contracts_tools

    real = contracts_tools.search

    def failing(text: str, clause: Any, after: int = 0) -> Any:
        if clause == "Exclusivity":
            raise OSError("the index is being rebuilt")
        return real(text, clause, after)

    monkeypatch.setattr(contracts_tools, "search", failing)
    flown = await rehearse(contract_review, case(kinds.everyday), home=tmp_path)
    assert asked(flown) == [ROUTING]
    assert report(tmp_path)["unread"] == ["Exclusivity"]


async def test_ten_rehearsal_contracts_show_every_ending(tmp_path: Path) -> None:
    """The demo's cases cover every outcome, both roles, and a refusal."""
    flown = [
        await rehearse(contract_review, contract, answers="go", home=tmp_path)
        for contract in demo_cases("contract_review", 10, 5)
    ]
    assert {each.outcome for each in flown} == {"routed", "returned", "referred", None}
    assert {role for each in flown for _, role in asked(each)} == {"legal-counsel", "finance-director"}
    assert [each.landing.reason_code for each in flown].count("policy_block") == 1
    assert {each.landing.status for each in flown} == {"done", "no_go"}


LOOKS = 9
"""Answers that ask for a look before one that concludes: three reviewers ask at the same time, in any order."""


class TestModels:
    """A model of a provider in the reviewers' place: the same tools, the same law, the same check of quotes."""

    @pytest.fixture(name="loopback")
    def _loopback(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
        with provider() as served:
            monkeypatch.setenv("OPENAI_BASE_URL", served.url)
            monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
            yield served

    async def fly(self, home: Path, answers: Any = None) -> Rehearsal:
        """Review an everyday contract with a configured model."""
        return await rehearse(
            contract_review, case(kinds.everyday), home=home, answers=answers, overrides={"model": "openai:gpt-4o"}
        )

    async def test_quotes_that_do_not_stand_where_a_model_says_are_rejected_and_asked_about(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """Nothing is moved to where it might fit; what is another reviewer's clause is not believed either."""
        text: str = case(kinds.everyday)["text"]
        title = {"clause": "Document Name", "start": 0, "end": 16, "text": text[:16]}
        moved = {"clause": "Parties", "start": 1, "end": 17, "text": text[:16]}
        beyond = {"clause": "Parties", "start": len(text), "end": len(text) + 5, "text": "Acme."}
        made_up = {"clause": "Governing Law", "start": 0, "end": 16, "text": "The law of Mars."}
        said = {"quotes": [title, moved, beyond, made_up], "unread": []}
        loopback.script[:] = [Said(calls=(("final_result", said),))]
        flown = await self.fly(tmp_path)
        assert asked(flown) == [ROUTING]
        kept = report(tmp_path)
        assert kept["quotes"] == [title]
        why = {(each["reviewer"], each["quote"]["clause"], each["reason"]) for each in kept["rejected"]}
        assert ("commercial", "Parties", "data_mismatch") in why
        assert ("pricing", "Document Name", "not_its_clause") in why
        assert ("regulatory", "Governing Law", "data_mismatch") in why
        assert len(kept["rejected"]) == 3 * 4 - 1
        (exception,) = flown.told("exception_record")[:1]
        assert (exception["reason_code"], exception["owner"]) == ("data_mismatch", "legal-operations")

    async def test_a_model_reaches_only_what_its_order_names(self, loopback: Provider, tmp_path: Path) -> None:
        """Clauses of another field, documents it was not asked about, and tools it does not have are refused."""
        text: str = case(kinds.everyday)["text"]
        document = sha256(text.encode()).hexdigest()
        loopback.script[:] = [
            Said(calls=(
                ("find_passages", {"document": document, "clause": "Warranty Duration"}),
                ("find_passages", {"document": "0" * 64, "clause": "Warranty Duration"}),
                ("read_passage", {"document": document, "start": 0, "end": len(text) + 1}),
            )),
        ] * LOOKS + [Said(calls=(("final_result", {"quotes": [], "unread": []}),))]  # fmt: skip
        flown = await self.fly(tmp_path)
        # Whoever goes on after five refusals is halted by a monitor; what it asked before is what counts here.
        calls = [c for c in flown.told("tool_call", "result") if not c.get("error", "").startswith("Halted")]
        looks = [call for call in calls if call["tool"] == "find_passages"]
        done = [call["principal"] for call in looks if call["outcome"] == "done"]
        assert set(done) == {"pricing_reviewer"}
        assert {call["outcome"] for call in calls if call["tool"] == "read_passage"} == {"failed"}
        refused = {call["principal"] for call in looks if call["outcome"] == "refused"}
        assert refused == {"commercial_reviewer", "regulatory_reviewer"}

    async def test_the_document_a_model_is_shown_is_the_one_it_quotes_from(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """What comes back from the search goes into the next request, with its positions."""
        text: str = case(kinds.everyday)["text"]
        document = sha256(text.encode()).hexdigest()
        loopback.script[:] = [
            *[Said(calls=(("find_passages", {"document": document, "clause": "Warranty Duration"}),))] * LOOKS,
            Said(calls=(("final_result", {"quotes": [], "unread": []}),)),
        ]
        flown = await self.fly(tmp_path)
        assert flown.outcome == "returned"
        start = text.index("Supplier warrants")
        assert any(str(start) in str(request["input"][-1]) for request in loopback.asked)
