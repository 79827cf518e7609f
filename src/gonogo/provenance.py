"""Provenance: which values of a call reached whoever makes it only through untrusted text.

Everything that enters a run is a source: its case, prompts, results of tools, events, a reviewer's
changes. Before a write, each value that says where something goes, or how much, is looked for in
them. No model judges this and no instruction in a text can change it; it is where letters stand.

A value is *clear* where somebody trusted says it: the case, a tool declared :class:`Trusted`, a person.
Else it is *untrusted* where text written by outsiders holds it in any spelling; a whole field of a
record clears what such text holds by chance, a number or a name, but no address. A value that stands
nowhere was made on the way: an amount may be (sums are), an address may not, once there was any text
it could have been put together from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from functools import cached_property, lru_cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import orjson
from pydantic import BaseModel

from gonogo.model import Content, Trusted
from gonogo.spellings import LENGTH_MAX, Spelled, Text, number, plainly, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Standing = Literal["request", "prompt", "result"]
"""What a source's word counts: what was asked for, what mission code wrote around it, what came back."""

PARSED_MAX = 1 << 20
"""A body above this many bytes is read as text from its beginning, and what is not found in it is not cleared."""

HELD_MAX = 1 << 24
"""How many bytes of bodies one run keeps to look into; of what comes later only its arrival is kept."""

NAMED_MAX = 3
"""How many sources of one value are named in evidence."""

_MINOR_UNITS = {"_cents": 2, "_micros": 6}
"""Arguments in minor units, by the end of their name: texts say the amount in whole ones."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value that is not clear stands."""

    argument: str
    source: str
    """A tool's name, ``case``, an event's name; empty where it stands nowhere."""
    record: str = ""
    """Id of the record that holds it."""

    def data(self) -> dict[str, str]:
        """Return it as evidence keeps it."""
        return {"argument": self.argument, "source": self.source, "record": self.record}


@dataclass(frozen=True, slots=True)
class Marks:
    """What a type declares: whose word its values are."""

    content: frozenset[str] = frozenset()
    """Names of fields that outsiders write."""
    is_trusted: bool = False
    is_content: bool = False
    """Whether all of it is text."""


@dataclass
class Source:
    """One thing that entered a run; read when a write first asks."""

    record: str
    name: str
    standing: Standing
    body: bytes
    marks: Marks
    is_cut: bool = False

    @cached_property
    def _parts(self) -> tuple[set[str], str, str]:
        """Return whole fields, what its owner says, and what outsiders say in it."""
        whole: set[str] = set()
        said: list[str] = []
        written: list[str] = []
        parsed: Any = self.body[:LENGTH_MAX].decode(errors="replace")
        if len(self.body) <= PARSED_MAX:
            try:
                parsed = orjson.loads(self.body)
            except orjson.JSONDecodeError:
                self.is_cut = self.is_cut or len(self.body) > LENGTH_MAX
        else:
            self.is_cut = True
        is_owned = self.standing != "result"
        is_text = self.marks.is_content or (isinstance(parsed, str) and not is_owned)
        for leaf, is_content in _leaves(parsed, self.marks.content, is_content=is_text):
            if is_content:
                written.append(str(leaf))
            elif isinstance(leaf, str):
                whole.add(plainly(leaf))
                (said if is_owned else written).append(leaf) if is_owned or " " in leaf else None
            else:
                whole.add(spelled(leaf).number)
                said.append(str(leaf))
        return whole, "\n".join(said), "\n".join(written)

    @cached_property
    def said(self) -> Text:
        """What its owner says."""
        return Text(self._parts[1])

    @cached_property
    def written(self) -> Text:
        """What outsiders say in it."""
        return Text(self._parts[2])

    def has_field(self, value: Spelled) -> bool:
        """Whether a value is a whole field of it."""
        return value.plain in self._parts[0] or bool(value.number and value.number in self._parts[0])

    def hides(self, value: Spelled) -> bool:
        """Whether a value stands in what outsiders say in it."""
        return bool(self._parts[2]) and self.written.hides(value)

    @property
    def is_open(self) -> bool:
        """Whether there is more of it than was read."""
        self._parts  # noqa: B018 - reading finds out
        return self.is_cut or self.said.is_cut or self.written.is_cut


