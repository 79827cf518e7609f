"""Parameters: what a function takes, and a call's arguments under those names."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one function."""

    signature: inspect.Signature
    names: tuple[str, ...]
    """All of them, in order."""
    is_plain: bool
    """Whether each can be given by place and by name, as those of nearly every step can."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Parameters:
        """Return the parameters of a function."""
        signature = inspect.signature(function)
        kinds = {one.kind for one in signature.parameters.values()}
        return cls(signature, tuple(signature.parameters), kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD})

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return a call's arguments by name, defaults included.

        Raises:
            TypeError: the function cannot be called with them.

        """
        if self.is_plain and len(args) + len(kwargs) == len(self.names):
            named = dict(zip(self.names, args, strict=False)) | kwargs
            # One that gives every name once needs no binding, which is dear.
            if named.keys() == set(self.names):
                return named
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments
