"""Journals and full disks: nothing acknowledged, no half line, and nothing more taken."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import note, write_some

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.files import FileStream


class TestFullDisk:
    """A recorder that cannot write acknowledges nothing, leaves no half line, and takes nothing more."""

    @staticmethod
    def fill(monkeypatch: pytest.MonkeyPatch, after_bytes: int) -> None:
        """Let the disk take some bytes of the next write, and then be full."""
        write = os.write
        left = [after_bytes]

        def limited(descriptor: int, data: Any) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(descriptor, bytes(data)[: left[0]])
            left[0] -= written
            return written

        monkeypatch.setattr(os, "write", limited)

    @pytest.mark.parametrize("after_bytes", [0, 1, 400, 1_000])
    async def test_a_disk_that_fills_halfway_leaves_whole_lines(
        self, files: FileJournal, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch, after_bytes: int
    ) -> None:
        """The file ends at the last durable record, wherever in the batch the disk was full."""
        note(file_stream, 0)
        await file_stream.commit()
        whole = files.flight_path("r1").read_bytes()
        self.fill(monkeypatch, after_bytes)
        for number in (1, 2, 3):
            note(file_stream, number)
        with pytest.raises(EvidenceUnwritable, match=r"No space left on device\); nothing more is done. Free the disk"):
            await file_stream.commit()
        assert files.flight_path("r1").read_bytes() == whole

    async def test_all_who_wait_for_the_failed_write_are_told(
        self, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No branch goes on as if it had been recorded."""
        self.fill(monkeypatch, 10)
        for number in range(5):
            note(file_stream, number)
        told = await asyncio.gather(*(file_stream.commit() for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in told] == [EvidenceUnwritable] * 5

    async def test_a_stream_that_failed_once_stays_shut(
        self, files: FileJournal, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Space that comes back does not mend the hole; a new attempt starts from what is on disk."""
        with monkeypatch.context() as patched:
            self.fill(patched, 0)
            note(file_stream, 0)
            with pytest.raises(EvidenceUnwritable):
                await file_stream.commit()
        with pytest.raises(EvidenceUnwritable):
            note(file_stream, 1)
        with pytest.raises(EvidenceUnwritable):
            await file_stream.commit()
        file_stream.close()
        write_some(files, 1)
        assert len(files.read_flight("r1")) == 1

    async def test_a_sync_that_fails_acknowledges_nothing(
        self, files: FileJournal, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Written but not durable is not written."""

        def broken(_descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fdatasync", broken)
        note(file_stream, 0)
        with pytest.raises(EvidenceUnwritable, match="Input/output error"):
            await file_stream.commit()
        assert files.read_flight("r1") == []

    async def test_a_disk_that_cannot_even_undo_is_still_one_sentence(
        self, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The failure that counts is the first; cutting back is an attempt."""

        def broken(_descriptor: int, _length: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        self.fill(monkeypatch, 5)
        monkeypatch.setattr(os, "ftruncate", broken)
        note(file_stream, 0)
        with pytest.raises(EvidenceUnwritable, match="No space left"):
            await file_stream.commit()

    def test_a_folder_that_cannot_be_made_is_one_sentence(self, tmp_path: Path) -> None:
        """A file stands where the journals should."""
        (tmp_path / "flights").write_text("in the way")
        with pytest.raises(EvidenceUnwritable, match="Evidence cannot be written to"):
            FileJournal(tmp_path).open_flight("r1")
