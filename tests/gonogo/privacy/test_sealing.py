"""What is about people is ciphertext wherever a run writes, and the run itself sees every value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from analytics import warehouse
from gonogo import Personal
from gonogo.approvals import Reply, answer_gate
from gonogo.board import open_gates
from gonogo.errors import EvidenceBroken, MissionMisdefined, SettingsBroken
from gonogo.events import deliver
from gonogo.evidence.journals import journal_of
from gonogo.evidence.keyring import SubjectKey
from gonogo.evidence.ledger import Ledger
from gonogo.evidence.payloads import whole
from gonogo.evidence.records import Envelope
from gonogo.evidence.sealing import Erased, key_ids, opened_body, sealed
from gonogo.evidence.vaults import REFERENCES, Vault
from gonogo.lanes.local import LocalPilot
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify
from gonogo.plans import Plan
from gonogo.subjects import vault_of
from gonogo.tools import tool
from tests.gonogo.toy.patients import (
    KIN,
    MAIL,
    NAME,
    NOTE,
    PERSONAL,
    SEEN,
    cared,
    leave_waiting,
    left_behind,
    of,
    patient,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nobody_has_left() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    SEEN.clear()


async def test_a_run_sees_every_value_and_leaves_none_of_them_behind(tmp_path: Path) -> None:
    """Not in journals, log, warehouse, marts or anything else below the home; the ward itself got the letter."""
    went = await cared(tmp_path, patient())
    assert (went.outcome, went.landing.outcome) == ("discharged", {"outcome": "discharged", "to": KIN})
    assert [f"{NAME} goes home to {KIN}; reach them at {MAIL}. {NOTE}"] == SEEN
    chosen = of(tmp_path)
    sequence(chosen, journal_of(chosen))
    warehouse.land(tmp_path)
    assert left_behind(tmp_path) == []
    assert verify(log_folder(chosen), (log_folder(chosen) / "key.pub").read_text()).findings == []


async def test_a_run_that_goes_on_returns_what_it_recorded_and_does_nothing_twice(tmp_path: Path) -> None:
    """Digests and keys of operations are the same in the next process, which opens what the first one sealed."""
    await leave_waiting(tmp_path, patient(needs_consent=True))
    chosen = of(tmp_path)
    deliver(journal_of(chosen), "r1", "consent", [({"words": "Has nobody at home but me."}, None)], "cli")
    went = await cared(tmp_path, None)
    assert went.outcome == "discharged"
    assert len(SEEN) == 1
    assert len(went.told("step_record", "intent")) == len(went.told("step_record", "result")) == 2
    assert left_behind(tmp_path) == []


async def test_what_undoes_a_run_knows_its_operations_again_when_it_goes_on(tmp_path: Path) -> None:
    """It seals under the keys of the run that it undoes, and its digests are its own from its first record on."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    plan = Plan("r1-rollback", LocalPilot(), chosen, rolls_back="r1")
    mission: Any = None
    digests: list[str] = []
    for event in ("begun", "resumed"):
        ledger = Ledger.open(plan.run_id, journal_of(chosen), {})
        vault = vault_of(mission, None, ledger, plan)
        assert vault is not None
        digests.append(vault.digest(b"an operation"))
        ledger.envelope = Envelope({**ledger.envelope, REFERENCES: vault.references})
        await ledger.write("run_record", {"event": event})
        ledger.close()
    assert digests[0] == digests[1]


async def test_a_person_at_the_gate_reads_the_values_and_their_words_are_sealed(tmp_path: Path) -> None:
    """The card is opened for whoever may read the keys; what they answer counts as anywhere else."""
    await leave_waiting(tmp_path, patient(days=40))
    chosen = of(tmp_path)
    (row,) = open_gates(journal_of(chosen))
    assert NAME in row.card
    assert row.args["number"] == "P-73421"
    reply = Reply("go", "grace", f"{NAME} is well. Has nobody at home, though.", "cli")
    answer_gate(journal_of(chosen), row.gate, reply, "dev", "r1")
    went = await cared(tmp_path, None)
    assert went.outcome == "discharged"
    assert left_behind(tmp_path) == []


async def test_what_a_system_says_about_somebody_is_hidden_in_the_words_of_a_failure(tmp_path: Path) -> None:
    """A failure stands in a leaf, and a leaf cannot be erased."""
    went = await cared(tmp_path, patient(note="REFUSE"))
    (failed,) = went.told("tool_call", "result")[1:]
    assert "[personal]" in failed["error"]
    assert left_behind(tmp_path, ("P-73421", NAME, KIN)) == []


async def test_no_digest_in_a_leaf_can_be_found_again_by_trying(tmp_path: Path) -> None:
    """The same case in two runs leaves no digest in common: each is keyed by what is erased with the person."""
    digests: list[set[str]] = []
    for run_id in ("r1", "r2"):
        went = await cared(tmp_path, patient(), run_id=run_id)
        names = ("args_digest", "action_digest", "request_digest", "card_digest")
        digests.append({r.data[name] for r in went.flight for name in names if name in r.data})
    assert digests[0]
    assert not digests[0] & digests[1]


