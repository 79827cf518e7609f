"""Providers that fail, on the loopback interface: every fault ends as declared, and each attempt has its price."""

from __future__ import annotations

import shutil
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic_ai.usage import RequestUsage

from gonogo.agents.prices import cost_of
from gonogo.errors import ModelFailed
from gonogo.policy.registry import read_registry
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.counter import Brief
from tests.gonogo.toy.errands import Errand, run
from tests.gonogo.toy.provider import Provider, Said, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.testing import Rehearsal

ASK = Errand(brief=Brief())
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("final_result", {"conclusion": "fine", "results": {}, "refused": {}}),
)
FINE = Said(calls=CALLS)
SPARE = Said(calls=CALLS, model="gpt-4o-mini-2024-07-18")
CLAUDE = Said(calls=CALLS, model="claude-haiku-4-5")


@pytest.fixture(name="loopback")
def _loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with provider() as served:
        for name, url in (("OPENAI", served.url), ("ANTHROPIC", served.url.removesuffix("/v1"))):
            monkeypatch.setenv(f"{name}_BASE_URL", url)
            monkeypatch.setenv(f"{name}_API_KEY", "not-a-key")
        yield served


@pytest.fixture
def hasty(tmp_path: Path) -> Path:
    """Return the toy's law with providers that have a second to answer, and one repetition."""
    made = shutil.copytree(POLICIES, tmp_path / "hasty")
    terms = "{backoff_ms: 1, backoff_max_ms: 1500, timeout_seconds: 1, retries: 1, breaker_failures: 1000}"
    names = ("bank", "openai", "openai-chat", "anthropic")
    (made / "dependencies.yaml").write_text("dependencies:\n" + "".join(f"  {name}: {terms}\n" for name in names))
    return made


def _give_time(law: Path) -> None:
    """Let only those be late that hang, also on a busy machine."""
    path = law / "dependencies.yaml"
    path.write_text(path.read_text().replace("timeout_seconds: 1,", "timeout_seconds: 60,"))


async def fly(law: Path, model: str = "openai:gpt-4o", *fallbacks: str, **more: Any) -> Rehearsal:
    """Fly the errand with a configured model and what it falls back on."""
    return await run(ASK, overrides={"model": model, "fallback_models": fallbacks, "policy_folder": law}, **more)


def micros(said: Said, provider_id: str = "openai") -> int:
    """Return what an answer costs by the public list, rounded up."""
    usage = Usage(
        input_tokens=said.input_tokens, output_tokens=said.output_tokens, cache_read_tokens=said.cached_tokens
    )
    price = calc_price(usage, said.model, provider_id=provider_id).total_price * 1_000_000
    return int(price.to_integral_value(rounding=ROUND_CEILING))


FAULTS: list[tuple[str, Said, str, str, int]] = [
    ("429", Said(status=429), "waiting", "ModelUnavailable", 2),
    ("429 that asks to wait", Said(status=429, retry_after="1"), "waiting", "ModelUnavailable", 2),
    ("429 that asks to wait for long", Said(status=429, retry_after="3600"), "waiting", "ModelUnavailable", 1),
    ("500", Said(status=500), "waiting", "ModelUnavailable", 2),
    ("400", Said(status=400), "failed", "ModelFailed", 1),
    ("401", Said(status=401), "failed", "ModelFailed", 1),
    ("garbage", Said(raw=b"<html>Bad gateway</html>"), "failed", "ModelFailed", 1),
    ("nothing", Said(raw=b""), "failed", "ModelFailed", 1),
    ("hang", Said(does="hang"), "waiting", "StepTimedOut", 2),
]
"""A fault, how the run lands, the class of the failure, and how often the provider is asked."""


