"""`gonogo run`, in a process of its own, with no server anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.cases import claim, incident

if TYPE_CHECKING:
    from tests.e2e.command import Command


def test_a_small_claim_is_paid_and_the_run_is_summed_up(gonogo: Command) -> None:
    """Exit 0, and every field an operator needs to go on from there."""
    small = claim("straightforward", "SMALL")
    done = gonogo("run", "claims_triage", case=small)
    run_id = gonogo.the_run()
    fields = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert done.code == 0
    assert done.err == ""
    assert fields["run"] == run_id
    assert fields["mission"] == "claims_triage"
    assert fields["status"] == "done, outcome paid"
    assert "USD (notional prices), 2 model calls, 3 changes" in fields["cost"]
    records = len(gonogo.journal.read_flight(run_id))
    assert fields["evidence"] == f"{records} records: gonogo evidence {run_id}"
    assert len(gonogo.payments("CLM-SMALL")) == 1


def test_json_is_one_clean_document(gonogo: Command) -> None:
    """A program reads standard output, and nothing but JSON is there."""
    done = gonogo("run", "claims_triage", "--json", case=claim("not_covered", "DRY"))
    assert done.code == 0
    landing = json.loads(done.out)
    assert landing["run_id"] == gonogo.the_run()
    assert (landing["status"], landing["outcome"]["outcome"]) == ("done", "declined")
    assert landing["totals"]["price_basis"] == "notional"
    assert landing["evidence"] > 0


def test_a_case_comes_from_a_file_and_single_fields_from_the_command_line(gonogo: Command) -> None:
    """`--set` goes over `--input`."""
    path = gonogo.write_case(claim("straightforward", "FILE"))
    done = gonogo("run", "claims_triage", "--input", path, "--set", "claim_id=CLM-SET", "--json")
    assert done.code == 0
    assert done.json["outcome"]["claim_id"] == "CLM-SET"


def test_a_mission_goes_by_its_deployment_name_too(gonogo: Command) -> None:
    """`claims-triage` and `claims_triage` are the same."""
    assert gonogo("run", "claims-triage", "--json", case=claim("straightforward", "DASH")).code == 0


def test_what_policy_refuses_ends_no_go(gonogo: Command) -> None:
    """Money to a foreign account: exit 3, the rule named, nothing paid."""
    done = gonogo("run", "claims_triage", case=claim("foreign_account", "ELSEWHERE"))
    assert done.code == 3
    assert "status    no-go" in done.out
    assert "because   pay_claim is refused by payee-on-policy: Money goes only to an account" in done.out
    assert gonogo.payments("CLM-ELSEWHERE") == []


def test_a_tool_outside_the_mandate_is_refused(gonogo: Command) -> None:
    """An agent whose mandate lost a tool cannot use it, and nothing is paid."""
    mandate = "tools: [read_payment_facts, pay_claim]"
    gonogo.change_policies("agents.yaml", mandate, "tools: [read_payment_facts]")
    done = gonogo("run", "claims_triage", case=claim("straightforward", "MANDATE"))
    assert done.code == 3
    assert "because   pay_claim is refused by default-deny: No rule permits claims_cashier to pay_claim." in done.out
    assert gonogo.payments("CLM-MANDATE") == []


def test_a_run_may_leave_at_a_gate(gonogo: Command) -> None:
    """`--no-wait`: exit 5, what it waits for, how to answer, and how to go on."""
    done = gonogo("run", "claims_triage", "--no-wait", case=claim("above_limit", "LARGE"))
    run_id = gonogo.the_run()
    gate = gonogo.gate_of(run_id)
    assert done.code == 5
    assert f"waits for {gate}" in done.out
    assert f"gonogo run claims_triage --resume {run_id}" in done.out
    assert f"gonogo decide {gate} go --reason" in done.err
    assert gonogo.payments("CLM-LARGE") == []


def test_an_answered_gate_lets_the_resumed_run_pay_once(gonogo: Command) -> None:
    """Leave, decide, resume, resume again: one payment."""
    gonogo("run", "claims_triage", "--no-wait", case=claim("above_limit", "LATER"))
    run_id = gonogo.the_run()
    told = gonogo("decide", gonogo.gate_of(run_id), "go", "--reason", "cover confirmed", "--as", "ada")
    assert told.code == 0
    assert f"gonogo run claims_triage --resume {run_id}" in told.out
    for _ in range(2):
        done = gonogo("run", "claims_triage", "--resume", run_id, "--json")
        assert (done.code, done.json["outcome"]["outcome"]) == (0, "paid")
    assert len(gonogo.payments("CLM-LATER")) == 1


def test_a_run_waits_for_its_event_and_goes_on_with_it(gonogo: Command) -> None:
    """The customer's documents come in by `gonogo event`, and the waiting process takes them."""
    waiting = gonogo.start("run", "claims_triage", "--json", case=claim("one_document_missing", "POST"))
    gonogo.says(waiting, "--input FILE")
    run_id = gonogo.the_run()
    told = gonogo("event", "documents_received", "--run", run_id, "--set", 'documents=["repair_estimate"]')
    done = waiting.wait()
    assert told.code == 0
    assert done.code == 0, done.err
    assert done.json["outcome"] | {"outcome": "paid", "outreach_rounds": 1} == done.json["outcome"]
    (event,) = gonogo.told(run_id, "event_record")
    assert event.data["door"] == "cli"


def test_incidents_fly_as_claims_do(gonogo: Command) -> None:
    """The other mission, from the same command."""
    done = gonogo("run", "incident_response", "--json", case=incident("stale_cache", "CACHE"))
    assert (done.code, done.json["outcome"]["outcome"]) == (0, "resolved")