async def test_words_that_look_sealed_are_words(tmp_path: Path) -> None:
    """Whoever copies a sealed value into their own case reads nothing by it."""
    await cared(tmp_path, patient())
    journal = journal_of(of(tmp_path))
    body = journal.read_flight("r1")[0].body()
    stolen = body["name"]
    assert stolen.startswith("[sealed:")
    went = await cared(tmp_path, patient(number="P-2", name="Eve", note=stolen), run_id="r2")
    assert went.outcome == "discharged"
    assert stolen in SEEN[-1]
    assert NAME not in SEEN[-1]
    assert whole(journal.payloads, journal.read_flight("r2")[0]).body()["note"] == stolen


class Tagged(BaseModel):
    """A field whose subject is nowhere."""

    name: Annotated[str | None, Personal(subject="nobody")] = None


def test_a_mark_without_its_subject_is_refused_where_it_is_declared() -> None:
    """The author is told, not the operator."""
    with pytest.raises(MissionMisdefined, match="no such field"):

        @tool(system="ward", effect="read")
        async def read_tagged(number: str) -> Tagged:  # pyright: ignore[reportUnusedFunction] - it is refused
            return Tagged(name=number)


async def test_keys_of_one_machine_are_refused_where_many_fly(tmp_path: Path, postgres_url: str) -> None:
    """Another machine could not read its own evidence; nothing begins."""
    with pytest.raises(SettingsBroken, match="GONOGO_SUBJECT_KEYS"):
        await cared(tmp_path, patient(), overrides={"journals": postgres_url})


async def test_many_machines_share_journals_and_keys(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journals and keys in a Postgres: what one home sealed, another one with the same master key opens."""
    from gonogo.settings import process_settings

    master = tmp_path / "master.key"
    for name, value in (("JOURNALS", postgres_url), ("SUBJECT_KEYS", postgres_url), ("MASTER_KEY", str(master))):
        monkeypatch.setenv(f"GONOGO_{name}", value)
    process_settings.cache_clear()
    await leave_waiting(tmp_path / "one", patient(needs_consent=True))
    chosen = of(tmp_path / "two")
    deliver(journal_of(chosen), "r1", "consent", [({"words": "yes"}, None)], "cli")
    went = await cared(tmp_path / "two", None, overrides={"journals": postgres_url})
    assert went.outcome == "discharged"
    assert not any(
        word.encode() in record.payload.body for word in PERSONAL for record in raw(chosen) if record.payload
    )


def raw(chosen: Any) -> list[Any]:
    """Return the records of the run as they stand."""
    return journal_of(chosen).read_flight("r1")


KEY = SubjectKey("a" * 26, bytes(range(32)))
OTHER = SubjectKey("b" * 26, bytes(range(1, 33)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


class Ring:
    """Keys that are there already."""

    is_local = True

    def by_id(self, identity: str) -> SubjectKey | None:
        """Find a key."""
        return {KEY.id: KEY, OTHER.id: OTHER}.get(identity)

    def take(self, subject: str) -> SubjectKey:
        """Every subject but one has the same key."""
        return OTHER if subject == "other" else KEY


class Told(BaseModel):
    """A value that is personal."""

    whose: str
    value: Annotated[str, Personal(subject="whose")]


@given(JSON, st.text(min_size=3, max_size=30))
def test_any_payload_is_opened_as_it_was_sealed(value: Any, name: str) -> None:
    """Whatever stands in it, and whoever is named."""
    vault = Vault(Ring(), [KEY], "r1")  # pyright: ignore[reportArgumentType] - a ring for the test
    vault.learn(Told(whose="other", value=name))
    given_ = {"value": value, "name": name, "text": f"before {name} after", "json": json.dumps({"x": name})}
    body = orjson.dumps(given_, option=orjson.OPT_NON_STR_KEYS)
    assert orjson.loads(opened_body(vault.seal(body), vault.key_of)) == orjson.loads(body)


@given(st.binary(min_size=1), st.integers(0), st.integers(1, 255))
def test_a_sealed_value_that_was_changed_is_told_and_never_opened(raw_: bytes, place: int, flip: int) -> None:
    """One byte is enough."""
    token = sealed(KEY, raw_.hex())
    begin = token.rindex(":") + 2
    at = begin + place % (len(token) - begin - 1)
    letter = chr(33 + (ord(token[at]) + flip) % 90)
    changed = token[:at] + letter + token[at + 1 :]
    if changed == token:
        return
    try:
        body = opened_body(json.dumps(changed).encode(), Ring().by_id)
    except (EvidenceBroken, Erased):
        return
    assert json.loads(body) == changed, "it is text that does not look sealed any more"


def test_what_is_erased_is_not_returned_in_part() -> None:
    """A payload that names two people, one of them erased."""
    body = json.dumps({"a": sealed(KEY, "x"), "b": sealed(OTHER, "y")}).encode()
    assert key_ids(body) == {KEY.id, OTHER.id}
    with pytest.raises(Erased):
        opened_body(body, lambda name: KEY if name == KEY.id else None)