class TestFaults:
    """Each of them, on each kind of client."""

    @pytest.mark.parametrize("model", ["openai:gpt-4o", "openai-chat:gpt-4o", "anthropic:claude-haiku-4-5"])
    @pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
    async def test_each_ends_as_declared_and_nothing_hangs(
        self, loopback: Provider, hasty: Path, model: str, fault: tuple[str, Said, str, str, int]
    ) -> None:
        """Repeated as declared and no more: the client's own repetitions are off."""
        _, said, status, error, asked = fault
        loopback.script[:] = [said]
        if said.does != "hang":
            _give_time(hasty)
        went = await fly(hasty, model)
        assert went.landing.status == status
        assert went.landing.path == ("requeue" if status == "waiting" else "escalate")
        results = went.told("model_call", "result")
        assert {result["error_class"] for result in results} == {error}
        assert len(loopback.asked) == len(results) == asked
        assert len(went.told("attempt_record")) == asked - 1

    @pytest.mark.parametrize("model", ["openai:gpt-4o", "openai-chat:gpt-4o", "anthropic:claude-haiku-4-5"])
    async def test_a_connection_that_is_cut_is_a_failure_that_may_be_billed(
        self, loopback: Provider, hasty: Path, model: str
    ) -> None:
        """Half an answer is none, and was perhaps paid for."""
        _give_time(hasty)
        loopback.script[:] = [Said(calls=CALLS, does="cut")]
        went = await fly(hasty, model)
        assert went.landing.status in {"waiting", "failed"}
        for intent, result in zip(went.told("model_call", "intent"), went.told("model_call", "result"), strict=True):
            assert result["cost_micros"] == intent["reserved_micros"] > 0

    async def test_wrong_arguments_are_told_to_the_model(self, loopback: Provider, hasty: Path) -> None:
        """It tries again, and each answer has its price."""
        wrong = Said(calls=(("pay", {"payee": "ada", "amount_cents": "plenty"}),))
        _give_time(hasty)
        loopback.script[:] = [wrong, FINE]
        went = await fly(hasty, "openai-chat:gpt-4o")
        assert went.landing.status == "done"
        assert went.landing.totals["cost_micros"] == micros(wrong) + micros(FINE)


