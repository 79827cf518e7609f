"""Spellings: a value is found however it is written, and only those who are trusted are read to the letter."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.spellings import LENGTH_MAX, Text, dates, number, numbers, plainly, spelled, squeezed

IBAN = "DE89370400440532013000"
letters = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    "written",
    [
        "pay DE89 3704 0044 0532 0130 00 today",
        "pay de89370400440532013000.",
        "pay DE89-3704-0044-0532-0130-00",
        "pay D\u200bE8937\u00ad0400440532013000",
        "pay \uff24\uff25\uff18\uff19370400440532013000",
        "pay \u0501\u0435".replace("\u0501", "D") + "89370400440532013000",
        "pay " + quote("DE89 3704 0044 0532 0130 00"),
        "pay " + "".join(f"&#{ord(letter)};" for letter in IBAN),
        "pay " + base64.b64encode(IBAN.encode()).decode(),
        "pay " + quote(base64.b64encode(IBAN.encode()).decode()),
    ],
)
def test_outsiders_cannot_hide_an_account_by_the_way_they_write_it(written: str) -> None:
    """Separators, case, what cannot be seen, wide and lookalike letters, entities, percent signs and base64."""
    assert Text(written).hides(spelled(IBAN))


@pytest.mark.parametrize(
    "value",
    ["grace@bank.ex\u0430mple", "grace@bank-example.com", "grace@bank.example.com.evil.org", "race@bank.example.com"],
)
def test_a_lookalike_is_not_what_the_request_named(value: str) -> None:
    """A foreign letter, another separator, a longer or a shorter name: each is somebody else."""
    request = Text("Write to grace@bank.example.com, please, and to grace@bank.example.")
    assert not request.names(spelled(value))
    assert request.names(spelled("Grace@Bank.Example.com"))


def test_the_request_may_write_an_account_in_groups() -> None:
    """As people do; but not a part of it, nor one that it only begins."""
    request = Text("Pay DE89 3704 0044 0532 0130 00, as usual")
    assert request.names(spelled(IBAN))
    assert not request.names(spelled(IBAN[:-2]))
    assert not request.names(spelled(IBAN + "7"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the sum of 1,234.50 EUR", 1234.5), ("der Betrag von 1.234,50 EUR", 1234.5), ("EUR 1'200", 1200),
        ("1.200 pieces", 1200), ("1.200 pieces", 1.2), ("number 0013", "13"), ("$100, at once", 100.0),
    ],
)  # fmt: skip
def test_a_number_is_read_in_every_way_it_can_be_meant(text: str, value: str | float) -> None:
    """Thousands, decimals, leading zeros, whole floats."""
    assert Text(text).names(spelled(value))


def test_a_number_is_not_found_within_another() -> None:
    """Neither in a longer one nor in a name."""
    assert not {"50", "1", "3"} & numbers("1500 by B3 and 2501x")


@pytest.mark.parametrize(
    "text", ["2024-05-06", "2024/5/6", "6.5.2024", "May 6, 2024", "6th of May 2024", "MAY 6th 2024", "6. May 2024"]
)
def test_a_date_is_the_same_day_however_it_is_written(text: str) -> None:
    """In the order of the year, of the day, or with the month's name."""
    assert dates(plainly(text)) == {"2024-05-06"}
    assert Text(f"due {text}").hides(spelled("2024-05-06"))


def test_a_long_text_says_that_it_was_cut() -> None:
    """And is looked into up to there."""
    text = Text("x" * LENGTH_MAX + IBAN)
    assert text.is_cut
    assert not text.hides(spelled(IBAN))


@pytest.mark.parametrize(
    ("value", "is_address"),
    [
        (IBAN, True), ("a@b.c", True), ("https://x.y", True), ("/etc/passwd", True), ("www.x.y", True),
        (1_000_000, False), ("1000000", False), ("2024-05-06", False), ("Follow-up meeting", False), ("INC-1", False),
    ],
)  # fmt: skip
def test_an_address_is_known_by_its_form(value: str | int, is_address: bool) -> None:
    """Mail, web, path, or an account; a sum, a day and a title are none."""
    assert spelled(value).is_address is is_address


@given(letters)
def test_a_form_is_its_own_form(text: str) -> None:
    """Making plain what is plain, or squeezing what is squeezed, changes nothing."""
    assert plainly(plainly(text)) == plainly(text)
    assert squeezed(squeezed(text)) == squeezed(text)


@given(st.from_regex(r"[A-Z]{2}[0-9]{10,20}", fullmatch=True), letters, letters, st.integers(1, 5))
def test_what_is_written_is_found_whatever_stands_around_it(value: str, before: str, after: str, step: int) -> None:
    """In groups of any length, in any case, after and before anything."""
    groups = " ".join(value[start : start + step] for start in range(0, len(value), step))
    assert Text(f"{before} {groups.lower()} {after}").hides(spelled(value))


@given(st.integers(0, 10**15), st.integers(0, 99))
def test_an_amount_is_found_in_the_ways_people_write_it(whole: int, cents: int) -> None:
    """With thousands and decimals as English or German has them."""
    english = f"{whole:,}.{cents:02d}"
    german = english.translate(str.maketrans(",.", ".,"))
    wanted = number(f"{whole}.{cents:02d}")
    assert wanted in numbers(f"pay {english} now")
    assert wanted in numbers(f"pay {german} now")


@given(letters, letters)
def test_what_is_named_is_also_found(text: str, value: str) -> None:
    """Whoever is read to the letter would be suspected of at least the same."""
    looked = Text(text)
    form = spelled(value)
    if form.plain and looked.names(form):
        assert looked.hides(form)
