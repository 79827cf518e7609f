"""Doubts: what may have happened and cannot be repeated is never guessed; a person says, for one attempt at a time."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gonogo.approvals import answer_gate, find_request, inherited
from gonogo.board import open_gates
from gonogo.cases import Flyer
from gonogo.errors import AnswerRefused, InDoubt
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.journal import FileJournal
from gonogo.lanes.batch import fly_batch
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.approvers import GO
from tests.gonogo.toy.bank import CALLS, calls, letters
from tests.gonogo.toy.doubting import Died, Moment, Post, begun, dying, going_on, happened, posting, saying, told
from tests.gonogo.toy.errands import park, run
from tests.gonogo.toy.people import approved

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.plans import Landing

MOMENTS = pytest.mark.parametrize("moment", ["before", "after"])


class TestAnswers:
    """What a person can say of an effect in doubt, and what follows."""

    @MOMENTS
    async def test_nobody_guesses(self, tmp_path: Path, moment: Moment) -> None:
        """Whether or not it had happened: it is not repeated, the run waits, and somebody owns it."""
        await begun(tmp_path, moment)
        CALLS.clear()
        landing = await park(Post(), tmp_path, flying=posting)
        assert (landing.status, len(landing.waits)) == ("waiting", 1)
        assert CALLS == []
        (exception,) = told(tmp_path, "exception_record")
        assert (exception.data["owner"], exception.data["reason_code"]) == ("counter", "internal")
        assert "how it ended was never recorded; it may or may not have happened" in exception.data["what"]

    async def test_go_does_it_now_once_under_the_same_key(self, tmp_path: Path) -> None:
        """It had not happened; the second attempt names the go it stands on."""
        await begun(tmp_path)
        went = await going_on(tmp_path, answers=saying("go"))
        assert (went.outcome, letters(tmp_path)) == ("posted", [("ada", "Dear Ada")])
        first, second = (r.data for r in told(tmp_path, "tool_call") if r.data["phase"] == "intent")
        (answer,) = told(tmp_path, "approval_record")
        assert second["idempotency_key"] == first["idempotency_key"]
        assert second["action_digest"] == first["action_digest"] == answer.data["action_digest"]
        assert second["approvals"] == [answer.fields["id"]]
        assert (first["approvals"], second["doubt"]) == ([], answer.data["gate"])

    async def test_no_go_leaves_it(self, tmp_path: Path) -> None:
        """It counts as not done, in the taxonomy as a person's no."""
        await begun(tmp_path, "after")
        CALLS.clear()
        went = await going_on(tmp_path, answers=saying("no_go"))
        assert (went.landing.status, went.landing.error_class, went.landing.reason_code) == (
            "no_go", "InDoubt", "approval_denied",
        )  # fmt: skip
        assert "rehearsal left it, so it counts as not done" in str(went.landing.error)
        assert went.told("tool_call", "result")[0]["outcome"] == "in_doubt"
        assert CALLS == []

    async def test_silence_is_no_go_and_the_exception_stays_open(self, tmp_path: Path) -> None:
        """Nobody has looked, so nothing is settled."""
        await begun(tmp_path)
        CALLS.clear()
        went = await going_on(tmp_path)
        assert (went.landing.status, went.landing.error_class, went.landing.reason_code) == (
            "no_go", "DoubtExpired", "approval_expired",
        )  # fmt: skip
        assert CALLS == []
        assert len(went.told("exception_record")) == 1

    async def test_revise_tells_the_result_of_what_did_happen(self, tmp_path: Path) -> None:
        """The mission goes on with it, and the evidence says that a person gave it."""
        await begun(tmp_path, "after")
        CALLS.clear()
        went = await going_on(tmp_path, answers=saying(happened(result="posted to ada")))
        assert went.landing.outcome == {"outcome": "posted", "told": "posted to ada"}
        assert (CALLS, letters(tmp_path)) == ([], [("ada", "Dear Ada")])
        (result,) = went.told("tool_call", "result")
        assert (result["outcome"], result["source"]) == ("done", "person")
        assert result["doubt"] == went.told("approval_request")[0]["gate"]

    @pytest.mark.parametrize(
        ("reply", "closed"),
        [("go", "is done now"), ("no_go", "left as it is"), (happened(result="x"), "its result was given")],
    )
    async def test_an_answer_closes_the_exception(self, tmp_path: Path, reply: Any, closed: str) -> None:
        """By whom, at which gate, and how."""
        await begun(tmp_path)
        await going_on(tmp_path, answers=saying(reply))
        opened, closing = told(tmp_path, "exception_record")
        (answer,) = told(tmp_path, "approval_record")
        assert closed in closing.data["what"]
        assert (closing.data["closes"], closing.data["by"], closing.data["gate"], closing.data["answer"]) == (
            opened.fields["id"], answer.data["by"], answer.data["gate"], answer.data["answer"],
        )  # fmt: skip

    @pytest.mark.parametrize("reply", ["go", "no_go", None, happened(result="x")])
    async def test_what_was_settled_stays_settled(self, tmp_path: Path, reply: Any) -> None:
        """Flying it again changes nothing, and neither does a crash that loses the end of the run."""
        await begun(tmp_path)
        first = await going_on(tmp_path, answers=saying(reply))
        CALLS.clear()
        assert (await going_on(tmp_path)).landing == first.landing
        path = FileJournal(tmp_path / "journals").flight_path("r1")
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        again = await going_on(tmp_path)
        assert (again.landing.status, again.landing.error_class) == (first.landing.status, first.landing.error_class)
        assert CALLS == []

    async def test_a_change_that_is_begun_again_is_one_change_in_the_budget(self, tmp_path: Path) -> None:
        """The mission may make one, and a person saw that it had not been made; restarts count the same."""
        await begun(tmp_path)
        went = await going_on(tmp_path, answers=saying("go"))
        assert went.landing.totals["actions"] == 1
        path = FileJournal(tmp_path / "journals").flight_path("r1")
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        assert (await going_on(tmp_path)).landing.totals == went.landing.totals


