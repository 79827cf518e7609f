"""Rows of files become cases and events, or are refused with field and reason."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import CaseRefused
from policies.claims import Claim
from policies.contracts import Contract
from policies.incidents import Incident, TicketUpdate
from policies.leads import Lead
from tasks.adapters import ADAPTERS

if TYPE_CHECKING:
    from pathlib import Path

CLAIMS, INCIDENTS = ADAPTERS["claims_triage"], ADAPTERS["incident_response"]
CONTRACTS = ADAPTERS["contract_review"]
LEADS = ADAPTERS["lead_qualification"]

CSV_CLAIM: dict[str, Any] = {
    "claim_id": "CLM-1",
    "policy_number": "P-1",
    "claimant": "C-1",
    "loss": "glass",
    "occurred_on": "2026-03-01",
    "reported_on": "2026-03-02",
    "claimed_cents": "10000",
    "payee": "DE0012345678",
    "description": "",
    "documents": '["photos"]',
    "policy.number": "P-1",
    "policy.holder": "C-1",
    "policy.perils": '["glass"]',
    "policy.insured_sum_cents": "1000000",
    "policy.deductible_cents": "0",
    "policy.starts_on": "2025-01-01",
    "policy.ends_on": "2027-01-01",
    "policy.payees": '["DE0012345678"]',
    "event": None,
    "occurred_at": "",
}

HISTORY: dict[str, Any] = {
    "number": "0000045",
    "ident_state": "Closed",
    "active": "false",
    "reassignment_count": "3",
    "reopen_count": "1",
    "sys_mod_count": "4",
    "made_sla": "true",
    "opened_at": "29/2/2016 01:16",
    "sys_updated_at": "5/3/2016 12:00",
    "contact_type": "Phone",
    "location": "143",
    "category": "55",
    "u_symptom": "?",
    "cmdb_ci": "?",
    "impact": "2",
    "urgency": "1",
    "priority": "2",
    "assignment_group": "?",
    "resolved_at": "?",
    "closed_at": "5/3/2016 12:00",
}


def test_a_csv_row_with_nested_columns_and_json_cells_is_a_claim() -> None:
    """Everything in a CSV is text; the case is typed."""
    case = Claim.model_validate(CLAIMS.case(CSV_CLAIM))
    assert case.claimed_cents == 10_000
    assert case.documents == ("photos",)
    assert case.policy is not None
    assert case.policy.payees == ("DE0012345678",)


def test_a_later_row_of_a_claim_is_the_event_it_names() -> None:
    """Event and time have their columns; the rest is the body."""
    row = {"event": "documents_received", "occurred_at": "2026-03-05T09:00:00", "documents": '["invoice"]', "loss": ""}
    name, body, occurred = CLAIMS.event(row)
    assert (name, body) == ("documents_received", {"documents": ["invoice"]})
    assert occurred == datetime(2026, 3, 5, 9, tzinfo=UTC)


def test_the_row_without_a_time_is_the_case_and_comes_first() -> None:
    """Time order of a case's rows."""
    later = {"event": "e", "occurred_at": "2026-03-05T09:00:00+00:00"}
    earlier = {"event": "e", "occurred_at": "2026-03-05T10:00:00+02:00"}
    broken = {"event": "e", "occurred_at": "soon"}
    assert sorted([broken, later, CSV_CLAIM, earlier], key=CLAIMS.sort_key) == [CSV_CLAIM, earlier, later, broken]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"claimed_cents": "much"}, r"claimed_cents: .*integer"),
        ({"claimed_cents": None}, r"claimed_cents: Field required"),
        ({"documents": "[photos"}, r"documents: Input should be a valid tuple"),
        ({"policy": "{}"}, r"policy: the row has this column and others below it"),
        ({"colour": "blue"}, r"colour: Extra inputs"),
        ({"payee": "'; drop table payments; --"}, r"payee: String should match"),
    ],
)
def test_a_bad_row_is_refused_with_field_and_reason(wrong: dict[str, Any], told: str) -> None:
    """The rest of the file flies; this row says what is wrong with it."""
    with pytest.raises(CaseRefused, match=told):
        CLAIMS.case(CSV_CLAIM | wrong)


def test_words_in_brackets_stay_words() -> None:
    """Only what is JSON is read as JSON."""
    assert CLAIMS.case(CSV_CLAIM | {"description": "[urgent] the pane broke"})["description"].startswith("[urgent]")


