"""Abort and rearm, as operators use them: what they refuse, what they halt, and what holds afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.cases import claim
from tests.e2e.command import until

if TYPE_CHECKING:
    from tests.e2e.command import Command

WHY = ("--reason", "it pays twice", "--as", "ada")
DEAD = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mission", "claims_triag", *WHY), "There is no mission 'claims_triag', so nothing was halted"),
        (("--agent", "nobody", *WHY), "There is no agent 'nobody'"),
        (("--all", "--mission", "claims_triage", *WHY), "Name exactly one"),
        (WHY, "Name exactly one"),
        (("--all",), "takes a name and a reason"),
        (("no-such-run", *WHY), "No run called no-such-run"),
    ],
)
def test_what_names_nothing_halts_nothing(gonogo: Command, arguments: tuple[str, ...], words: str) -> None:
    """A typing error must not look like a halt: one sentence, no switchboard."""
    done = gonogo("abort", *arguments)
    assert done.code in {1, 2}
    assert words in done.sentence
    assert gonogo("abort", "--list", "--json").json == []


def test_a_waiting_run_is_halted_with_the_server_dead_and_nothing_starts_until_it_is_rearmed(gonogo: Command) -> None:
    """The run ends aborted in its own process; its gate is void; rearming takes a name."""
    waiting = gonogo.start("run", "claims_triage", case=claim("above_limit", "STOP"))
    until(gonogo.journal.run_ids, "a run")
    run_id = gonogo.the_run()
    gate = gonogo.gate_of(run_id)
    before = gonogo.effects()
    done = gonogo("abort", "--mission", "claims-triage", *WHY, "--json", env=DEAD)
    ended = waiting.wait()
    refused = gonogo("decide", gate, "go", "--reason", "fine", "--as", "ben")
    again = gonogo("run", "claims_triage", case=claim("above_limit", "NEXT"))
    lifted = gonogo("rearm", "--mission", "claims_triage", "--reason", "fixed", "--as", "ben")
    assert (done.code, done.json["halted"], done.json["still"]) == (0, True, [])
    assert done.json["stopped"] + done.json["ended"] == [run_id]
    assert (ended.code, "it pays twice" in ended.out) == (4, True)
    assert (refused.code, "it pays twice" in refused.sentence) == (2, True)
    assert (again.code, "gonogo rearm --mission claims_triage" in again.out) == (4, True)
    assert gonogo.effects() == before
    assert "payments" not in before
    assert gonogo.journal.run_ids() == [run_id]
    assert (lifted.code, "re-armed by ben (unproven)" in lifted.out) == (0, True)
    assert gonogo("abort", "--list").out.strip() == "Nothing is halted."


def test_outside_of_dev_nobody_rearms_without_proof(gonogo: Command) -> None:
    """And a shell that says dev does not either."""
    prod = {"GONOGO_ENVIRONMENT": "prod"}
    gonogo("abort", "--all", *WHY, env=prod)
    for env in (prod, None):
        done = gonogo("rearm", "--all", "--reason", "fixed", "--as", "ada", env=env)
        assert done.code == 2
        assert "name without proof" in done.sentence
    (known,) = gonogo("abort", "--list", "--json").json
    assert known["target"] == {"kind": "all", "name": ""}