class TestResult:
    """A result that a person gives is looked at twice: its shape at the desk, the tool's own type in the run."""

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({}, "'reference' is a required property"),
            ({"reference": "W-1", "cents": "many"}, "cents: 'many' is not of type 'integer'"),
            ({"reference": "W-1", "cents": 7, "sents": 7}, "'sents' was unexpected"),
            ({"result": "W-1"}, "'result' was unexpected"),
        ],
    )
    async def test_a_result_of_another_shape_is_refused_at_the_desk(
        self, tmp_path: Path, changes: dict[str, Any], said: str
    ) -> None:
        """The gate stays open, and the refusal is evidence."""
        await begun(tmp_path, case=Post(cents=7))
        (gate_id,) = (await park(Post(), tmp_path, flying=posting)).waits
        journal = FileJournal(tmp_path / "journals")
        with pytest.raises(AnswerRefused, match=said):
            answer_gate(journal, gate_id, happened(**changes), "dev")
        assert [record.data["accepted"] for record in told(tmp_path, "approval_record")] == [False]
        assert [row.gate for row in open_gates(journal)] == [gate_id]

    async def test_a_result_that_fits_is_recorded_as_the_tool_would_have(self, tmp_path: Path) -> None:
        """Field by field."""
        await begun(tmp_path, case=Post(cents=7))
        went = await going_on(tmp_path, answers=saying(happened(reference="W-9", cents=7)))
        assert went.landing.outcome == {"outcome": "posted", "told": '{"reference":"W-9","cents":7}'}

    async def test_a_result_the_tools_own_type_refuses_is_asked_again(self, tmp_path: Path) -> None:
        """At another gate, which says what was wrong; the first answer does not count twice."""
        await begun(tmp_path, case=Post(cents=7))
        wrong, right = happened(reference="9", cents=7), happened(reference="W-9", cents=7)
        went = await going_on(tmp_path, answers=saying(wrong, right))
        assert went.outcome == "posted"
        first, second = (r for r in told(tmp_path, "approval_request"))
        assert first.data["gate"] != second.data["gate"]
        assert "The result given before does not fit" in second.body()["card"]
        assert "begins with W-" in second.body()["card"]
        assert len(told(tmp_path, "exception_record")) == 2

    async def test_a_result_without_fields_is_given_as_result(self, tmp_path: Path) -> None:
        """The card names it, and anything else is refused."""
        await begun(tmp_path)
        (gate_id,) = (await park(Post(), tmp_path, flying=posting)).waits
        journal = FileJournal(tmp_path / "journals")
        assert "give its result, `result` (`--set name=value`)" in find_request(journal, gate_id).body()["card"]
        with pytest.raises(AnswerRefused, match="result: 7 is not of type 'string'"):
            answer_gate(journal, gate_id, happened(result=7), "dev")


