"""What cannot start: one clear sentence on standard error, exit 1, no traceback, no effect anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.house.server import free_port
from tests.e2e.cases import claim

if TYPE_CHECKING:
    from tests.e2e.command import Command, Done


def nothing_happened(gonogo: Command, done: Done) -> str:
    """Check that nothing was started, and return the sentence."""
    assert done.code == 1
    assert gonogo.journal.run_ids() == []
    assert gonogo.effects() == {}
    return done.sentence


def test_a_malformed_case_names_its_field(gonogo: Command) -> None:
    """A negative sum is no claim."""
    done = gonogo("run", "claims_triage", case=claim("straightforward", "BAD") | {"claimed_cents": -5})
    assert "claimed_cents: Input should be greater than 0" in nothing_happened(gonogo, done)


def test_a_field_nobody_knows_is_refused(gonogo: Command) -> None:
    """A typing error does not become a silent default."""
    done = gonogo("run", "claims_triage", case=claim("straightforward", "BAD") | {"amount": 5})
    assert "amount: Extra inputs are not permitted" in nothing_happened(gonogo, done)


def test_a_mission_that_does_not_exist_is_told_with_those_that_do(gonogo: Command) -> None:
    """The way out is in the sentence."""
    sentence = nothing_happened(gonogo, gonogo("run", "nonsuch", case={}))
    assert "There is no mission nonsuch" in sentence
    assert "claims_triage" in sentence
    assert "land_evidence" not in sentence, "a flow, but no mission"
    assert "fly_each" not in sentence


def test_a_flow_that_is_no_mission_is_not_flown(gonogo: Command) -> None:
    """The house's own flows are scheduled, not flown."""
    assert "not a mission" in nothing_happened(gonogo, gonogo("run", "land_evidence", case={}))


@pytest.mark.parametrize(
    ("source", "told"), [("nothing.json", "cannot be read"), ("list.json", "no JSON object"), ("torn.json", "not JSON")]
)
def test_an_input_file_that_is_no_case_is_named(gonogo: Command, source: str, told: str) -> None:
    """A missing file, a list, half a file."""
    (gonogo.scratch / "list.json").write_text("[]", encoding="utf-8")
    (gonogo.scratch / "torn.json").write_text('{"claim_id": "CLM', encoding="utf-8")
    sentence = nothing_happened(gonogo, gonogo("run", "claims_triage", "--input", gonogo.scratch / source))
    assert source in sentence
    assert told in sentence


def test_a_run_without_a_case_is_told_how_to_give_one(gonogo: Command) -> None:
    """Three ways are offered."""
    assert "--input FILE, --set field=value, or --each FILE" in nothing_happened(gonogo, gonogo("run", "claims_triage"))


def test_a_file_of_another_kind_is_not_guessed_at(gonogo: Command) -> None:
    """Only the three kinds that are named."""
    path = gonogo.scratch / "cases.xlsx"
    path.write_bytes(b"PK")
    sentence = nothing_happened(gonogo, gonogo("run", "claims_triage", "--each", path))
    assert "neither .csv, .jsonl nor .parquet" in sentence


def test_a_law_that_does_not_parse_starts_nothing(gonogo: Command) -> None:
    """The sentence names the file."""
    gonogo.change_policies("common.cedar", "permit (principal is Mission", "permit (principal is")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "LAW"))
    assert "common.cedar does not parse" in nothing_happened(gonogo, done)


def test_a_law_that_speaks_of_what_does_not_exist_starts_nothing(gonogo: Command) -> None:
    """A rule about an attribute that no request has would never hold; it is found before anything flies."""
    gonogo.change_policies("claims.cedar", "context.args.fraud_score_pct >= 70", "context.args.fraud_scor_pct >= 70")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "LAW"))
    assert "fraud_scor_pct" in nothing_happened(gonogo, done)


def test_an_agent_that_nobody_registered_starts_nothing(gonogo: Command) -> None:
    """Not even the steps before it are done: a claim is not entered that nobody may assess."""
    gonogo.change_policies("agents.yaml", "  claims_assessor:", "  claims_other:")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "AGENT"))
    assert "The agent claims_assessor is not registered" in nothing_happened(gonogo, done)


def test_a_mandate_that_nobody_registered_starts_nothing(gonogo: Command) -> None:
    """The same for an agent that only lends its mandate to a step."""
    gonogo.change_policies("agents.yaml", "  claims_cashier:", "  claims_other:")
    gonogo.change_policies("budgets.yaml", "    claims_cashier:", "    claims_other:")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "CASHIER"))
    assert "The agent claims_cashier is not registered" in nothing_happened(gonogo, done)


def test_a_model_without_a_price_starts_nothing(gonogo: Command) -> None:
    """An unknown price is not zero, and it is found before the first step."""
    env = {"GONOGO_MODEL": "openai:gpt-nonsuch", "OPENAI_API_KEY": "not-a-key"}
    done = gonogo("run", "claims_triage", case=claim("straightforward", "PRICE"), env=env)
    sentence = nothing_happened(gonogo, done)
    assert "No price list knows openai:gpt-nonsuch" in sentence
    assert "prices.yaml" in sentence


def test_a_server_that_does_not_answer_is_named(gonogo: Command) -> None:
    """A dead PREFECT_API_URL: nothing flies here instead, and the sentence says what to do."""
    env = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    done = gonogo("run", "claims_triage", case=claim("straightforward", "DEAD"), env=env)
    sentence = nothing_happened(gonogo, done)
    assert env["PREFECT_API_URL"] in sentence
    assert "unset PREFECT_API_URL" in sentence


def test_a_home_that_cannot_be_written_stops_the_run(gonogo: Command) -> None:
    """No evidence, no action."""
    gonogo.home.write_text("a file stands where the folder should be", encoding="utf-8")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "HOME"))
    assert "Evidence cannot be written" in nothing_happened(gonogo, done)


def test_a_setting_that_does_not_hold_is_named(gonogo: Command) -> None:
    """The name of the variable is in the sentence."""
    done = gonogo("runs", env={"GONOGO_FLIGHTS": "many"})
    assert "GONOGO_FLIGHTS" in nothing_happened(gonogo, done)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evidence", "nonsuch"), "No run called nonsuch"),
        (("decide", "nonsuch", "go", "--reason", "x", "--as", "ada"), "There is no gate nonsuch"),
        (("decide", "nonsuch", "maybe", "--reason", "x", "--as", "ada"), "maybe is no answer"),
        (("event", "documents_received", "--run", "nonsuch"), "No run called nonsuch"),
        (("run", "claims_triage", "--resume", "nonsuch"), "No run called nonsuch"),
        (("run", "claims_triage", "--set", "nonsense"), "--set nonsense is not name=value"),
    ],
)
def test_what_does_not_exist_is_said_in_a_sentence(gonogo: Command, arguments: tuple[str, ...], told: str) -> None:
    """Runs, gates and answers that nobody knows."""
    assert told in nothing_happened(gonogo, gonogo(*arguments))
