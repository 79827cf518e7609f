"""Personal data: which fields of a case, a result or an event are about a person, and about whom.

Declared by the author on the field; besides, shapes that are always about somebody (an address for mail, an
account, a card, a telephone) are found wherever they stand in text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_SHAPES = (
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+",
    r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    r"\b(?:[0-9]{4}[ -]?){3}[0-9]{1,7}\b",
    r"(?<![\w+])\+[1-9][0-9]{0,3}(?:[ ()./-]{0,2}[0-9]{2,5}){2,5}\b",
)
"""Address for mail, IBAN, number of a payment card, telephone number with its country."""

SHAPES = "|".join(_SHAPES)
"""Shapes that are about somebody wherever they stand."""


class Personal:
    """Marks a field as being about a person: ``Annotated[str, Personal(subject="customer")]``.

    What it holds is encrypted in evidence, under a key of that person alone; ``gonogo erase`` destroys the
    key. The mission itself sees the value.

    ``subject`` is the field of the same model that says who it is: a number or another business key, not a
    name. A field may be its own subject.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject


class Held(NamedTuple):
    """One personal value, as a model holds it."""

    names: frozenset[str]
    """What its field is called in JSON."""
    value: Any
    """Text, a number, a flag: something that holds nothing else."""
    subject: str
    """Whose it is; empty where the model does not say."""


def mark_of(field: FieldInfo) -> Personal | None:
    """Return a field's mark, wherever in its annotation it stands."""
    for each in field.metadata:
        if isinstance(each, Personal):
            return each
    return next(_marks(field.annotation), None)


def _marks(annotation: Any) -> Iterator[Personal]:
    for each in getattr(annotation, "__metadata__", ()):
        if isinstance(each, Personal):
            yield each
    for inner in get_args(annotation):
        yield from _marks(inner)


@cache
def marked_fields(model: type[BaseModel]) -> dict[str, Personal]:
    """Return a model's own personal fields.

    Raises:
        TypeError: a mark names a subject that the model has no field for.

    """
    found = {name: mark for name, field in model.model_fields.items() if (mark := mark_of(field)) is not None}
    for name, mark in found.items():
        if mark.subject not in model.model_fields:
            raise TypeError(
                f"{model.__name__}.{name} is personal to {mark.subject!r}, and {model.__name__} has no such field. "
                "Name the field beside it that says whose it is."
            )
    return found


def holds_personal(annotation: Any) -> bool:
    """Whether a type, or anything within it, is marked as personal.

    Raises:
        TypeError: a mark names a subject that its model has no field for.

    """
    return _holds(annotation, set())


def _holds(annotation: Any, seen: set[int]) -> bool:
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if any(True for _ in _marks(annotation)):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        # A model that was built before its names could be resolved has no fields yet.
        inner = [field.annotation for field in annotation.model_fields.values()]
        return bool(marked_fields(annotation)) or any(_holds(each, seen) for each in inner)
    return any(_holds(inner, seen) for inner in get_args(annotation))


_HOLDS_NOTHING = frozenset({str, int, float, bool, bytes, type(None)})
"""Types whose values are looked at no further: most of what there is."""


class _Part(NamedTuple):
    """A field, as the walks through values need it."""

    name: str
    names: frozenset[str]
    mark: Personal | None


@cache
def _parts(model: type[BaseModel]) -> tuple[_Part, ...]:
    """Return a model's fields; once a type, since a run looks at every value it is given."""
    marks = marked_fields(model)
    return tuple(
        _Part(name, frozenset({name, field.alias or name, field.serialization_alias or name}), marks.get(name))
        for name, field in model.model_fields.items()
    )


def personal_in(value: object) -> Iterator[Held]:
    """Yield every personal value somewhere in a value."""
    if type(value) in _HOLDS_NOTHING:
        return
    match value:
        case BaseModel():
            for name, names, mark in _parts(type(value)):
                inner = getattr(value, name, None)
                if mark is not None:
                    whose = getattr(value, mark.subject, None)
                    yield from _leaves(names, inner, "" if whose is None else str(whose))
                elif type(inner) not in _HOLDS_NOTHING:
                    yield from personal_in(inner)
        case Mapping():
            for inner in cast("Mapping[Any, object]", value).values():
                yield from personal_in(inner)
        case list() | tuple() | set() | frozenset():
            for inner in cast("list[object]", value):
                yield from personal_in(inner)
        case _:
            return


def _leaves(names: frozenset[str], value: object, subject: str) -> Iterator[Held]:
    """Yield what a personal field holds, down to what holds nothing else."""
    match value:
        case None:
            return
        case str():
            yield Held(names, value, subject)
        case BaseModel():
            for name, inner, _ in _parts(type(value)):
                yield from _leaves(inner, getattr(value, name), subject)
        case Mapping():
            for name, inner in cast("Mapping[Any, object]", value).items():
                yield from _leaves(frozenset({str(name)}), inner, subject)
        case list() | tuple() | set() | frozenset():
            for inner in cast("list[object]", value):
                yield from _leaves(names, inner, subject)
        case _:
            yield Held(names, value, subject)


_FOUND = re.compile(SHAPES)


def looks_personal(text: str) -> bool:
    """Whether a text holds something that is about somebody by its shape."""
    return _FOUND.search(text) is not None