class TestCard:
    """What the owner is shown."""

    async def test_it_shows_what_is_known_and_how_to_find_out(self, tmp_path: Path) -> None:
        """Tool, arguments, system, when, under which attempt, lane and approvals, key, preview, and where to look."""
        await begun(tmp_path, case=Post(cents=7))
        (gate_id,) = (await park(Post(), tmp_path, flying=posting)).waits
        request = find_request(FileJournal(tmp_path / "journals"), gate_id)
        (intent,) = told(tmp_path, "tool_call")
        card = request.body()["card"]
        for part in (
            "## In doubt: did `wire` happen?",
            "**posting** of mission **posting** began this for tester",
            "| cents | `7` |",
            "| system of record | `bank` |",
            f"| begun | `{intent.fields['time'][:19]}Z` |",
            "| attempt of the run | `1, lane rehearsal` |",
            "| allowed by | `the law; nobody had to be asked` |",
            f"| idempotency key | `{intent.data['idempotency_key']}, handed to the system` |",
            "Look in the system of record, `bank`",
            "The day book lists wires by payee and minute.",
            "\n\n> 7 cents go to `ada` by wire.\n\n",
            "give its result, `reference`, `cents`",
            "Role **counter**",
        ):
            assert part in card
        assert (request.data["role"], request.data["rules"]) == ("counter", ["in-doubt"])
        assert request.data["doubt"] == intent.fields["id"]
        (row,) = open_gates(FileJournal(tmp_path / "journals"))
        assert (row.about, row.options) == ("doubt", ("go", "no_go", "revise"))

    async def test_it_names_whoever_let_the_lost_attempt_happen(self, tmp_path: Path) -> None:
        """A letter that shouts was read first."""
        await begun(tmp_path, case=Post(text="HELP!"), answers="go")
        (gate_id,) = (await park(Post(), tmp_path, flying=posting)).waits
        card = find_request(FileJournal(tmp_path / "journals"), gate_id).body()["card"]
        first = told(tmp_path, "approval_request")[0].data["gate"]
        assert f"| allowed by | `rehearsal as clerk at gate {first}` |" in card


