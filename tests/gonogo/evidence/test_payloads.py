"""Large payloads: apart from their lines, durable before they are named, erasable without a trace in the chain."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceBroken, EvidenceUnwritable
from gonogo.evidence.canon import SALT_BYTES, commitment
from gonogo.evidence.payloads import INLINE_MAX_BYTES, FilePayloads, payload_path, read_payload, store_if_large

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.payloads import Payloads
    from tests.gonogo.toy.shelves import Shelf

LARGE = b'"' + b"x" * INLINE_MAX_BYTES + b'"'


def stored(payloads: Payloads) -> str:
    """Store a large payload and return its commitment."""
    kept, fields = store_if_large(payloads, LARGE)
    assert kept is None
    assert fields["dataref"] == f"payloads/{fields['payloaddigest']}"
    return fields["payloaddigest"]


def test_64_kib_stay_in_the_line_and_one_byte_more_does_not(journal: Journal) -> None:
    """The limit is exact."""
    fits = b"x" * INLINE_MAX_BYTES
    assert store_if_large(journal.payloads, fits) == (fits, {})
    assert journal.payloads.get(stored(journal.payloads)) is not None


def test_a_stored_payload_is_read_back_with_its_salt(journal: Journal) -> None:
    """What stands there is salt and bytes; the name is the commitment to both."""
    digest = stored(journal.payloads)
    payload = read_payload(journal.payloads, digest)
    assert payload is not None
    assert payload.body == LARGE
    assert len(payload.salt) == SALT_BYTES
    assert commitment(payload.salt, LARGE) == digest


def test_an_erased_payload_is_absent_and_not_an_error(journal: Journal, shelf: Shelf) -> None:
    """Erasing is the owner's right; whoever needs the payload says so."""
    digest = stored(journal.payloads)
    shelf.erase(digest)
    assert read_payload(journal.payloads, digest) is None


@pytest.mark.parametrize("at", [0, SALT_BYTES, -1])
def test_a_changed_payload_is_found(journal: Journal, shelf: Shelf, at: int) -> None:
    """In the salt, in the first byte, in the last."""
    digest = stored(journal.payloads)
    shelf.change(digest, at)
    with pytest.raises(EvidenceBroken, match="was changed; restore it"):
        read_payload(journal.payloads, digest)


def test_a_payload_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Cases hold personal data."""
    assert payload_path(tmp_path, stored(FilePayloads(tmp_path))).stat().st_mode & 0o077 == 0


def test_a_payload_is_durable_with_its_name_before_it_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the leaf must not name a file whose directory entry was lost."""
    synced: set[Path] = set()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see which file is synced")
    monkeypatch.setattr(os, "fsync", watched)
    path = payload_path(tmp_path / "payloads", stored(FilePayloads(tmp_path / "payloads")))
    assert {path, path.parent, path.parent.parent} <= synced


def test_a_full_disk_leaves_no_piece_of_a_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is recorded about a payload that could not be written."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EvidenceUnwritable, match=r"No space left on device\); free the disk"):
        store_if_large(FilePayloads(tmp_path), LARGE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_payload_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    """Nothing but a sentence comes of a layout that cannot hold payloads."""
    (tmp_path / "payloads").write_text("in the way")
    with pytest.raises(EvidenceUnwritable, match="A payload cannot be written to"):
        store_if_large(FilePayloads(tmp_path / "payloads"), LARGE)
