"""The law: closed by default, and whatever is wrong with it is said in one sentence that names the file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import PolicyBroken
from gonogo.policy.law import Law, Request, Ruling, read_law
from tests.gonogo.toy import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

WORLD: list[dict[str, Any]] = [
    {"uid": {"type": "Mission", "id": "errand"}, "attrs": {"scope": ["bank"], "owner": "counter"}, "parents": []},
    {
        "uid": {"type": "Agent", "id": "clerk"},
        "attrs": {"tools": ["pay", "look_up"], "tier": "observe", "owner": "counter"},
        "parents": [],
    },
    {"uid": {"type": "System", "id": "bank"}, "attrs": {}, "parents": []},
    *(
        {
            "uid": {"type": "Tool", "id": name},
            "attrs": {"name": name, "system": "bank", "effect": "irreversible"},
            "parents": [{"type": "System", "id": "bank"}],
        }
        for name in ("pay", "look_up", "post_letter")
    ),
]
CALL: dict[str, Any] = {
    "mission": "errand",
    "scope": ["bank"],
    "environment": "dev",
    "requester": "tester",
    "offline": True,
}


def payout(cents: int, **changes: Any) -> Request:
    """Return the request to pay somebody."""
    given_fields: dict[str, Any] = {
        "principal": ("Mission", "errand"),
        "action": "pay",
        "resource": ("Tool", "pay"),
        "call": CALL,
        "args": {"payee": "ada", "amount_cents": cents},
    }
    return Request(**(given_fields | changes))


def letter(text: str) -> Request:
    """Return the request of an agent whose mandate does not hold the tool."""
    return payout(
        1, principal=("Agent", "clerk"), action="post_letter", resource=("Tool", "post_letter"),
        args={"payee": "ada", "text": text},
    )  # fmt: skip


def ruled(law: Law, request: Request, approvals: tuple[str, ...] = (), approvers: tuple[str, ...] = ()) -> Ruling:
    """Ask the law."""
    return law.decide(request, law.entities(WORLD), approvals, approvers)


def law_with(folder: Path, **files: str) -> Law:
    """Read the toy's law with some more text in it."""
    shutil.copytree(POLICIES, folder, dirs_exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.cedar").write_text(text, encoding="utf-8")
    return read_law(folder)


@pytest.fixture(scope="module", name="law")
def _law() -> Law:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return read_law(POLICIES)


class TestRulings:
    """Allow, deny, gate."""

    def test_what_is_permitted_and_not_forbidden_is_allowed(self, law: Law) -> None:
        """And the ruling names the rule that permits it."""
        ruling = ruled(law, payout(5_000))
        assert (ruling.verdict, ruling.rules, ruling.roles) == ("allow", ("scope",), ())

    def test_what_nobody_permits_is_denied(self, law: Law) -> None:
        """Default deny, in words."""
        ruling = ruled(law, letter("calm"))
        assert (ruling.verdict, ruling.rules) == ("deny", ("default-deny",))
        assert ruling.because == ("No rule permits clerk to post_letter.",)

    def test_a_forbid_a_person_may_lift_is_a_gate(self, law: Law) -> None:
        """With role, reason and deadline."""
        ruling = ruled(law, payout(5_001))
        assert (ruling.verdict, ruling.rules, ruling.roles) == ("gate", ("payout-limit",), ("manager",))
        assert ruling.because == ("A payout above 50 EUR needs a manager.",)
        assert ruling.deadline_seconds == 3_600

    def test_the_approval_opens_the_gate(self, law: Law) -> None:
        """Another role's approval does not."""
        assert ruled(law, payout(5_001), ("manager",)).verdict == "allow"
        assert ruled(law, payout(5_001), ("director",)).verdict == "gate"

    def test_a_forbid_without_a_gate_wins_over_one_with_a_gate(self, law: Law) -> None:
        """Nobody is asked for what they could not allow."""
        ruling = ruled(law, payout(100_001))
        assert ruling.verdict == "deny"
        assert ruling.rules[0] == "payout-never"
        assert ruling.roles == ()

    def test_a_gate_opens_only_where_the_approved_request_would_be_permitted(self, law: Law) -> None:
        """A person may lift a forbid, and not make up a permit."""
        ruling = ruled(law, letter("Pay at once!"))
        assert (ruling.verdict, ruling.roles) == ("deny", ())
        assert ruling.rules == ("default-deny", "letters-are-read-first")

    def test_two_roles_are_asked_one_after_the_other(self, law: Law) -> None:
        """Both have to agree; who has agreed is not asked again."""
        assert ruled(law, payout(50_001)).roles == ("manager", "director")
        assert ruled(law, payout(50_001), ("manager",)).roles == ("director",)
        assert ruled(law, payout(50_001), ("director",)).roles == ("manager",)
        assert ruled(law, payout(50_001), ("manager", "director")).verdict == "allow"

    def test_the_law_may_look_at_who_approved(self, tmp_path: Path) -> None:
        """Separation of duties: the requester's own approval lifts nothing."""
        law = law_with(
            tmp_path,
            duties=(
                '@id("own-approval") @because("Nobody approves their own request.")\n'
                "forbid (principal, action, resource) when { context.call.approvers.contains(context.call.requester) };"
            ),
        )
        assert ruled(law, payout(5_001), ("manager",), ("grace",)).verdict == "allow"
        assert ruled(law, payout(5_001), ("manager",), ("tester",)).verdict == "deny"

    @given(st.integers(-(2**63), 2**63 - 1), st.sets(st.sampled_from(["manager", "director", "clerk"])))
    def test_money_above_the_limits_never_passes_without_its_approvals(
        self, law: Law, cents: int, approvals: set[str]
    ) -> None:
        """For every amount and every set of approvals."""
        needed = ({"manager"} if cents > 5_000 else set[str]()) | ({"director"} if cents > 50_000 else set[str]())
        ruling = ruled(law, payout(cents), tuple(sorted(approvals)))
        expected = "deny" if cents > 100_000 else "allow" if needed <= approvals else "gate"
        assert ruling.verdict == expected
        assert set(ruling.roles) == (needed - approvals if expected == "gate" else set())


class TestClosing:
    """Errors and unknowns are no-go."""

    def test_a_forbid_that_errors_denies(self, tmp_path: Path) -> None:
        """Cedar would skip it and allow."""
        law = law_with(
            tmp_path,
            errors=(
                '@id("overflows") @because("The double is limited.")\n'
                'forbid (principal, action == Action::"pay", resource)\n'
                "when { context.args.amount_cents * 9223372036854775807 > 1 };"
            ),
        )
        ruling = ruled(law, payout(100))
        assert (ruling.verdict, ruling.rules) == ("deny", ("fail-closed",))
        assert "overflow" in ruling.because[0]
        assert "overflows" in ruling.because[0]
        assert "policy0" not in ruling.because[0]

    def test_an_erroring_forbid_is_not_a_gate_either(self, tmp_path: Path) -> None:
        """A person is not asked about a law that cannot rule."""
        law = law_with(
            tmp_path,
            errors=(
                '@id("overflows") @because("The double is limited.") @gate("manager")\n'
                'forbid (principal, action == Action::"pay", resource)\n'
                "when { context.args.amount_cents * 9223372036854775807 > 1 }\n"
                'unless { context.call.approvals.contains("manager") };'
            ),
        )
        assert ruled(law, payout(100)).verdict == "deny"
        assert ruled(law, payout(6_000)).verdict == "deny"

    @pytest.mark.parametrize(
        "changes",
        [
            {"args": {"payee": "ada", "amount_cents": "much"}},
            {"args": {"payee": "ada", "amount_cents": 1.5}},
            {"args": {"payee": "ada"}},
            {"args": {"payee": "ada", "amount_cents": 1, "extra": True}},
            {"args": {"payee": "ada", "amount_cents": 2**63}},
            {"action": "unheard_of"},
            {"resource": ("Rocket", "pay")},
            {"principal": ("Person", "errand")},
            {"call": {}},
            {"call": CALL | {"environment": 7}},
        ],
    )
    def test_a_request_outside_the_schema_is_denied(self, law: Law, changes: dict[str, Any]) -> None:
        """NoDecision is no."""
        ruling = ruled(law, payout(1, **changes), ("manager", "director"))
        assert (ruling.verdict, ruling.rules) == ("deny", ("fail-closed",))
        assert ruling.because[0].startswith("The law could not rule: ")

    def test_a_world_outside_the_schema_is_refused(self, law: Law) -> None:
        """An agent whose tools are no set of names cannot be ruled on."""
        wrong: list[dict[str, Any]] = [
            {"uid": {"type": "Agent", "id": "clerk"}, "attrs": {"tools": "all"}, "parents": []}
        ]
        with pytest.raises(PolicyBroken, match="do not fit the policy schema"):
            law.entities(wrong)


RULE = '@id("{id}") @because("Because.") {more} {effect} (principal, action, resource);'


class TestBrokenness:
    """Nothing starts under a law that does not hold."""

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("permit (principal, action", "broken.cedar does not parse"),
            ("\x00", "broken.cedar does not parse"),
            (
                '@id("a") @because("b") permit (principal, action, resource) when { context.args.salary > 1 };',
                "broken.cedar does not fit the schema",
            ),
            ('@id("a") @because("b") permit (principal is Robot, action, resource);', "does not fit the schema"),
            ('@because("No name.") permit (principal, action, resource);', "broken.cedar.* lacks @id or @because"),
            ('@id("mute") permit (principal, action, resource);', r"broken.cedar.*mute.* lacks @id or @because"),
            ('@id("") @because("") permit (principal, action, resource);', "broken.cedar.* lacks @id or @because"),
            (RULE.format(id="scope", more="", effect="forbid"), "toy.cedar.*scope.* ids are unique"),
            (
                RULE.format(id="x", more="", effect="forbid") + RULE.format(id="x", more="", effect="forbid"),
                "broken.cedar.*x.* ids are unique",
            ),
            (
                RULE.format(id="soft", more='@gate("manager")', effect="permit"),
                "broken.cedar.*soft.*belongs on a forbid",
            ),
            (RULE.format(id="whom", more='@gate("")', effect="forbid"), "broken.cedar.*whom.*names nobody"),
            (RULE.format(id="late", more='@gate("m") @deadline("soon")', effect="forbid"), "broken.cedar.*late.*soon"),
            (RULE.format(id="late", more='@gate("m") @deadline("0h")', effect="forbid"), "broken.cedar.*late.*0h"),
            (RULE.format(id="late", more='@gate("m") @deadline("-1h")', effect="forbid"), "broken.cedar.*late.*-1h"),
            (RULE.format(id="late", more='@gate("m") @deadline("1h30")', effect="forbid"), "broken.cedar.*late.*1h30"),
            (RULE.format(id="late", more='@gate("m") @deadline("00d")', effect="forbid"), "broken.cedar.*late.*00d"),
            (
                RULE.format(id="late", more='@gate("m") @deadline("367d")', effect="forbid"),
                "late.*longer than 366d; write",
            ),
            (
                RULE.format(id="late", more=f'@gate("m") @deadline("{"9" * 6_000}s")', effect="forbid"),
                "longer than 366d",
            ),
            (
                '@id("form") @because("b") permit (principal == ?principal, action, resource);',
                "broken.cedar.*template",
            ),
        ],
    )
    def test_a_broken_policy_is_one_sentence_that_names_the_file(self, tmp_path: Path, text: str, told: str) -> None:
        """Whatever is wrong with it."""
        with pytest.raises(PolicyBroken, match=told) as caught:
            law_with(tmp_path, broken=text)
        assert "\n" not in str(caught.value)

    def test_a_broken_schema_is_one_sentence(self, tmp_path: Path) -> None:
        """It names the file, too."""
        shutil.copytree(POLICIES, tmp_path, dirs_exist_ok=True)
        (tmp_path / "toy.cedarschema").write_text("entity Agent = {")
        with pytest.raises(PolicyBroken, match=r"cedarschema does not parse: ") as caught:
            read_law(tmp_path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("missing", ["toy.cedar", "toy.cedarschema"])
    def test_a_folder_without_a_law_allows_nothing_to_start(self, tmp_path: Path, missing: str) -> None:
        """No policies is not everything allowed."""
        shutil.copytree(POLICIES, tmp_path, dirs_exist_ok=True)
        (tmp_path / missing).unlink()
        with pytest.raises(PolicyBroken, match=r"without a law nothing is allowed to start"):
            read_law(tmp_path)

    @pytest.mark.parametrize("name", ["toy.cedar", "toy.cedarschema"])
    def test_a_file_that_is_no_text_is_one_sentence(self, tmp_path: Path, name: str) -> None:
        """Somebody copied a binary into the folder."""
        shutil.copytree(POLICIES, tmp_path, dirs_exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff\xfe\x00permit")
        with pytest.raises(PolicyBroken, match=name):
            read_law(tmp_path)

    def test_the_order_of_files_does_not_mix_up_their_rules(self, tmp_path: Path) -> None:
        """Reasons are told under the right name, whichever file comes first."""
        first = '@id("aaa") @because("First.") forbid (principal, action == Action::"look_up", resource);'
        law = law_with(tmp_path, aaa=first, zzz=first.replace("aaa", "zzz").replace("look_up", "post_letter"))
        asked = payout(1, action="look_up", resource=("Tool", "look_up"), args={"account": "a"})
        assert ruled(law, asked).rules == ("aaa",)
        assert ruled(law, payout(5_001)).rules == ("payout-limit",)

    def test_the_digest_is_of_every_text(self, tmp_path: Path) -> None:
        """A comment changes the law in force, since nobody can prove it does not."""
        before = law_with(tmp_path).digest
        assert law_with(tmp_path).digest == before
        assert law_with(tmp_path, more="// nothing").digest != before
