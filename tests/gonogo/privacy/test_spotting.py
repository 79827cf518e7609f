"""What must not be written down is found wherever it stands, and nothing else is."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from gonogo.evidence.sealing import SHAPE
from gonogo.evidence.spotting import Spotter
from gonogo.personal import SHAPES

WORDS = "Ada|ada|ADA|Ada Byron|byron|SS|stra\u00dfe|STRASSE|sam|x|i|K"
FOLDED = "\u00df|\u0130|\u0131|\u017fam|\u212a|\u00e9|e\u0301"
SHAPED = "ada@x.org|+49 30 901820|DE89 3704 0044 0532 0130 00"
PIECES = [*f"{WORDS}|{FOLDED}|{SHAPED}".split("|"), *" -_1.", f"[sealed:{'a' * 26}:t", f"{'b' * 40}]"]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20)
names = st.sets(texts.filter(lambda text: len(text) >= 3).map(str.casefold), max_size=6)


def by_one_expression(known: set[str], text: str) -> str:
    """Replace everything by one regular expression of it all: slow, and plainly right."""
    longest_first = sorted(known, key=len, reverse=True)
    words = rf"(?<!\w)(?i:{'|'.join(map(re.escape, longest_first))})(?!\w)" if known else r"(?!)"
    return re.sub(f"{SHAPE}|{words}|{SHAPES}", lambda found: f"<{found[0]}>", text)


@given(known=names, text=texts)
@example(known={"ada", "ada byron"}, text="Ada Byron, ada_byron, ADA.")
@example(known={"ada@x.org"}, text="write to ada@x.org or to bob@x.org")
@example(known={"stra\u00dfe", "sam"}, text="STRASSE Stra\u00dfe \u017fam SAM")
def test_the_same_is_found_as_by_one_expression_of_all_that_is_known(known: set[str], text: str) -> None:
    """Whatever overlaps, in whatever case and script."""
    spotter = Spotter()
    for each in known:
        spotter.learn(each)
    assert spotter.replaced(text, lambda found: f"<{found}>") == by_one_expression(known, text)
