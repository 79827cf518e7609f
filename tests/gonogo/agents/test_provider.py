"""A real provider's ways, on the loopback interface: prices to the micro, and every failure one sentence."""

from __future__ import annotations

import shutil
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import Usage, calc_price

from gonogo.errors import ModelFailed, PriceUnknown
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import CALLS, calls, payments
from tests.gonogo.toy.counter import Brief
from tests.gonogo.toy.errands import Errand, run
from tests.gonogo.toy.provider import MODEL, Provider, Said, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.testing import Rehearsal

ASK = Errand(brief=Brief())
FINE = Said(calls=(("final_result", {"conclusion": "fine", "results": {}, "refused": {}}),))


@pytest.fixture(name="loopback")
def _loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with provider() as served:
        monkeypatch.setenv("OPENAI_BASE_URL", served.url)
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        yield served


async def fly(case: Errand = ASK, model: str = "openai:gpt-4o", **how: Any) -> Rehearsal:
    """Fly the errand with a configured model."""
    overrides = {"model": model, **how.pop("overrides", {})}
    return await run(case, overrides=overrides, **how)


def micros(said: Said, model: str = MODEL) -> int:
    """Return what an answer costs by the public list, rounded up."""
    usage = Usage(
        input_tokens=said.input_tokens, output_tokens=said.output_tokens, cache_read_tokens=said.cached_tokens
    )
    price = calc_price(usage, model, provider_id="openai").total_price * 1_000_000
    return int(price.to_integral_value(rounding=ROUND_CEILING))


