"""The law itself: outside dev nothing flies, and no answer counts, under one that nobody who may has approved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gonogo.enactments import LAW, chain_of, check_enacted, enact, propose, signed_token
from gonogo.errors import AnswerRefused, LawUnapproved
from gonogo.evidence.canon import payload_bytes, timestamp
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.signers import sign
from gonogo.statements import NAMESPACE, say, token_of
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.people import LAWGIVER, SINCE, Town, public

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.links import Proposal

pytestmark = pytest.mark.usefixtures("backend")

LARGE = paying(6_000)
RAISED = ("amount_cents > 5000", "amount_cents > 9000")


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return Town(tmp_path)


def edit(town: Town, old: str = RAISED[0], new: str = RAISED[1]) -> None:
    """Change the law as whoever can write files may, and have nobody approve it."""
    path = town.policies / "toy.cedar"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def intrude(town: Town, *roles: str) -> None:
    """Write mallory into the approvers, and have nobody approve that."""
    town.people["mallory"] = {
        "roles": list(roles),
        "keys": [{"key": public(town.key("mallory")), "since": SINCE}],
    }
    town.write()


def approve(town: Town, name: str, reason: str = "as reviewed") -> None:
    """Approve the law as it stands, with somebody's own key."""
    enact(town.settings, signed_token(town.settings, name, reason, town.key(name)))


def records(town: Town) -> list[Record]:
    """Return what stands on record about the law."""
    return only(journal_of(town.settings).read_desk(LAW), "law_record")


async def test_a_changed_law_flies_nothing_until_it_is_approved(town: Town) -> None:
    """The refusal names who approved what before, what changed, and the way out; it is on record once."""
    edit(town)
    for _ in range(2):
        with pytest.raises(LawUnapproved, match=r"the one that lex approved for prod .*: toy\.cedar changed since"):
            await town.park(LARGE)
    blocked = [record for record in records(town) if record.data["event"] == "blocked"]
    assert [record.data["changed"] for record in blocked] == [["toy.cedar"]]
    assert journal_of(town.settings).run_ids() == []
    approve(town, LAWGIVER)
    assert (await town.park(LARGE)).status == "done"
    assert payments(town.home) == [("a", 6_000)]


async def test_a_law_that_was_changed_back_is_the_approved_one_again(town: Town) -> None:
    """The digest counts, not the history of the file."""
    edit(town)
    edit(town, *reversed(RAISED))
    assert (await town.park(LARGE)).status == "waiting"


async def test_dev_asks_nobody(tmp_path: Path) -> None:
    """There the law is worked on; nothing is recorded about it, and nothing is to be approved."""
    town = Town(tmp_path, "dev")
    edit(town)
    assert (await town.park(LARGE)).status == "done"
    assert records(town) == []
    with pytest.raises(AnswerRefused, match="In dev nobody approves the law"):
        propose(town.settings)


@pytest.mark.parametrize("name", ["approvers.yaml", "agents.yaml", "toy.cedarschema", "budgets.yaml"])
def test_every_text_of_the_law_is_part_of_what_is_approved(town: Town, name: str) -> None:
    """Approvers, tiers, schema and budgets as well as rules; a new file, too."""
    path = town.policies / name
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "days: {}") + "\n", encoding="utf-8")
    with pytest.raises(LawUnapproved, match=name):
        check_enacted(town.settings, "prod")


async def test_whoever_writes_themselves_into_the_approvers_answers_nothing(town: Town) -> None:
    """Neither while the run sleeps, nor by approving that oneself, nor once the file is put back."""
    (gate,) = (await town.park(LARGE)).waits
    intrude(town, "manager", "law")
    with pytest.raises(AnswerRefused, match=r"approvers\.yaml changed since"):
        town.say(gate, town.token(gate, "mallory"))
    with pytest.raises(AnswerRefused, match="is nobody's under the law that is in force"):
        approve(town, "mallory")
    assert records(town)[-1].data["event"] == "refused"
    with pytest.raises(LawUnapproved):
        await town.park(None)
    del town.people["mallory"]
    town.write()
    assert (await town.park(None)).status == "waiting"
    assert payments(town.home) == []


async def test_a_go_that_was_given_under_an_approved_law_counts_for_nothing_under_another(town: Town) -> None:
    """The run that wakes under it does not fly at all."""
    (gate,) = (await town.park(LARGE)).waits
    town.say(gate, town.token(gate, "grace"))
    intrude(town)
    with pytest.raises(LawUnapproved):
        await town.park(None)
    assert payments(town.home) == []


def test_only_who_has_the_role_approves(town: Town) -> None:
    """A manager is no lawgiver, and the refusal is on record."""
    edit(town)
    with pytest.raises(AnswerRefused, match="grace does not have the role law"):
        approve(town, "grace")
    assert chain_of(town.settings, "prod").head is not None
    with pytest.raises(LawUnapproved):
        check_enacted(town.settings, "prod")


def test_nobody_approves_a_change_of_their_own_roles_or_keys(town: Town) -> None:
    """Another person with the role does."""
    town.people["nora"] = {"roles": ["law"], "keys": [{"key": public(town.key("nora")), "since": SINCE}]}
    town.enrol()
    town.people[LAWGIVER]["roles"] = ["law", "manager"]
    town.write()
    with pytest.raises(AnswerRefused, match="one of lex's own roles or keys"):
        approve(town, LAWGIVER)
    approve(town, "nora")
    check_enacted(town.settings, "prod")


