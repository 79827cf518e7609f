"""The registry: who may act at all; whatever is wrong with it is said with its file and field."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import PolicyBroken
from gonogo.model import Budget
from gonogo.policy.registry import read_registry
from tests.gonogo.toy import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

CARD = """agents:
  clerk: {version: "1", owner: o, deputy: d, mandate: m, tools: [pay], tier: observe, escalation: e}
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return shutil.copytree(POLICIES, tmp_path / "policies")


def test_a_card_says_who_answers_for_an_agent_and_what_it_may_touch() -> None:
    """Everything the toy registers, as registered."""
    card = read_registry(POLICIES).card("clerk")
    assert (card.owner, card.deputy, card.tools) == ("counter", "back-office", ("look_up", "pay", "post_letter"))
    assert card.budget == Budget()
    assert read_registry(POLICIES).prices["offline:scripted"].output_usd_per_million == Decimal(4)


def test_an_unregistered_agent_does_not_start() -> None:
    """The sentence says where to register it and who is."""
    with pytest.raises(
        PolicyBroken, match=r"agent ghost is not registered.*agents\.yaml \(registered: clerk, postman, reader\)"
    ):
        read_registry(POLICIES).card("ghost")


def test_any_change_of_a_card_is_another_digest(folder: Path) -> None:
    """An approval is bound to the agent as registered."""
    before = read_registry(folder).card("clerk").digest
    assert read_registry(folder).card("clerk").digest == before
    path = folder / "agents.yaml"
    path.write_text(path.read_text().replace("pays small sums", "pays any sums"))
    assert read_registry(folder).card("clerk").digest != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("agents: [", r"agents\.yaml is not YAML"),
        ("agents: {clerk: *nobody}", r"agents\.yaml is not YAML"),
        ("- clerk", r"agents\.yaml must have the top-level key 'agents'"),
        ("", r"agents\.yaml must have the top-level key 'agents'"),
        ("agent: {}", r"agents\.yaml must have the top-level key 'agents'"),
        ("agents:", r"agents\.yaml: agents: Input should be a valid dictionary"),
        ("agents: {clerk: {}}", r"agents\.yaml: agents\.clerk\.version: Field required"),
        (CARD.replace("observe", "emperor"), r"agents\.yaml: agents\.clerk\.tier: Input should be"),
        (CARD.replace("owner: o", "ownr: o"), r"agents\.yaml: agents\.clerk\.owner: Field required"),
        (CARD.replace("escalation", "extra: 1, escalation"), r"agents\.clerk\.extra: Extra inputs are not permitted"),
        (CARD.replace("escalation", "budget: {usd: 1.5}, escalation"), r"agents\.clerk\.budget.*not a float"),
        (CARD + "  clerk: {version: '2'}\n", r"agents\.yaml.*clerk is written twice, again in line 3"),
        ("agents: !!python/object/apply:os.system ['true']", r"agents\.yaml is not YAML"),
    ],
)
def test_a_malformed_registry_is_one_sentence(folder: Path, text: str, told: str) -> None:
    """It names the file and the field."""
    (folder / "agents.yaml").write_text(text)
    with pytest.raises(PolicyBroken, match=told) as caught:
        read_registry(folder)
    assert "\n" not in str(caught.value)


def test_a_registry_that_is_no_text_is_one_sentence(folder: Path) -> None:
    """Bytes that are not UTF-8 are not guessed at."""
    (folder / "agents.yaml").write_bytes(b"agents: \xff")
    with pytest.raises(PolicyBroken, match=r"agents\.yaml"):
        read_registry(folder)


@pytest.mark.parametrize("name", ["agents.yaml", "prices.yaml"])
def test_a_missing_file_is_one_sentence(folder: Path, name: str) -> None:
    """Every mission needs both."""
    (folder / name).unlink()
    with pytest.raises(PolicyBroken, match=rf"{name} cannot be read \(No such file or directory\)"):
        read_registry(folder)


@pytest.mark.parametrize("price", ['"-1"', '"NaN"', "free"])
def test_a_price_is_a_number_that_is_not_negative(folder: Path, price: str) -> None:
    """A model that pays us is a typing error."""
    path = folder / "prices.yaml"
    path.write_text(path.read_text().replace('"1.00"', price))
    with pytest.raises(PolicyBroken, match=r"prices\.offline:scripted\.input_usd_per_million"):
        read_registry(folder)