@pytest.mark.parametrize("row", [{"documents": '["photos"]'}, {"event": "e"}, {"event": "e", "occurred_at": "soon"}])
def test_an_event_without_name_or_time_is_refused(row: dict[str, Any]) -> None:
    """A later row that tells no event is no event."""
    with pytest.raises(CaseRefused, match=r"event: |occurred_at: "):
        CLAIMS.event(row)


def test_a_row_of_a_history_is_an_incident_handled_in_its_source() -> None:
    """The declared mapping: state on arrival beside what the incident is about; ? is not known."""
    case = Incident.model_validate(INCIDENTS.case(HISTORY))
    assert (case.number, case.handled_by, case.impact, case.urgency) == ("0000045", "source", 2, 1)
    assert case.description == "Reported by: Phone. Location: 143. Category: 55."
    assert case.opened_at == datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    assert case.source is not None
    assert case.source.assignment_group is None


def test_a_later_row_of_a_history_is_a_ticket_update() -> None:
    """Body, name and time of the event."""
    name, body, occurred = INCIDENTS.event(HISTORY)
    assert (name, occurred) == ("ticket_updated", datetime(2016, 3, 5, 12, tzinfo=UTC))
    assert body == {
        "number": "0000045",
        "incident_state": "Closed",
        "active": False,
        "made_sla": True,
        "reassignment_count": 3,
        "reopen_count": 1,
        "opened_at": "2016-02-29T01:16:00+00:00",
        "resolved_at": None,
        "closed_at": "2016-03-05T12:00:00+00:00",
        "sys_updated_at": "2016-03-05T12:00:00+00:00",
        "sys_mod_count": 4,
        "priority": 2,
        "assignment_group": None,
        "category": "55",
    }
    assert TicketUpdate.model_validate(body).is_final


def test_the_mapping_reads_other_spellings_of_the_same_export() -> None:
    """The column's other name, native types, a worded priority, ISO times."""
    row = {name: value for name, value in HISTORY.items() if name != "ident_state"} | {
        "incident_state": "Active",
        "active": True,
        "sys_mod_count": 7,
        "priority": "3 - Moderate",
        "opened_at": datetime(2016, 2, 29, 1, 16),  # noqa: DTZ001 - a file's native time has no offset
        "sys_updated_at": "2016-03-05T12:00:00+02:00",
    }
    _, body, occurred = INCIDENTS.event(row)
    assert (body["incident_state"], body["active"], body["priority"], body["sys_mod_count"]) == ("Active", True, 3, 7)
    assert body["opened_at"] == "2016-02-29T01:16:00+00:00"
    assert occurred == datetime(2016, 3, 5, 10, tzinfo=UTC)


def test_rows_of_one_minute_keep_the_order_of_their_revisions() -> None:
    """Time first, then the source's revision; a row without a time goes last and is refused later."""
    first, second = HISTORY | {"sys_mod_count": "2"}, HISTORY | {"sys_mod_count": "10"}
    earlier = HISTORY | {"sys_updated_at": "29/2/2016 08:53", "sys_mod_count": "99"}
    broken = HISTORY | {"sys_updated_at": "?"}
    assert sorted([broken, second, first, earlier], key=INCIDENTS.sort_key) == [earlier, first, second, broken]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sys_updated_at": "31/13/2016 00:00"}, r"sys_updated_at: '31/13/2016 00:00' is not a time"),
        ({"made_sla": "?"}, r"made_sla: nothing is recorded"),
        ({"made_sla": "maybe"}, r"made_sla: 'maybe' is neither true nor false"),
        ({"reopen_count": "-1"}, r"reopen_count: '-1' is not a whole number"),
        ({"impact": "9"}, r"impact: Input should be less"),
        ({"number": "00 45"}, r"number: String should match"),
    ],
)
def test_a_bad_history_row_is_refused_with_field_and_reason(wrong: dict[str, Any], told: str) -> None:
    """Neither case nor event is guessed."""
    with pytest.raises(CaseRefused, match=told):
        INCIDENTS.case(HISTORY | wrong)


def test_a_history_without_a_needed_column_is_refused() -> None:
    """The message names the column, with its other spelling."""
    row = {name: value for name, value in HISTORY.items() if name != "ident_state"}
    with pytest.raises(CaseRefused, match="no column incident_state or ident_state"):
        INCIDENTS.event(row)