def test_a_key_that_was_lost_approves_nothing(town: Town) -> None:
    """Once its revocation is approved, also with a signature that was made before."""
    town.people["nora"] = {"roles": ["law"], "keys": [{"key": public(town.key("nora")), "since": SINCE}]}
    town.enrol()
    edit(town)
    early = signed_token(town.settings, "nora", "in time", town.key("nora"))
    edit(town, *reversed(RAISED))
    lost = {"key": public(town.key("nora")), "since": SINCE, "revoked": timestamp(), "because": "lost"}
    town.people["nora"] = {"roles": ["law"], "keys": [lost]}
    town.enrol()
    edit(town)
    for token in (early, signed_token(town.settings, "nora", "late", town.key("nora"))):
        with pytest.raises(AnswerRefused, match=r"revoked|made for another law"):
            enact(town.settings, token)


def test_a_token_counts_once_for_one_change_in_one_environment(town: Town) -> None:
    """Not for the way back, not for another law, not elsewhere, and not after its hour."""
    edit(town)
    token = signed_token(town.settings, LAWGIVER, "raise it", town.key(LAWGIVER))
    elsewhere = town.settings.model_copy(update={"environment": "test"})
    with pytest.raises(AnswerRefused, match="made for another law"):
        enact(elsewhere, token)
    enact(town.settings, token)
    with pytest.raises(AnswerRefused, match="approved already, by lex"):
        enact(town.settings, token)
    edit(town, *reversed(RAISED))
    with pytest.raises(AnswerRefused, match=r"made for another law|used before"):
        enact(town.settings, token)
    proposal = propose(town.settings)
    then = datetime.now(UTC) - timedelta(hours=2)
    said = say(
        proposal.subject, "go", by=LAWGIVER, reason="r", code=None, changes={}, lifetime=timedelta(hours=1)
    ).model_copy(update={"issued": timestamp(then), "expires": timestamp(then + timedelta(hours=1))})
    stale = token_of(said, sign(town.key(LAWGIVER), said.statement(proposal.about), NAMESPACE))
    with pytest.raises(AnswerRefused, match="It ran out"):
        enact(town.settings, stale)


def test_a_no_go_under_a_law_approves_nothing(town: Town) -> None:
    """What was signed has to say so."""
    edit(town)
    proposal = propose(town.settings)
    said = say(proposal.subject, "no_go", by=LAWGIVER, reason="r", code=None, changes={}, lifetime=timedelta(hours=1))
    token = token_of(said, sign(town.key(LAWGIVER), said.statement(proposal.about), NAMESPACE))
    with pytest.raises(AnswerRefused, match="says something else"):
        enact(town.settings, token)


@pytest.mark.parametrize("token", ["", "yes", "{{ 7*7 }}", "gonogo1.e30.e30", "gonogo1." + "A" * 20_000 + ".AA"])
def test_what_is_no_token_approves_nothing(town: Town, token: str) -> None:
    """Whatever was pasted; it is on record that somebody tried."""
    edit(town)
    with pytest.raises(AnswerRefused):
        enact(town.settings, token)
    assert records(town)[-1].data | {"event": "refused", "by": "nobody"} == records(town)[-1].data


def forge(town: Town, **changes: str) -> None:
    """Write an approval of the law as it stands past every check, with the token of the last one in it."""
    journal = journal_of(town.settings)
    last = [record for record in records(town) if record.data["event"] == "enacted"][-1]
    proposal: Proposal = propose(town.settings)
    body = last.body_object() | {
        "files": proposal.files,
        "approvers": (town.policies / "approvers.yaml").read_text(encoding="utf-8"),
    }
    data = last.data | {"before": proposal.before, "after": proposal.after} | changes
    with journal.open_desk(LAW) as desk:
        kept = {name: last.fields[name] for name in ("runid", "subject", "tenantid", "envname", "missionid")}
        desk.append(kept, "law_record", data, payload=payload_bytes(body))
        desk.commit_now()


async def test_an_approval_that_was_written_past_every_check_is_none(town: Town) -> None:
    """It stays on record and is told of; what was approved before stays approved."""
    edit(town)
    forge(town)
    chain = chain_of(town.settings, "prod")
    assert [link.by for link in chain.links] == [LAWGIVER]
    assert "approves nothing: " in chain.objections[0]
    with pytest.raises(LawUnapproved):
        await town.park(LARGE)
    edit(town, *reversed(RAISED))
    assert (await town.park(LARGE)).status == "waiting"


async def test_two_who_approve_at_once_make_one_link(town: Town) -> None:
    """The other one is told, and nothing is lost."""
    edit(town)
    tokens = [signed_token(town.settings, LAWGIVER, str(n), town.key(LAWGIVER)) for n in range(4)]

    def bring(token: str) -> str:
        try:
            return enact(town.settings, token).after
        except AnswerRefused as error:
            return str(error)

    told = await asyncio.gather(*(asyncio.to_thread(bring, token) for token in tokens))
    links = chain_of(town.settings, "prod").links
    assert sum(each == links[-1].after for each in told) == 1
    assert len(links) == 2


async def test_a_home_where_nobody_approved_anything_flies_nothing_outside_dev(town: Town) -> None:
    """Another environment of the same home is another chain."""
    made = {"environment": "test"}
    with pytest.raises(LawUnapproved, match=r"Nobody approved the law in .* for test\. `gonogo policies` shows it"):
        await town.park(LARGE, **made)
    assert payments(town.home) == []