class TestFallbacks:
    """Another model answers."""

    @pytest.mark.parametrize(
        "said", [Said(status=500), Said(status=429, retry_after="3600"), Said(raw=b"<html>"), Said(does="hang")],
        ids=["500", "429", "garbage", "hang"],
    )  # fmt: skip
    async def test_another_model_answers_where_the_provider_fails(
        self, loopback: Provider, hasty: Path, said: Said
    ) -> None:
        """Each attempt is reserved, recorded and priced by itself, and the one that answered is named."""
        if said.does != "hang":
            _give_time(hasty)
        loopback.answer = lambda asked: SPARE if asked["model"] == "gpt-4o-mini" else said
        went = await fly(hasty, "openai-chat:gpt-4o", "openai-chat:gpt-4o-mini")
        assert went.landing.status == "done"
        results = went.told("model_call", "result")
        assert results[-1]["outcome"] == "done"
        assert results[-1]["requested_model"] == "openai-chat:gpt-4o-mini"
        assert results[-1]["returned_model"] == SPARE.model
        assert results[-1]["cost_micros"] == micros(SPARE)
        assert went.landing.totals["cost_micros"] == sum(result["cost_micros"] for result in results)
        assert [a["next"] for a in went.told("attempt_record")][-1] == "fallback"
        assert all(intent["reserved_micros"] > 0 for intent in went.told("model_call", "intent"))

    async def test_another_provider_answers_as_well(self, loopback: Provider, hasty: Path) -> None:
        """Whatever API it speaks."""
        _give_time(hasty)
        loopback.answer = lambda asked: CLAUDE if asked["model"].startswith("claude") else Said(status=503)
        went = await fly(hasty, "openai:gpt-4o", "anthropic:claude-haiku-4-5")
        assert went.landing.status == "done"
        assert went.told("model_call", "result")[-1]["cost_micros"] == micros(CLAUDE, "anthropic")

    async def test_what_is_our_fault_is_not_asked_of_another(self, loopback: Provider, hasty: Path) -> None:
        """A question that one refuses is no better elsewhere."""
        _give_time(hasty)
        loopback.answer = lambda asked: SPARE if asked["model"] == "gpt-4o-mini" else Said(status=400)
        went = await fly(hasty, "openai-chat:gpt-4o", "openai-chat:gpt-4o-mini")
        assert (went.landing.status, went.landing.reason_code) == ("failed", "model_refusal")
        assert len(loopback.asked) == 1

    async def test_what_was_recorded_is_not_asked_again(self, loopback: Provider, hasty: Path, tmp_path: Path) -> None:
        """After a crash the failed attempts are read, not made or waited for, and neither is the answer."""
        _give_time(hasty)
        loopback.answer = lambda asked: SPARE if asked["model"] == "gpt-4o-mini" else Said(status=500)
        models = ("openai-chat:gpt-4o", "openai-chat:gpt-4o-mini")
        first = await fly(hasty, *models, home=tmp_path / "home", run_id="r1")
        asked = len(loopback.asked)
        path = tmp_path / "home" / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
        again = await fly(hasty, *models, home=tmp_path / "home", run_id="r1")
        assert again.landing.outcome == first.landing.outcome
        assert again.landing.totals == first.landing.totals
        assert len(loopback.asked) == asked == 3

    async def test_an_agent_may_declare_its_own(self, loopback: Provider, hasty: Path) -> None:
        """Its card goes before the setting."""
        cards = hasty / "agents.yaml"
        cards.write_text(cards.read_text().replace(
            "    tier: execute_within_limits\n", "    tier: execute_within_limits\n    fallback_models: []\n", 1,
        ))  # fmt: skip
        _give_time(hasty)
        loopback.script[:] = [Said(status=500)]
        went = await fly(hasty, "openai-chat:gpt-4o", "openai-chat:gpt-4o-mini")
        assert {r["requested_model"] for r in went.told("model_call", "result")} == {"openai-chat:gpt-4o"}

    async def test_a_model_to_fall_back_on_that_cannot_be_used_starts_nothing(
        self, loopback: Provider, hasty: Path
    ) -> None:
        """It is found out before it is needed."""
        with pytest.raises(ModelFailed, match="nowhere:gpt"):
            await fly(hasty, "openai:gpt-4o", "nowhere:gpt")
        assert loopback.asked == []


class TestPrices:
    """To the micro-unit."""

    @examples(max_examples=200)
    @given(
        tokens=st.tuples(st.integers(0, 2_000_000), st.integers(0, 200_000), st.integers(0, 100)),
        model=st.sampled_from(["openai:gpt-4o", "openai-chat:gpt-4o-mini", "openai:gpt-4.1"]),
    )
    def test_a_cost_is_the_lists_price_rounded_up_for_any_usage(self, tokens: tuple[int, int, int], model: str) -> None:
        """Never less than the list says, and less than one micro-dollar more."""
        sent, answered, cached_pct = tokens
        used = RequestUsage(input_tokens=sent, output_tokens=answered, cache_read_tokens=sent * cached_pct // 100)
        exact = calc_price(used, model.partition(":")[2], provider_id="openai").total_price * 1_000_000
        assert 0 <= cost_of(read_registry(POLICIES), model, used).micros - exact < 1


class TestResults:
    """What a tool returns is bounded where a model is shown it."""

    def test_a_large_result_is_cut_with_a_note_and_a_small_one_is_not(self) -> None:
        """The mission and the evidence have all of it."""
        from gonogo.agents.governor import SHOWN_MAX_BYTES, _as_shown  # pyright: ignore[reportPrivateUsage] - the point

        assert _as_shown({"a": 1}) == {"a": 1}
        shown = _as_shown("ü" * 1_000_000)
        assert len(shown.encode()) < SHOWN_MAX_BYTES + 300
        assert f"[Cut here: these are the first {SHOWN_MAX_BYTES} of 2000002 bytes of the result." in shown