class TestBinding:
    """An answer counts for one attempt at one exact action, under one law."""

    async def test_a_go_is_used_once(self, tmp_path: Path) -> None:
        """The second attempt is lost, too: another doubt, another gate, no third attempt by itself."""
        await begun(tmp_path)
        with dying("after"):
            await going_on(tmp_path, answers=saying("go"))
        CALLS.clear()
        landing = await park(Post(), tmp_path, flying=posting)
        assert (landing.status, CALLS) == ("waiting", [])
        first, second = (r.data for r in told(tmp_path, "approval_request"))
        assert landing.waits == (second["gate"],)
        assert first["gate"] != second["gate"]
        assert first["action_digest"] == second["action_digest"]
        owners = [r.data for r in told(tmp_path, "exception_record")]
        assert ["closes" in data for data in owners] == [False, True, False]
        went = await going_on(tmp_path, answers=saying(happened(result="posted")))
        assert went.outcome == "posted"
        assert letters(tmp_path) == [("ada", "Dear Ada")]

    async def test_a_law_that_changed_asks_anew_and_voids_the_old_gate(self, tmp_path: Path) -> None:
        """Who answers the old one is told which gate has replaced it, and the attempt is recorded as refused."""
        policies, home = shutil.copytree(POLICIES, tmp_path / "policies"), tmp_path / "home"
        await begun(home, overrides={"policy_folder": policies})
        (old,) = (await park(Post(), home, flying=posting, policies=policies)).waits
        (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + "\n// reviewed\n")
        (new,) = (await park(Post(), home, flying=posting, policies=policies)).waits
        journal = FileJournal(home / "journals")
        with pytest.raises(AnswerRefused, match=f"gate {new} has replaced it. Answer that one"):
            answer_gate(journal, old, GO, "dev")
        answer_gate(journal, new, GO, "dev")
        assert [r.data["accepted"] for r in told(home, "approval_record")] == [False, True]
        assert (await park(Post(), home, flying=posting, policies=policies)).status == "done"
        assert len(told(home, "exception_record")) == 2

    async def test_a_go_does_not_lift_a_law_that_forbids_it_now(self, tmp_path: Path) -> None:
        """The law is asked again before the second attempt."""
        policies, home = shutil.copytree(POLICIES, tmp_path / "policies"), tmp_path / "home"
        await begun(home, overrides={"policy_folder": policies})
        never = '@id("no-post") @because("Closed.") forbid (principal, action == Action::"post_letter", resource);'
        (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + never)
        CALLS.clear()
        went = await going_on(home, answers=saying("go"), overrides={"policy_folder": policies})
        assert (went.landing.status, went.landing.error_class, CALLS) == ("no_go", "PolicyDenied", [])

    @pytest.mark.parametrize("forged", [{"action_digest": "0" * 64}, {"role": "clerk"}, {"proof": "clock"}])
    async def test_a_forged_go_does_not_count(self, tmp_path: Path, forged: dict[str, Any]) -> None:
        """Who can write to the desk cannot make an effect happen twice."""
        await begun(tmp_path)
        (gate_id,) = (await park(Post(), tmp_path, flying=posting)).waits
        journal = FileJournal(tmp_path / "journals")
        request = find_request(journal, gate_id)
        data = {
            "gate": gate_id, "answer": "go", "by": "mallory", "role": "counter", "proof": "unproven", "door": "cli",
            "action_digest": request.data["action_digest"], "accepted": True, "phase": "fact",
        }  # fmt: skip
        with journal.open_desk("r1") as desk:
            desk.append(inherited(request), "approval_record", data | forged, payload=b'{"reason":"x"}')
            desk.commit_now()
        CALLS.clear()
        went = await going_on(tmp_path)
        assert (went.landing.error_class, CALLS) == ("EvidenceBroken", [])

    async def test_outside_dev_a_name_without_proof_settles_nothing(self, tmp_path: Path) -> None:
        """As at every gate."""
        law = approved(tmp_path, home=tmp_path).policy_folder
        await begun(tmp_path, overrides={"environment": "prod", "policy_folder": law})
        (gate_id,) = (await park(Post(), tmp_path, flying=posting, policies=law, environment="prod")).waits
        with pytest.raises(AnswerRefused, match="without proof"):
            answer_gate(FileJournal(tmp_path / "journals"), gate_id, GO, "prod")

    async def test_restarts_write_nothing_again(self, tmp_path: Path) -> None:
        """One exception, one gate, however often the run wakes."""
        await begun(tmp_path)
        waits = {(await park(Post(), tmp_path, flying=posting)).waits for _ in range(4)}
        assert len(waits) == 1
        assert len(told(tmp_path, "exception_record")) == len(told(tmp_path, "approval_request")) == 1


def test_in_doubt_is_a_no_that_missions_may_catch_as_such() -> None:
    """Whoever handles a no-go handles this one."""
    assert InDoubt.__mro__[1].__name__ == "GateDenied"


async def test_in_the_batch_lane_a_doubt_leaves_the_batch(tmp_path: Path) -> None:
    """The case waits for its owner; the others land."""
    made = settings().model_copy(update={"home": tmp_path, "policy_folder": POLICIES, "model": None})
    landings: list[Landing] = []
    with dying("before"):
        await run(Post(), flying=posting, home=tmp_path, run_id="r1")
    flyers = [Flyer(name, name, Post(text=f"Dear {name}")) for name in ("r0", "r1", "r2")]
    await fly_batch(posting, flyers, made, landings.append)
    assert {landing.run_id: landing.status for landing in landings} == {"r0": "done", "r1": "waiting", "r2": "done"}
    (gate_id,) = landings_of(landings, "r1").waits
    answer_gate(FileJournal(tmp_path / "journals"), gate_id, GO, "dev")
    landings.clear()
    await fly_batch(posting, flyers, made, landings.append)
    assert landings_of(landings, "r1").status == "done"
    assert sorted(letters(tmp_path)) == [("ada", "Dear Ada"), ("ada", "Dear r0"), ("ada", "Dear r2")]


def landings_of(landings: list[Landing], run_id: str) -> Landing:
    """Return how one run landed."""
    return next(landing for landing in landings if landing.run_id == run_id)


FATES = st.sampled_from(["before", "after", "fine"])
SAID = st.sampled_from(["go", "no_go", "revise", "silence"])


