"""Approvers at the command line: enrolled, they sign, and production goes on; nobody else moves it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.docs.pages import ROOT
from tests.e2e.cases import claim

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.command import Command


def test_an_enrolled_person_signs_and_a_run_of_production_goes_on(gonogo: Command, tmp_path: Path) -> None:
    """Enrol, fly, sign, resume; a token made for another door answers nothing by itself."""
    policies, key = shutil.copytree(ROOT / "policies", tmp_path / "policies"), tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    prod = {"GONOGO_ENVIRONMENT": "prod", "GONOGO_POLICY_FOLDER": str(policies), "GONOGO_REQUESTER": "intake"}
    enrolled = gonogo("approvers", "enrol", "ada", "--role", "claims-adjuster", "--key", f"{key}.pub", env=prod)
    assert (enrolled.code, "claims-adjuster" in (policies / "approvers.yaml").read_text()) == (0, True)
    unapproved = gonogo("run", "claims_triage", "--no-wait", case=claim("straightforward", "EARLY"), env=prod)
    assert (unapproved.code, "Nobody approved the law in" in unapproved.sentence) == (1, True)
    assert gonogo("policies", env=prod).code == 1
    by_nobody = gonogo("policies", "approve", "--as", "ada", "--sign", str(key), "--reason", "r", env=prod)
    assert (by_nobody.code, "ada does not have the role law" in by_nobody.sentence) == (2, True)
    gonogo("approvers", "enrol", "ada", "--role", "law", env=prod)
    lawful = gonogo("policies", "approve", "--as", "ada", "--sign", str(key), "--reason", "as reviewed", env=prod)
    assert lawful.code == 0, lawful.err
    flown = gonogo("run", "claims_triage", "--no-wait", case=claim("straightforward", "SIGN"), env=prod)
    assert flown.code == 5
    run_id = gonogo.the_run()
    gate = gonogo.gate_of(run_id)
    said = ("decide", gate, "go", "--reason", "cover confirmed", "--as", "ada", "--sign", str(key))
    shown = gonogo(*said, "--show-token", env=prod)
    assert shown.out.startswith("gonogo1.")
    assert gonogo.told(run_id, "approval_record") == []
    answer = gonogo("decide", gate, "go", "--token", shown.out.strip(), env=prod)
    assert answer.code == 0, answer.err
    (approval,) = gonogo.told(run_id, "approval_record")
    assert approval.data | {"by": "ada", "proof": "signature", "accepted": True} == approval.data
    laws = gonogo("policies", "--run", run_id, env=prod)
    assert (laws.code, "approved by ada at" in laws.out) == (0, True)
    listed = gonogo("approvers", "list", env=prod)
    assert "may answer" in listed.out


def test_what_is_missing_or_too_much_is_said_in_one_sentence(gonogo: Command) -> None:
    """Exit 2, and nothing is touched."""
    for words, told in (
        (("decide", "abc", "go"), "Say --reason and --as"),
        (("decide", "abc", "go", "--reason", "r", "--as", "a", "--totp", "1", "--token", "x"), "Give one of"),
        (("approvers", "revoke", "ada"), "Say --reason"),
        (("approvers", "enrol"), "Say who"),
        (("approvers", "revoke", "nobody-here", "--reason", "left"), "nobody-here is not enrolled"),
    ):
        done = gonogo(*words)
        assert done.code == 2
        assert told in done.err.replace("\n", " ")


def test_accounts_and_the_dashboards_key_are_enrolled_by_command(gonogo: Command, tmp_path: Path) -> None:
    """What is missing is said; what is enrolled is listed."""
    policies = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    env = {"GONOGO_POLICY_FOLDER": str(policies)}
    place = ("--issuer", "https://id.example.com", "--client", "board")
    half = gonogo("approvers", "enrol", "ada", *place, env=env)
    assert (half.code, "--subject or --email" in half.err) == (2, True)
    assert gonogo("approvers", "enrol", "ada", *place, "--email", "Ada@Example.com", env=env).code == 0
    made = gonogo("approvers", "witness", "--json", env=env)
    assert made.json["fingerprint"].startswith("SHA256:")
    listed = gonogo("approvers", "list", env=env)
    assert "ada@example.com at https://id.example.com, up to medium risk" in " ".join(listed.out.split())
    assert made.json["fingerprint"] in listed.out
