"""Journals and forgers: whatever is done to a line that another one follows is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.files import read_stream
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import write_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", name="lines")
def _lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    path = write_file(FileJournal(tmp_path_factory.mktemp("whole")), 7)
    return path.read_bytes().splitlines(keepends=True)


class TestTampering:
    """Whatever is done to a line that another one follows is found; the last leaf is a checkpoint's business."""

    @staticmethod
    def check(tmp_path: Path, lines: list[bytes]) -> None:
        """Read the lines as a stream."""
        path = tmp_path / "r1.jsonl"
        path.write_bytes(b"".join(lines))
        read_stream(path)

    @given(at=st.integers(0, 5))
    def test_a_removed_line_is_found(self, tmp_path: Path, lines: list[bytes], at: int) -> None:
        """Evidence cannot be thinned out."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, lines[:at] + lines[at + 1 :])

    @given(source=st.integers(0, 6), at=st.integers(0, 7))
    def test_an_inserted_line_is_found(self, tmp_path: Path, lines: list[bytes], source: int, at: int) -> None:
        """A record cannot be told twice."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, [*lines[:at], lines[source], *lines[at:]])

    @given(order=st.permutations(range(7)).filter(lambda order: order != list(range(7))))
    def test_reordered_lines_are_found(self, tmp_path: Path, lines: list[bytes], order: list[int]) -> None:
        """What came first stays first."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, [lines[index] for index in order])

    @given(data=st.data())
    @hypothesis_settings(max_examples=400)
    def test_any_flipped_byte_is_found(self, tmp_path: Path, lines: list[bytes], data: st.DataObject) -> None:
        """In a leaf, a salt, a payload, a tab or a line end."""
        raw = bytearray(b"".join(lines[:-1]))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(EvidenceBroken):
            self.check(tmp_path, [bytes(raw), lines[-1]])

    @given(at=st.integers(0, 5), end=st.sampled_from([b"\r", b"\v", b"\x1c", b" ", b""]))
    def test_a_changed_line_end_is_found(self, tmp_path: Path, lines: list[bytes], at: int, end: bytes) -> None:
        """Only a newline ends a record."""
        with pytest.raises(EvidenceBroken):
            self.check(tmp_path, [*lines[:at], lines[at][:-1] + end, *lines[at + 1 :]])

    @given(at=st.integers(0, 5), text=st.text("0123456789abcdef", min_size=1, max_size=3))
    def test_a_changed_value_is_found(self, tmp_path: Path, lines: list[bytes], at: int, text: str) -> None:
        """A well-formed record with another content does not fit its successor."""
        changed = lines[at].replace(b'"number":', b'"also":"' + text.encode() + b'","number":', 1)
        with pytest.raises(EvidenceBroken, match=rf"r1\.jsonl line {at + 2}: the chain is broken"):
            self.check(tmp_path, [*lines[:at], changed, *lines[at + 1 :]])

    def test_an_erased_payload_breaks_nothing(self, tmp_path: Path, lines: list[bytes]) -> None:
        """Payloads are outside the chain; the leaf still commits to what was there."""
        erased = [line.split(b"\t")[0].rstrip(b"\n") + b"\n" for line in lines]
        self.check(tmp_path, erased)

    def test_a_broken_stream_is_not_written_to(self, files: FileJournal, lines: list[bytes]) -> None:
        """Nobody flies on broken evidence, and opening it leaves it as it was found."""
        path = files.flight_path("r1")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(lines[1:]))
        with pytest.raises(EvidenceBroken):
            files.open_flight("r1")
        assert path.read_bytes() == b"".join(lines[1:])