class TestAnswers:
    """A provider that works."""

    async def test_an_answer_is_recorded_and_costs_what_the_list_says(self, loopback: Provider) -> None:
        """To the micro, with the price book and its version, under the name the provider returned."""
        loopback.script[:] = [FINE]
        went = await fly()
        assert went.outcome == "settled"
        (result,) = went.told("model_call", "result")
        assert result["cost_micros"] == micros(FINE) == went.landing.totals["cost_micros"] > 0
        assert (result["requested_model"], result["returned_model"], result["provider"]) == (
            "openai:gpt-4o", MODEL, "openai",
        )  # fmt: skip
        assert (result["input_tokens"], result["output_tokens"], result["offline"]) == (1_000, 100, False)
        assert (result["price_basis"], result["response_id"]) == ("list", "resp_1")
        assert result["price_book"].startswith("genai-prices ")
        assert went.flight[0].data["model"] == "openai:gpt-4o"

    async def test_cached_tokens_are_cheaper(self, loopback: Provider) -> None:
        """And still exact."""
        said = Said(calls=FINE.calls, cached_tokens=900)
        loopback.script[:] = [said]
        (result,) = (await fly()).told("model_call", "result")
        assert result["cost_micros"] == micros(said) < micros(FINE)
        assert result["cache_read_tokens"] == 900

    async def test_several_turns_are_several_calls(self, loopback: Provider, tmp_path: Path) -> None:
        """A tool's result goes back to the model; totals are sums."""
        loopback.script[:] = [Said(calls=(("pay", {"payee": "ada", "amount_cents": 5}),)), FINE]
        went = await fly(home=tmp_path)
        assert payments(tmp_path) == [("ada", 5)]
        assert went.landing.totals["cost_micros"] == 2 * micros(FINE)
        assert went.landing.totals["model_calls"] == 2
        assert "paid ada" in str(loopback.asked[1])

    async def test_a_provider_that_numbers_every_call_alike_is_still_told_apart(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """Some return ``call_0`` in every turn: two payments are two, not one and its replay."""
        loopback.script[:] = [
            Said(calls=(("pay", {"payee": "ada", "amount_cents": 5}),), call_id="call_0"),
            Said(calls=(("pay", {"payee": "bob", "amount_cents": 6}),), call_id="call_0"),
            Said(calls=FINE.calls, call_id="call_0"),
        ]
        went = await fly(home=tmp_path)
        assert went.landing.error is None
        assert payments(tmp_path) == [("ada", 5), ("bob", 6)]

    async def test_two_calls_of_one_answer_that_share_an_id_are_not_made(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """Their results could be swapped, so neither is."""
        both = (("pay", {"payee": "ada", "amount_cents": 5}), ("pay", {"payee": "bob", "amount_cents": 6}))
        loopback.script[:] = [Said(calls=both, call_id="call_0"), FINE]
        went = await fly(home=tmp_path)
        assert went.landing.reason_code == "model_refusal"
        assert payments(tmp_path) == []

    async def test_a_recorded_answer_is_not_asked_for_again(self, loopback: Provider, tmp_path: Path) -> None:
        """After a crash the provider hears nothing."""
        loopback.script[:] = [Said(calls=(("pay", {"payee": "ada", "amount_cents": 5}),)), FINE]
        first = await fly(home=tmp_path, run_id="r1")
        path = tmp_path / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
        again = await fly(home=tmp_path, run_id="r1")
        assert again.landing.outcome == first.landing.outcome
        assert again.landing.totals == first.landing.totals
        assert len(loopback.asked) == 2
        assert len(calls("pay")) == 1

    async def test_wrong_arguments_are_told_to_the_model_which_tries_again(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """Nothing was done the first time."""
        loopback.script[:] = [
            Said(calls=(("pay", {"payee": "ada", "amount_cents": "plenty"}),)),
            Said(calls=(("pay", {"payee": "ada", "amount_cents": 5}),)),
            FINE,
        ]
        went = await fly(home=tmp_path)
        assert went.outcome == "settled"
        assert "amount_cents" in str(loopback.asked[1]["input"][-1])
        assert payments(tmp_path) == [("ada", 5)]

    async def test_an_odd_provider_cannot_break_the_record(self, loopback: Provider) -> None:
        """Names and ids come from outside: any length, any Unicode."""
        odd = Said(calls=FINE.calls, model="gpt-4o-\u0065\u0301" + "x" * 70_000, call_id="\u0065\u0301" * 300)
        loopback.script[:] = [odd]
        went = await fly()
        assert went.landing.error is None
        assert len(went.told("model_call", "result")[0]["returned_model"]) <= 200


class TestPrices:
    """Whose price counts."""

    async def test_a_declared_price_goes_before_the_list_whatever_name_comes_back(
        self, loopback: Provider, tmp_path: Path
    ) -> None:
        """What was agreed for gpt-4o is agreed for its dated name."""
        loopback.script[:] = [FINE]
        policies = _with_price(tmp_path, '"openai:gpt-4o"', "10.00", "20.00")
        (result,) = (await fly(overrides={"policy_folder": policies})).told("model_call", "result")
        assert (result["cost_micros"], result["price_basis"]) == (10 * 1_000 + 20 * 100, "declared")

    async def test_a_model_nobody_knows_the_price_of_starts_nothing(self, loopback: Provider, tmp_path: Path) -> None:
        """An unknown price is not zero."""
        with pytest.raises(PriceUnknown, match="No price list knows openai:gpt-17-imaginary"):
            await fly(model="openai:gpt-17-imaginary", home=tmp_path)
        assert loopback.asked == []
        assert not (tmp_path / "journals").exists()

    async def test_an_answer_without_usage_stops_the_run_and_counts_in_full(self, loopback: Provider) -> None:
        """Nobody can say what it cost, so the whole reservation is taken to be spent."""
        loopback.script[:] = [Said(calls=FINE.calls, has_usage=False)]
        went = await fly()
        assert (went.landing.status, went.landing.error_class) == ("failed", "PriceUnknown")
        assert "openai:gpt-4o reported no usage" in str(went.landing.error)
        intent, result = went.told("model_call")
        assert result["cost_micros"] == intent["reserved_micros"] == went.landing.totals["cost_micros"] > 0

    async def test_a_call_the_budget_does_not_cover_is_not_made(self, loopback: Provider) -> None:
        """The reservation is for the longest answer there could be."""
        went = await fly(Errand(brief=Brief(conclusion="x" * 1_000_000)))
        assert (went.landing.status, went.landing.reason_code) == ("failed", "budget_exceeded")
        assert "the call was not made" in str(went.landing.error)
        assert loopback.asked == []

    async def test_what_is_reserved_covers_what_the_tools_say_of_themselves(self, loopback: Provider) -> None:
        """Descriptions are billed, too: a token is at least one byte of what is sent."""
        loopback.script[:] = [FINE]
        (intent,) = (await fly()).told("model_call", "intent")
        sent = loopback.asked[0]
        described = sum(len(tool["description"] or "") for tool in sent["tools"])
        assert described > 0
        told = len(str(sent["input"])) // 2 + described
        assert intent["reserved_micros"] > micros(Said(input_tokens=told, output_tokens=sent["max_output_tokens"]))


def _with_price(folder: Path, model: str, input_usd: str, output_usd: str) -> Path:
    policies = shutil.copytree(POLICIES, folder / "policies")
    with (policies / "prices.yaml").open("a") as file:
        file.write(
            f"  {model}:\n    input_usd_per_million: '{input_usd}'\n    output_usd_per_million: '{output_usd}'\n"
            "    basis: declared\n    why: agreed\n"
        )
    return policies


class TestFailures:
    """A provider that does not."""

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (Said(status=400), "the model is out"),
            (Said(status=401), "the model is out"),
            (Said(raw=b"<html>\n<body>Bad\ngateway</body></html>"), ""),
            (Said(raw=b"{}"), ""),
            (Said(raw=b"[]"), ""),
            (Said(raw=b""), ""),
        ],
    )
    async def test_a_failure_is_one_sentence_of_the_taxonomy(self, loopback: Provider, said: Said, told: str) -> None:
        """The run fails as model_refusal, the call is recorded as failed, and somebody owns it."""
        loopback.script[:] = [said]
        went = await fly()
        assert (went.landing.status, went.landing.reason_code) == ("failed", "model_refusal")
        assert went.landing.error_class == "ModelFailed"
        sentence = str(went.landing.error)
        assert sentence.startswith("openai:gpt-4o gave no usable answer (")
        assert told in sentence
        assert "\n" not in sentence
        (result,) = went.told("model_call", "result")
        assert (result["outcome"], result["reason_code"]) == ("failed", "model_refusal")
        assert went.told("exception_record")[0]["owner"] == "counter"
        assert CALLS == []

    async def test_what_was_spent_before_a_failure_is_counted(self, loopback: Provider) -> None:
        """The first answer was billed."""
        loopback.script[:] = [Said(calls=(("look_up", {"account": "a"}),)), Said(status=500)]
        went = await fly()
        assert went.landing.totals["cost_micros"] == micros(FINE)
        assert went.landing.status == "waiting"

    async def test_an_answer_nobody_can_read_counts_with_what_was_reserved(self, loopback: Provider) -> None:
        """It may have been billed, and an unknown price is not zero; an error status was not."""
        loopback.script[:] = [Said(raw=b"<html>")]
        intent, result = (await fly()).told("model_call")
        assert result["cost_micros"] == intent["reserved_micros"] > 0
        loopback.script[:] = [Said(status=400)]
        assert (await fly()).told("model_call", "result")[0]["cost_micros"] == 0

    async def test_a_provider_that_is_not_there_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody listens on the discard port."""
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        went = await fly()
        assert (went.landing.status, went.landing.reason_code) == ("waiting", "dependency_open")
        assert "gave no usable answer" in str(went.landing.error)
        assert went.landing.totals["cost_micros"] == 0

    @pytest.mark.parametrize("model", ["gpt-4o", "nowhere:gpt-4o", "openai:", ":", ""])
    async def test_a_model_that_cannot_be_used_starts_nothing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
    ) -> None:
        """One sentence that names it; no run, no evidence."""
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        with pytest.raises((ModelFailed, PriceUnknown)) as caught:
            await fly(model=model, home=tmp_path)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "journals").exists()

    async def test_a_missing_key_starts_nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The setting and the key are named."""
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(ModelFailed, match=r"GONOGO_MODEL=openai:gpt-4o cannot be used: .*OPENAI_API_KEY"):
            await fly(home=tmp_path)
        assert not (tmp_path / "journals").exists()

    async def test_a_run_that_ended_needs_no_model_to_say_how(
        self, loopback: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The key is gone, the evidence is not."""
        loopback.script[:] = [FINE]
        first = await fly(home=tmp_path, run_id="r1")
        monkeypatch.delenv("OPENAI_API_KEY")
        monkeypatch.delenv("OPENAI_BASE_URL")
        assert (await fly(home=tmp_path, run_id="r1")).landing == first.landing

    async def test_a_model_that_never_answers_properly_is_given_up(self, loopback: Provider) -> None:
        """After its retries; what was tried was paid for and is counted."""
        loopback.script[:] = [Said(calls=(("final_result", {"conclusion": 7}),))]
        went = await fly()
        assert (went.landing.status, went.landing.reason_code) == ("failed", "model_refusal")
        assert "clerk found no usable answer" in str(went.landing.error)
        assert went.landing.totals["cost_micros"] == len(loopback.asked) * micros(FINE)
