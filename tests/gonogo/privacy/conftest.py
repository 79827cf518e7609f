"""Journals of every kind, as the tests of evidence know them."""

from tests.gonogo.evidence.conftest import files, journal, place, stream

__all__ = ["files", "journal", "place", "stream"]
