"""The law that every mission stands under: tiers, environments, separation of duties."""

from __future__ import annotations

from typing import Any, get_args

import cedarpy
import pytest

from gonogo.model import Tier
from gonogo.policy.law import Request, Ruling
from tests.policies.court import POLICIES, Asked, law, rule

UPDATE = {"number": "INC-1", "audience": "internal", "headline": "h", "text": "t"}
SCALE_OUT = {
    "number": "INC-1",
    "service": "search",
    "affected_services": ["search"],
    "service_tier": 2,
    "change_window_open": False,
    "replicas": 20,
}


def of_tier(tier: str, effect: str, approvals: tuple[str, ...] = ()) -> str:
    """Return the verdict on an agent of a tier."""
    return ruling_of_tier(tier, effect, approvals).verdict


def ruling_of_tier(tier: str, effect: str, approvals: tuple[str, ...] = ()) -> Ruling:
    """Return the ruling on an agent of a tier that posts an update through a tool of an effect."""
    tool = {"name": "post_update", "system": "ticketing", "effect": effect}
    facts = [
        {"uid": {"type": "Agent", "id": "a"}, "attrs": {"tools": ["post_update"], "tier": tier, "owner": "o"}},
        {"uid": {"type": "System", "id": "ticketing"}, "attrs": {}},
        {
            "uid": {"type": "Tool", "id": "post_update"},
            "attrs": tool,
            "parents": [{"type": "System", "id": "ticketing"}],
        },
    ]
    call = {"mission": "m", "scope": ["ticketing"], "environment": "dev", "requester": "ada", "offline": False}
    request = Request(
        principal=("Agent", "a"), action="post_update", resource=("Tool", "post_update"), call=call, args=UPDATE
    )
    entities = law().entities([{"parents": [], **fact} for fact in facts])
    return law().decide(request, entities, approvals)


@pytest.mark.parametrize(
    ("tier", "read", "write"),
    [
        ("observe", "allow", "deny"),
        ("propose", "allow", "gate"),
        ("execute_with_approval", "allow", "gate"),
        ("execute_within_limits", "allow", "allow"),
        ("execute_with_sampling", "allow", "allow"),
        ("do_as_you_please", "deny", "deny"),
    ],
)
def test_a_tier_decides_how_much_an_agent_does_alone(tier: str, read: str, write: str) -> None:
    """Every tier may read; only the upper two change something alone; an unknown one does nothing."""
    assert (of_tier(tier, "read"), of_tier(tier, "write")) == (read, write)


def test_every_tier_of_the_registry_is_one_the_law_knows() -> None:
    """A tier that can be registered is never refused as unknown."""
    assert {tier: of_tier(tier, "read") for tier in get_args(Tier)} == dict.fromkeys(get_args(Tier), "allow")


def test_a_proposal_is_done_once_its_owner_said_go() -> None:
    """The owner's go lifts the tier's gate."""
    assert of_tier("propose", "irreversible", ("agent-owner",)) == "allow"


def scales(environment: str, approver: str) -> str:
    """Return the verdict on an approved large scale-out that ada asked for."""
    asked = Asked(
        "scale_out",
        SCALE_OUT,
        "incident_remediator",
        {"environment": environment, "requester": "ada", "offline": False},
        ("incident-commander",),
        (approver,),
    )
    return rule(asked, "incident_response").verdict


def test_outside_dev_nobody_approves_their_own_request() -> None:
    """Separation of duties: two people, except where names are unproven anyway."""
    assert scales("prod", "ada") == "deny"
    assert scales("test", "ada") == "deny"
    assert scales("prod", "grace") == "allow"
    assert scales("dev", "ada") == "allow"


def test_a_real_model_in_production_needs_no_extra_go() -> None:
    """The extra gate is about the scripted model only."""
    asked = Asked(
        "send_letter",
        {"claim_id": "C", "purpose": "documents_request", "subject": "s", "body": "b"},
        "claims_outreach",
        {"environment": "prod", "offline": False},
    )
    assert rule(asked, "claims_triage").verdict == "allow"
    scripted = asked._replace(call={"environment": "prod", "offline": True})
    assert rule(scripted, "claims_triage").roles == ("agent-owner",)


@pytest.mark.parametrize(
    ("untrusted", "approvals", "verdict"),
    [([], (), "allow"), (["claim_id"], (), "gate"), (["claim_id"], ("agent-owner",), "allow")],
)
@pytest.mark.parametrize("by", ["claims_outreach", ""])
def test_a_write_whose_target_only_outsiders_name_waits(
    untrusted: list[str], approvals: tuple[str, ...], verdict: str, by: str
) -> None:
    """For an agent and for a step of the mission alike; its owner's go lifts it."""
    letter = {"claim_id": "C", "purpose": "documents_request", "subject": "s", "body": "b"}
    asked = Asked("send_letter", letter, by, {"untrusted": untrusted} if untrusted else {}, approvals)
    ruled = rule(asked, "claims_triage")
    assert ruled.verdict == verdict
    assert ruled.roles == (("agent-owner",) if verdict == "gate" else ())