@given(first=st.sampled_from(["before", "after"]), rest=st.lists(st.tuples(SAID, FATES), min_size=1, max_size=4))
@hypothesis_settings(max_examples=25)
def test_every_attempt_beyond_the_first_stands_on_a_go_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, first: str, rest: list[tuple[str, str]]
) -> None:
    """Whatever fate an attempt has and whatever is said of it: the effect is reached once for each go."""
    home = tmp_path_factory.mktemp("doubt")
    CALLS.clear()
    asyncio.run(_live(home, first, rest))


async def _live(home: Path, first: str, rest: list[tuple[str, str]]) -> None:
    said: dict[str, Any] = {"go": "go", "no_go": "no_go", "revise": happened(result="seen"), "silence": None}
    await begun(home, "before" if first == "before" else "after")
    reached, landed = 1, None
    for number, (answer, fate) in enumerate(rest, 1):
        replies: Any = saying(said[answer])
        if answer == "go" and fate != "fine":
            with dying("before" if fate == "before" else "after"):
                await going_on(home, answers=replies)
            reached += 1
        else:
            landed = (await going_on(home, answers=replies)).landing
            reached += answer == "go"
        assert len(calls("post_letter")) == reached
        _is_whole(home, doubts=number, reached=reached)
        if landed is not None:
            assert landed.status == ("done" if answer in {"go", "revise"} else "no_go")
            break
    if landed is None:
        waiting = await park(Post(), home, flying=posting)
        assert waiting.status == "waiting"
        _is_whole(home, doubts=len(rest) + 1, reached=reached)


def _is_whole(home: Path, *, doubts: int, reached: int) -> None:
    """Check that the evidence tells of each doubt once, and of each attempt with the go it stands on."""
    asked = [r.data["gate"] for r in told(home, "approval_request")]
    assert len(asked) == len(set(asked)) == doubts
    exceptions = [r.data for r in told(home, "exception_record")]
    assert sum("closes" not in data for data in exceptions) == doubts
    by_person = [r for r in told(home, "approval_record") if r.data["proof"] != "clock"]
    assert sum("closes" in data for data in exceptions) == len(by_person)
    intents = [r.data for r in told(home, "tool_call") if r.data["phase"] == "intent"]
    goes = [r.fields["id"] for r in by_person if r.data["answer"] == "go"]
    assert [data["approvals"] for data in intents] == [[], *([go] for go in goes)]
    assert len(intents) == reached
    assert {data["idempotency_key"] for data in intents} == {sha256_hex(f"r1\x1f{intents[0]['key']}".encode())}


async def test_a_crash_after_any_record_of_a_doubt_repeats_nothing_unasked(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Cut anywhere after the first attempt: it is done under the go that stands there, or it is asked anew."""
    await begun(tmp_path / "whole")
    begun_at = len(FileJournal(tmp_path / "whole" / "journals").read_flight("r1"))
    went = await going_on(tmp_path / "whole", answers=saying("go"))
    attempts = [r.seq for r in went.flight if r.artifact == "tool_call" and r.data["phase"] == "intent"]
    ended = next(r.seq for r in went.flight if r.artifact == "tool_call" and r.data["phase"] == "result")
    for records in range(begun_at, len(went.flight) + 1):
        with subtests.test(records=records):
            home = shutil.copytree(tmp_path / "whole", tmp_path / str(records))
            path = FileJournal(home / "journals").flight_path("r1")
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:records]))
            if records <= attempts[1]:
                (home / "bank.sqlite").unlink()  # the second attempt had not begun
            CALLS.clear()
            again = await going_on(home)
            is_lost = attempts[1] < records <= ended
            assert again.landing.status == ("no_go" if is_lost else "done")
            assert len(CALLS) == (1 if records <= attempts[1] else 0)
            assert letters(home) == [("ada", "Dear Ada")]


async def test_the_toys_process_really_dies(tmp_path: Path) -> None:
    """A guard for the tests above: nothing of the attempt's end is recorded."""
    with pytest.raises(Died):
        await _unsuppressed(tmp_path)
    assert [r.data["phase"] for r in told(tmp_path, "tool_call")] == ["intent"]


async def _unsuppressed(home: Path) -> None:
    from tests.gonogo.toy.bank import WATCHERS

    def die(_: object) -> None:
        raise Died

    WATCHERS.append(die)
    await run(Post(), flying=posting, home=home, run_id="r1")
