"""Vaults: what has been sealed once is sealed alike and under the same person's key whenever it comes up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import pytest
from pydantic import BaseModel

from gonogo.evidence.canon import payload_bytes
from gonogo.evidence.sealing import Erased, key_ids, opened_body
from gonogo.evidence.vaults import Vault, vault_for
from gonogo.personal import Personal

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.keyring import SubjectKey


class Person(BaseModel):
    """Somebody with a name."""

    number: str
    name: Annotated[str, Personal(subject="number")]
    age: Annotated[int, Personal(subject="number")] = 0


class Couple(BaseModel):
    """Two people, who may share a name."""

    one: Person
    other: Person


@pytest.fixture(name="vault")
def _vault(tmp_path: Path) -> Vault:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    couple = Couple(one=Person(number="P-1", name="Ada Byron"), other=Person(number="P-2", name="Bob Ray"))
    return vault_for(tmp_path, "r1", couple, is_shared=False)


def sealed(vault: Vault, value: object) -> bytes:
    """Return a value as a run records it."""
    return vault.seal(payload_bytes(value))


def test_a_value_is_sealed_alike_each_time_and_opens(vault: Vault) -> None:
    """A replay compares what it seals with what was recorded."""
    said = {"name": "Ada Byron", "told": "to Ada Byron", "number": 7, "list": ["Ada Byron", None, True]}
    first = sealed(vault, said)
    assert b"Byron" not in first
    assert sealed(vault, said) == first
    assert orjson.loads(opened_body(first, vault.key_of)) == said


def test_two_people_of_one_name_are_sealed_under_the_key_of_whom_it_was_said_last(vault: Vault) -> None:
    """In a field of its own the value is theirs of whom the run has just heard, however often it was sealed before."""

    def key_of(person: Person) -> set[str]:
        vault.learn(person)
        return key_ids(sealed(vault, {"name": person.name}))

    ada, namesake = Person(number="P-1", name="Ada Byron"), Person(number="P-2", name="Ada Byron")
    first, second = key_of(ada), key_of(namesake)
    assert len(first) == len(second) == 1
    assert first != second
    assert (key_of(ada), key_of(namesake)) == (first, second)


def test_a_number_is_sealed_in_the_field_of_its_name_alone(vault: Vault) -> None:
    """Elsewhere it could be anything."""
    vault.learn(Person(number="P-1", name="Ada Byron", age=36))
    body = orjson.loads(sealed(vault, {"age": 36, "cents": 36, "": 36}))
    assert str(body["age"]).startswith("[sealed:")
    assert (body["cents"], body[""]) == (36, 36)


def test_more_texts_than_are_kept_are_sealed_all_the_same(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was dropped is sealed anew, as it was before."""
    monkeypatch.setattr("gonogo.evidence.vaults._SEALED_TEXTS_MAX", 2)
    people = [Person(number="P-1", name=f"Person {number}") for number in range(5)]
    vault.learn(*people)
    bodies = [sealed(vault, {"name": each.name}) for each in people]
    assert [sealed(vault, {"name": each.name}) for each in people] == bodies
    assert [orjson.loads(opened_body(body, vault.key_of))["name"] for body in bodies] == [p.name for p in people]


def test_what_is_kept_is_no_way_around_a_destroyed_key(vault: Vault) -> None:
    """A payload does not open because its text was sealed before in this very run."""
    body = sealed(vault, {"name": "Ada Byron"})

    def destroyed(_: str) -> SubjectKey | None:
        return None

    with pytest.raises(Erased):
        opened_body(body, destroyed)