def test_a_read_never_waits_for_where_its_arguments_came_from() -> None:
    """Looking something up that a letter names is what letters are for."""
    asked = Asked("read_claim", {"claim_id": "C"}, "claims_outreach", {"untrusted": ["claim_id"]})
    assert rule(asked, "claims_triage").verdict == "allow"


def test_the_policies_validate_in_the_bare_engine() -> None:
    """The text holds without gonogo: it parses and fits its schema, and no policy can never apply."""
    schema = "\n".join(path.read_text() for path in sorted(POLICIES.glob("*.cedarschema")))
    text = "\n".join(path.read_text() for path in sorted(POLICIES.glob("*.cedar")))
    report = cedarpy.validate_policies(text, schema)  # pyright: ignore[reportUnknownMemberType] - typed in part
    assert report.validation_passed, report.errors


@pytest.mark.parametrize(("tier", "proposed"), [("propose", True), ("execute_with_approval", False)])
def test_only_the_tier_propose_lets_an_agent_go_on_meanwhile(tier: str, proposed: bool) -> None:
    """The difference between the two tiers that need a go."""
    assert ruling_of_tier(tier, "write").proposed is proposed


def test_a_held_sample_waits_for_its_reviewer() -> None:
    """Only where it was drawn."""
    asked = Asked("scale_out", SCALE_OUT | {"replicas": 2}, "incident_remediator", {"held_sample": True})
    assert rule(asked, "incident_response").roles == ("sample-reviewer",)
    assert rule(asked._replace(approvals=("sample-reviewer",)), "incident_response").verdict == "allow"
    assert rule(asked._replace(call={"held_sample": False}), "incident_response").verdict == "allow"


@pytest.mark.parametrize(
    ("said", "about", "verdict"),
    [(30, "incident_monitor", "allow"), (29, "incident_monitor", "gate"), (99, "claims_assessor", "deny")],
)
def test_an_agent_concludes_for_itself_where_it_is_sure_enough(said: int, about: str, verdict: str) -> None:
    """Below its card's threshold its owner says; for another agent it never concludes."""
    asked = Asked("conclude", {"confidence_pct": said, "least_pct": 30}, "incident_monitor")
    assert rule(asked, "incident_response", ("Agent", about)).verdict == verdict


@pytest.mark.parametrize(
    ("action", "case", "mission", "role"),
    [
        ("refund_payment", "claim_id", "claims_triage", "claims-manager"),
        ("withdraw_publication", "brief_id", "content_review", "communications-lead"),
        ("withdraw_referral", "claim_id", "claims_triage", None),
        ("cancel_meeting", "lead_id", "lead_qualification", None),
        ("recall_from_signature", "contract_id", "contract_review", None),
        ("withdraw_handover", "number", "incident_response", None),
    ],
)
def test_money_and_publications_are_taken_back_only_after_a_go(
    action: str, case: str, mission: str, role: str | None
) -> None:
    """The rest a mission takes back alone; no agent has any of it in its mandate."""
    args = {case: "C-1", "reference": "entry-1", "reason": "wrong"}
    ruling = rule(Asked(action, args), mission)
    assert (ruling.verdict, ruling.roles) == (("gate", (role,)) if role else ("allow", ()))
    assert rule(Asked(action, args, "claims_cashier"), mission).verdict == "deny"


def hands_over(to: str, by: str = "incident_coordinator", **facts: Any) -> Ruling:
    """Return the ruling on a hand-over between two agents of the registry."""
    args = {
        "work": "classify", "to": to, "brief_digest": "0" * 64, "chain": [by], "depth": 1, "depth_max": 1,
        "number": 1, "number_max": 2, **facts,
    }  # fmt: skip
    return rule(Asked("delegate", args, by), "incident_response", resource=("Agent", to))


@pytest.mark.parametrize(
    ("ruling", "by"),
    [
        (hands_over("incident_monitor"), "agent-delegates-within-its-mandate"),
        (hands_over("claims_cashier"), "default-deny"),
        (hands_over("incident_planner", by="incident_monitor"), "default-deny"),
        (hands_over("incident_coordinator"), "no-delegation-in-a-ring"),
        (hands_over("incident_monitor", chain=["incident_coordinator", "incident_monitor"]), "no-delegation-in-a-ring"),
        (hands_over("incident_monitor", depth=2), "no-delegation-too-deep"),
        (hands_over("incident_monitor", number=3), "no-delegation-too-wide"),
        (hands_over("incident_scribe", by="incident_planner"), "nobody-delegates-past-its-tier"),
    ],
)
def test_work_is_handed_to_whom_the_mandate_names_and_neither_round_nor_too_deep_nor_too_wide(
    ruling: Ruling, by: str
) -> None:
    """Every other hand-over is denied, and nobody can be asked to lift it."""
    assert by in ruling.rules
    assert ruling.verdict == ("allow" if by.startswith("agent-") else "deny")
