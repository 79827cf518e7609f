"""Plain JSON of any value, the same in every process, so that keys and digests made of it are, too."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from gonogo.evidence.canon import payload_bytes

_PLAIN = frozenset({str, int, bool, type(None)})
"""Types whose values pydantic shows as they are."""


def plain(value: object) -> Any:
    """Return any value pydantic can serialise as plain JSON.

    Sets come out sorted: the order in which Python walks them differs from process to process.
    """
    kind = type(value)
    if kind is dict and _is_plain(cast("dict[object, object]", value)):
        return cast("dict[str, Any]", value)
    shown = to_jsonable_python(value)
    return _in_order(value, shown) if _may_hold_a_set(value) else shown


def _is_plain(members: dict[object, object]) -> bool:
    """Whether nothing has to be changed: the usual arguments, told without a walk."""
    return all(type(name) is str and type(value) in _PLAIN for name, value in members.items())


def _may_hold_a_set(value: object) -> bool:
    """Whether somewhere in a value there is a set; the walk is orjson's, so that the usual no costs next to nothing."""
    sets: list[object] = []

    def look(inner: object) -> object:
        if isinstance(inner, set | frozenset):
            sets.append(cast("object", inner))
        return inner.__dict__ if isinstance(inner, BaseModel) else None

    try:
        orjson.dumps(value, default=look, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return True
    return bool(sets)


def _in_order(value: object, shown: Any) -> Any:
    """Return what a value is shown as, with the sets somewhere in it sorted."""
    match value:
        case set() | frozenset():
            return sorted(map(plain, cast("set[object]", value)), key=payload_bytes)
        case BaseModel():
            described = type(value).model_fields.items()
            names = {name: field.serialization_alias or field.alias or name for name, field in described}
            return _members({name: getattr(value, name) for name in names}, names, shown)
        case dict() if isinstance(shown, dict):
            pairs = zip(
                cast("dict[object, object]", value).values(), cast("dict[str, Any]", shown).items(), strict=True
            )
            return {name: _in_order(inner, told) for inner, (name, told) in pairs}
        case list() | tuple() if isinstance(shown, list):
            pairs = zip(cast("list[object]", value), cast("list[Any]", shown), strict=True)
            return [_in_order(inner, told) for inner, told in pairs]
        case _ if is_dataclass(value) and not isinstance(value, type):
            names = {each.name: each.name for each in fields(value)}
            return _members({name: getattr(value, name) for name in names}, names, shown)
        case _:
            return shown


def _members(values: dict[str, object], names: dict[str, str], shown: Any) -> Any:
    """Return an object's members in order; what a serialiser of its own shows otherwise stays as it shows it."""
    if not isinstance(shown, dict):
        return shown
    told = dict(cast("dict[str, Any]", shown))
    for name, value in values.items():
        if names[name] in told:
            told[names[name]] = _in_order(value, told[names[name]])
    return told
