"""Books: all texts of a policy folder as one digest, so that whoever approves the law approves all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.policy.force import stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TEXTS = (".cedar", ".cedarschema", ".yaml")


@dataclass(frozen=True, slots=True)
class Book:
    """The law in force, as text: rules, schema, agents and tiers, approvers, budgets, limits, prices."""

    files: dict[str, str]
    """SHA-256 of each file, by its name."""

    @property
    def digest(self) -> str:
        """What stands for all of them."""
        return digest_of_files(self.files)

    def changed_from(self, files: Mapping[str, str]) -> list[str]:
        """Return the names of the files that are new, gone or other than they were."""
        return sorted(name for name in {*files, *self.files} if files.get(name) != self.files.get(name))


def digest_of_files(files: Mapping[str, str]) -> str:
    """Return the digest of a book, given that of each of its files."""
    return sha256_hex(payload_bytes(dict(files)))


def book_of(folder: Path) -> Book:
    """Return the book of a policy folder; looks once whether a file has changed.

    Raises:
        PolicyBroken: a file cannot be read.

    """
    return _book_of(folder, stamp_of(folder))


@lru_cache(maxsize=4)
def _book_of(folder: Path, _stamp: object) -> Book:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in _TEXTS and path.is_file())
        return Book({path.name: sha256_hex(path.read_bytes()) for path in found})
    except OSError as error:
        raise PolicyBroken(f"{folder} cannot be read ({error.strerror}); without a law nothing starts.") from error
