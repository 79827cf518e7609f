"""Missions: defined well or not at all; nothing starts on a wrong case or under a broken law."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import pytest
from prefect import Flow
from pydantic import BaseModel

from gonogo import Budget, Measure, Outcome, gate, mission, step
from gonogo.errors import CaseRefused, MissionMisdefined, PolicyBroken
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import CALLS, pay
from tests.gonogo.toy.errands import Errand, Payment, Report, errand, park, run

if TYPE_CHECKING:
    from collections.abc import Callable


class Case(BaseModel):
    """What the mission is to do."""

    what: str = ""


class Over(Outcome):
    """It is over."""

    outcome: Literal["well", "handed_over"]
    successes = frozenset({"well"})
    escalations = frozenset({"handed_over"})
    pages: Annotated[int | None, Measure("pages")] = None


class TestDefinition:
    """What is no mission is refused when it is defined, with a sentence."""

    def _refused(self, story: Callable[..., Any], told: str) -> None:
        with pytest.raises(MissionMisdefined, match=told):
            mission(owner="counter", scope=["bank"])(story)

    def test_a_mission_is_async(self) -> None:
        """The sentence names it."""

        def blocking(case: Case) -> Over:
            """Block."""
            del case
            return Over(outcome="well")

        self._refused(blocking, "The mission blocking must be async def")

    def test_a_mission_takes_exactly_one_case(self) -> None:
        """A pydantic model, so that it can be checked, shown as a form, and recorded."""

        async def nothing() -> Over:
            """Take nothing."""
            return Over(outcome="well")

        async def two(case: Case, more: Case) -> Over:
            """Take two."""
            del case, more
            return Over(outcome="well")

        async def text(case: str) -> Over:
            """Take text."""
            del case
            return Over(outcome="well")

        for story in (nothing, two, text):
            self._refused(story, f"The mission {story.__name__} takes exactly one case, a pydantic model")

    def test_a_mission_returns_an_outcome(self) -> None:
        """Else nobody could say whether it succeeded."""

        async def open_ended(case: Case) -> str:
            """Return anything."""
            return case.what

        self._refused(open_ended, "must be annotated to return a subclass of gonogo.Outcome")

    def test_a_mission_has_a_docstring(self) -> None:
        """It is what operators read."""

        async def wordless(case: Case) -> Over:
            del case
            return Over(outcome="well")

        self._refused(wordless, "The mission wordless needs a docstring")

    def test_a_mission_is_a_prefect_flow_with_a_charter(self) -> None:
        """Name, owner, scope, budget, and the digest of the file it stands in."""
        assert isinstance(errand, Flow)
        assert errand.name == errand.charter.name == "errand"
        assert (errand.charter.owner, errand.charter.scope) == ("counter", ("bank",))
        assert errand.charter.budget == Budget(usd="1.00", actions=10)
        source = Path(__file__).parent / "toy" / "errands.py"
        assert errand.charter.digest == sha256_hex(source.read_bytes())
        assert errand.charter.description.startswith("Do what a customer wants done")


class TestCase:
    """What comes in."""

    @pytest.mark.parametrize(
        "case", [{"payments": 7}, '{"payments": [', b"\xff", {"payments": [{"payee": "a"}]}, None, 7, "[]"]
    )
    async def test_what_is_no_case_is_refused_and_nothing_is_started(self, tmp_path: Path, case: Any) -> None:
        """One sentence; no run, no evidence."""
        with pytest.raises(CaseRefused, match=r"This is no case for errand \(.*\)\. Nothing was started\.") as caught:
            await run(case, home=tmp_path)
        assert "\n" not in str(caught.value)
        assert FileJournal(tmp_path / "journals").run_ids() == []

    @pytest.mark.parametrize(
        ("case", "place"),
        [
            ({"letter": "Dear\0Ada"}, "letter"),
            ({"payments": [{"payee": "ada", "cents": 1}, {"payee": "\0", "cents": 1}]}, "payments.1.payee"),
        ],
    )
    async def test_a_nul_character_is_refused_where_it_stands(self, tmp_path: Path, case: Any, place: str) -> None:
        """No Postgres could store it, so no lane takes it; the backslash and the letters are another matter."""
        for given in (case, Errand.model_validate(case), json.dumps(case)):
            with pytest.raises(CaseRefused, match=rf"{re.escape(place)} holds a NUL character.*Nothing was started"):
                await run(cast("Any", given), home=tmp_path / "home")
        assert not (tmp_path / "home").exists()
        assert (await run(cast("Any", {"letter": r"Dear\u0000Ada"}))).landing.status == "done"

    def test_prefect_is_never_given_a_nul_character(self) -> None:
        """Asked how to store the case, the mission refuses; so there is no flow run, and nothing to clean up."""
        with pytest.raises(CaseRefused, match="letter holds a NUL character"):
            errand.serialize_parameters({"case": Errand(letter="\0")})
        assert errand.serialize_parameters({"case": Errand(letter="fine")})["case"]["letter"] == "fine"

    async def test_a_run_whose_case_was_recorded_with_a_nul_character_goes_on(self, tmp_path: Path) -> None:
        """It began in a time that took it; what is on record is not refused."""
        assert (await park(Errand(crew=4, letter="\0"), tmp_path)).status == "waiting"
        assert (await park(Errand(), tmp_path)).status == "waiting"

    async def test_a_case_may_be_a_model_a_dictionary_or_json(self) -> None:
        """All three are the same case."""
        for case in (Errand(crew=1), {"crew": 1}, '{"crew": 1}'):
            assert (await run(cast("Any", case))).flight[0].body()["crew"] == 1

    async def test_the_case_of_a_continued_run_is_the_recorded_one(self, tmp_path: Path) -> None:
        """Whatever it is given the second time."""
        await park(Errand(crew=4), tmp_path)
        landing = await park(Errand(crew=1), tmp_path)
        assert landing.status == "waiting"


class TestLaw:
    """Nothing starts under a law that does not hold."""

    @pytest.mark.parametrize(
        ("name", "text"),
        [("toy.cedar", "permit ("), ("toy.cedarschema", "entity"), ("agents.yaml", "agents: ["), ("prices.yaml", "")],
    )
    async def test_a_broken_policy_folder_starts_nothing(self, tmp_path: Path, name: str, text: str) -> None:
        """One sentence; no run, no evidence."""
        policies = shutil.copytree(POLICIES, tmp_path / "policies")
        (policies / name).write_text(text)
        with pytest.raises(PolicyBroken):
            await run(Errand(), home=tmp_path / "home", overrides={"policy_folder": policies})
        assert not (tmp_path / "home").exists()

    async def test_a_mandate_that_shrinks_shrinks_at_once(self, tmp_path: Path) -> None:
        """The registry is law as well: what was taken from an agent is refused to the next run, in the same process."""
        policies = shutil.copytree(POLICIES, tmp_path / "policies")
        case = Errand(payments=[Payment(payee="ada", cents=1)])
        under = {"policy_folder": policies}
        assert (await run(case, flying=paying_as_clerk, overrides=under)).landing.status == "done"
        agents = policies / "agents.yaml"
        agents.write_text(agents.read_text().replace("[look_up, pay, post_letter]", "[look_up]"))
        CALLS.clear()
        went = await run(case, flying=paying_as_clerk, overrides=under)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "policy_block")
        assert CALLS == []


@step(acting="clerk")
async def pay_as_clerk(payment: Payment) -> str:
    """Pay on the clerk's mandate."""
    return await pay(payee=payment.payee, amount_cents=payment.cents)


@mission(owner="counter", scope=["bank"])
async def paying_as_clerk(case: Errand) -> Report:
    """Pay on the clerk's mandate."""
    for payment in case.payments:
        await pay_as_clerk(payment)
    return Report(outcome="settled")


async def test_there_is_no_gate_outside_a_mission() -> None:
    """Nothing could hold it open."""
    with pytest.raises(MissionMisdefined, match="only work inside a mission"):
        await gate("launch", crew=1)