def test_an_incident_with_its_own_fields_is_taken_as_it_is() -> None:
    """A JSONL row that is an incident needs no mapping."""
    row = {"number": "INC-1", "title": "t", "observations": [{"service": "search", "symptom": "high_latency"}]}
    assert Incident.model_validate(INCIDENTS.case(row)).services == ("search",)


def test_a_row_that_names_a_file_means_the_file_as_it_is_now(tmp_path: Path) -> None:
    """The digest is taken when the batch is read; a file that changes later is refused by the repository."""
    path = tmp_path / "a contract, signed.txt"
    path.write_text("SUPPLY AGREEMENT", encoding="utf-8")
    row = {"contract_id": "CON-1", "counterparty": "CP-1", "value_cents": "", "file": str(path)}
    case = Contract.model_validate(CONTRACTS.case(row))
    assert (case.file, case.value_cents, case.text) == (str(path), None, None)
    assert case.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_row_that_names_a_file_that_is_not_there_is_no_case(tmp_path: Path) -> None:
    """The message names it."""
    row = {"contract_id": "CON-1", "counterparty": "CP-1", "file": str(tmp_path / "gone.txt")}
    with pytest.raises(CaseRefused, match=r"file: .*gone\.txt cannot be read"):
        CONTRACTS.case(row)


CAMPAIGN: dict[str, Any] = {
    "row": "6", "poutcome": "failure", "job": "self-employed", "marital": "married", "education": "tertiary",
    "default": "no", "housing": "yes", "loan": "no", "contact": "cellular", "day": "5", "month": "may",
    "campaign": "3", "duration": "1042", "pdays": "151", "previous": "2", "age": "58", "balance": "-143", "y": "yes",
}  # fmt: skip


def test_a_row_of_a_campaign_is_a_private_lead() -> None:
    """The declared mapping: words as the profile has them, and one call fewer than the row tells of."""
    case = Lead.model_validate(LEADS.case(CAMPAIGN))
    assert (case.lead_id, case.person, case.company, case.message) == ("BANK-6", "BANK-6", None, "")
    assert case.profile.model_dump(exclude={"marital", "education", "channel", "month", "last_outcome"}) == {
        "age": 58,
        "job": "self_employed",
        "in_default": "no",
        "housing_loan": "yes",
        "personal_loan": "no",
        "balance_eur": -143,
        "contacts_this_campaign": 2,
        "contacts_before": 2,
        "days_since_contact": 151,
    }


def test_what_is_known_only_after_the_call_never_reaches_a_lead() -> None:
    """Other values of the outcome and the duration, or none, make the very same case."""
    leaked = LEADS.case(CAMPAIGN | {"duration": "4918", "y": "no", "day": "31"})
    absent = LEADS.case({name: value for name, value in CAMPAIGN.items() if name not in {"duration", "y", "day"}})
    assert leaked == absent == LEADS.case(CAMPAIGN)


def test_a_person_who_was_never_called_before_has_no_days() -> None:
    """-1 in the file means none."""
    row = CAMPAIGN | {"pdays": "-1", "previous": "0", "poutcome": "unknown", "job": "admin."}
    profile = Lead.model_validate(LEADS.case(row)).profile
    assert (profile.days_since_contact, profile.last_outcome, profile.job) == (None, "unknown", "admin")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"age": "old"}, r"age: 'old' is not a whole number"),
        ({"age": "7"}, r"profile\.age: Input should be greater"),
        ({"month": "brumaire"}, r"profile\.month: Input should be"),
        ({"campaign": "0"}, r"campaign: '0' calls"),
        ({"balance": None}, r"balance: nothing is recorded"),
        ({"job": "astronaut"}, r"profile\.job: Input should be"),
        ({"row": None}, r"row: the row has no number"),
        ({"row": "../6"}, r"lead_id: String should match"),
    ],
)
def test_a_bad_campaign_row_is_refused_with_field_and_reason(wrong: dict[str, Any], told: str) -> None:
    """Nobody is scored on a guess."""
    with pytest.raises(CaseRefused, match=told):
        LEADS.case(CAMPAIGN | wrong)


def test_a_lead_with_its_own_fields_is_taken_as_it_is() -> None:
    """Columns of the profile nest by their dotted name."""
    row = {"lead_id": "L-1", "person": "P-1", "company": "Probe AG", "profile.month": "may", "profile.age": "44"}
    case = Lead.model_validate(LEADS.case(row))
    assert (case.company, case.profile.age, case.profile.month) == ("Probe AG", 44, "may")
