"""YAML texts of the policy folder: read whole, each key once, refused by file and field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

from gonogo.errors import PolicyBroken

if TYPE_CHECKING:
    from pathlib import Path


class _OnceEach(yaml.SafeLoader):
    """Refuses a key that is written twice, as YAML demands: the later mandate would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT002 - PyYAML's signature
        """Return a mapping whose keys are all different."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"{key.value} is written twice, again in line {key.start_mark.line + 1}")
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_text(path: Path) -> dict[str, Any]:
    """Return a file's top-level keys.

    Raises:
        PolicyBroken: it cannot be read, is no YAML, or holds no keys; the message names the file.

    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyBroken(f"{path} cannot be read ({error.strerror}); every mission needs it.") from error
    return parse_text(path, raw)


def parse_text(path: Path, raw: bytes) -> dict[str, Any]:
    """Return the top-level keys of what was read from a file.

    Raises:
        PolicyBroken: as for :func:`read_text`.

    """
    try:
        content = yaml.load(raw.decode("utf-8"), _OnceEach)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise PolicyBroken(f"{path} cannot be read ({error}); it is text, in UTF-8.") from error
    except yaml.YAMLError as error:
        raise PolicyBroken(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def read_section(path: Path, name: str, content: dict[str, Any] | None = None) -> object:
    """Return what stands under a file's top-level key.

    Raises:
        PolicyBroken: there is no such key, or the file does not hold.

    """
    known = read_text(path) if content is None else content
    if name not in known:
        raise PolicyBroken(f"{path} must have the top-level key '{name}'.")
    return known[name]