@dataclass(slots=True)
class Provenance:
    """Everything that entered one run, and what it says about a value."""

    _sources: dict[str, Source] = field(default_factory=dict[str, Source])
    _held: int = 0

    def take(self, record: str, name: str, standing: Standing, body: bytes, marks: Marks = Marks()) -> None:
        """Note that something entered the run; the same again, as on a replay, changes nothing.

        Args:
            record: id of the record that holds it.
            name: as a person knows it.
            standing: whose word it is; a result declared trusted counts as asked for.
            body: JSON, or text.
            marks: what its type declares.

        """
        if record in self._sources:
            return
        self._held += len(body)
        kept = body if self._held <= HELD_MAX else b""
        if standing == "result" and marks.is_trusted:
            standing = "request"
        self._sources[record] = Source(record, name, standing, kept, marks, is_cut=kept is not body)

    def untrusted(self, values: Mapping[str, Any], tracked: Iterable[str]) -> tuple[Origin, ...]:
        """Return where those of the tracked arguments come from whose values are not clear."""
        found: dict[Origin, None] = {}
        for argument in tracked:
            for leaf, _ in _leaves(values.get(argument), frozenset(), is_content=False):
                found.update(dict.fromkeys(self._origins(argument, leaf)))
        return tuple(found)

    def _origins(self, argument: str, leaf: str | float) -> list[Origin]:
        forms = _forms(argument, leaf)
        sources = self._sources.values()
        if not forms[0].plain or self._says("request", forms):
            return []
        suspects = [source for source in sources if any(map(source.hides, forms))]
        is_field = any(s.has_field(form) for s in sources if s.standing == "result" for form in forms)
        if is_field and not (suspects and forms[0].is_address):
            return []
        if not suspects:
            if self._says("prompt", forms):
                return []
            suspects = [source for source in sources if source.is_open]
        if suspects:
            return [Origin(argument, source.name, source.record) for source in suspects[:NAMED_MAX]]
        is_made_up = forms[0].is_address and any(source.written.raw for source in sources)
        return [Origin(argument, "")] if is_made_up else []

    def _says(self, standing: Standing, forms: list[Spelled]) -> bool:
        """Whether a source of a standing says the value, in its owner's own words."""
        said = [source.said for source in self._sources.values() if source.standing == standing]
        return any(text.names(form) for text in said for form in forms)


def _forms(argument: str, leaf: str | float) -> list[Spelled]:
    """Return the forms of an argument's value; an amount in minor units is written in whole ones, too."""
    first = spelled(leaf)
    for end, places in _MINOR_UNITS.items():
        if argument.endswith(end) and first.number and "." not in first.number:
            digits = first.number.rjust(places + 1, "0")
            whole = number(f"{digits[:-places]}.{digits[-places:]}")
            return [first, Spelled(whole, first.squeezed, whole, "")]
    return [first]


def _leaves(value: Any, content: frozenset[str], *, is_content: bool) -> Iterator[tuple[str | float, bool]]:
    """Walk a JSON value's texts and numbers, each with whether an outsider writes it."""
    if isinstance(value, str):
        yield value, is_content
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield value, is_content
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield name, is_content
            yield from _leaves(inner, content, is_content=is_content or name in content)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in cast("Iterable[Any]", value):
            yield from _leaves(inner, content, is_content=is_content)


def marks_of(annotation: Any) -> Marks:
    """Return what a type declares about its values; of one that may be left out, what the rest declares.

    Each run asks for those of its case, so the answer for a class is kept: what a class declares never changes.
    """
    return _marks_of_class(annotation) if isinstance(annotation, type) else _marks_of(annotation)


@lru_cache(maxsize=1_024)
def _marks_of_class(annotation: type[Any]) -> Marks:
    return _marks_of(annotation)


def _marks_of(annotation: Any) -> Marks:
    if get_origin(annotation) in {Union, UnionType}:
        present = [marks_of(inner) for inner in get_args(annotation) if inner is not NoneType]
        return Marks(
            frozenset(_content_fields(annotation, set())),
            is_trusted=all(each.is_trusted for each in present),
            is_content=all(each.is_content for each in present),
        )
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return Marks(
        frozenset(_content_fields(annotation, set())),
        is_trusted=any(_is_mark(note, Trusted) for note in notes),
        is_content=any(_is_mark(note, Content) for note in notes),
    )


def tracked_arguments(hints: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments whose values say where something goes or how much: all but text, choices and times."""
    return tuple(name for name, hint in hints.items() if not marks_of(hint).is_content and not _is_closed(hint))


def _is_mark(note: object, mark: type) -> bool:
    return isinstance(note, mark) or note is mark


def _content_fields(annotation: Any, seen: set[Any]) -> Iterator[str]:
    """Walk a type for fields marked as content, however deep."""
    for inner in get_args(annotation):
        yield from _content_fields(inner, seen)
    if not isinstance(annotation, type) or annotation in seen:
        return
    seen.add(annotation)
    for name, hint in _members(cast("type[Any]", annotation)).items():
        if marks_of(hint).is_content:
            yield name
        yield from _content_fields(hint, seen)


def _members(kind: type[Any]) -> dict[str, Any]:
    """Return the annotated fields of a model or dataclass; nothing of anything else."""
    if issubclass(kind, BaseModel):
        # What pydantic resolved when the class was made; a name imported for the type checker alone is no more there.
        return {
            name: Annotated[known.annotation, *known.metadata] if known.metadata else known.annotation
            for name, known in kind.model_fields.items()
        }
    if not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: hints[each.name] for each in fields(kind)}


def _is_closed(hint: Any) -> bool:
    """Whether a type holds only choices from a list, flags and times, in which no address fits."""
    if get_origin(hint) is Literal:
        return True
    inner = get_args(hint)
    if inner:
        kinds = inner[:1] if get_origin(hint) is Annotated else inner
        return all(_is_closed(kind) for kind in kinds if kind is not Ellipsis)
    return isinstance(hint, type) and issubclass(hint, bool | NoneType | Enum | date | time | timedelta)
