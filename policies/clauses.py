"""What clauses of each type look like: reviewed data, in one YAML file a reviewer.

The types are the 41 of CUAD v1 (The Atticus Project). A file `clauses_REVIEWER.yaml` says for each:

risk     routine, or risky: a risky clause is routed to signature only after legal counsel said go
words    a sentence with one of these, in any case, is shown to whoever looks for the type
find     patterns, in any case, a space for any white space: a sentence that fits one is quoted;
         where a pattern has a group q, only what the group holds
unless   patterns that keep a sentence from being quoted
opening  only sentences that begin within this many characters are read
most     how many quotes at most, in the order of the text

`{name}` in a pattern stands for the entry of `names`. Patterns were written on the development split
of the contracts only; `python -m benchmarks.contracts` prints what they find there, and on the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import Field

from gonogo.model import Noun

Reviewer = Literal["commercial", "regulatory", "pricing"]
"""Who reads a contract, each for clauses of its own."""

Risk = Literal["routine", "risky"]

ClauseType = Literal[
    "Document Name", "Parties", "Agreement Date", "Effective Date", "Expiration Date", "Renewal Term",
    "Notice Period To Terminate Renewal", "Governing Law", "Most Favored Nation", "Competitive Restriction Exception",
    "Non-Compete", "Exclusivity", "No-Solicit Of Customers", "No-Solicit Of Employees", "Non-Disparagement",
    "Termination For Convenience", "Rofr/Rofo/Rofn", "Change Of Control", "Anti-Assignment", "Revenue/Profit Sharing",
    "Price Restrictions", "Minimum Commitment", "Volume Restriction", "Ip Ownership Assignment", "Joint Ip Ownership",
    "License Grant", "Non-Transferable License", "Affiliate License-Licensor", "Affiliate License-Licensee",
    "Unlimited/All-You-Can-Eat-License", "Irrevocable Or Perpetual License", "Source Code Escrow",
    "Post-Termination Services", "Audit Rights", "Uncapped Liability", "Cap On Liability", "Liquidated Damages",
    "Warranty Duration", "Insurance", "Covenant Not To Sue", "Third Party Beneficiary",
]  # fmt: skip
"""Kinds of clauses, by the names that CUAD gives them."""

REVIEWERS: tuple[Reviewer, ...] = get_args(Reviewer)
CLAUSE_TYPES: tuple[ClauseType, ...] = get_args(ClauseType)

WHITE_MAX = 60
"""White space characters that a space in a pattern stands for at most; contracts are laid out in columns."""

_NAME = re.compile(r"\{([a-z]+)\}")


class ClauseRule(Noun):
    """How one type of clause is recognised."""

    clause: ClauseType
    reviewer: Reviewer
    risk: Risk
    words: tuple[str, ...]
    find: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...] = ()
    opening: Annotated[int, Field(gt=0)] | None = None
    """Characters from the beginning; ``None`` = the whole document."""
    most: Annotated[int, Field(gt=0)]


@lru_cache(maxsize=1)
def clause_rules() -> dict[ClauseType, ClauseRule]:
    """Return the rule of every type, in the order of the types.

    Raises:
        ValueError: a file does not say what a rule needs, or a type has no rule, or two.

    """
    found: dict[ClauseType, ClauseRule] = {}
    for reviewer in REVIEWERS:
        for rule in _rules_of(reviewer):
            if rule.clause in found:
                raise ValueError(f"{rule.clause} has a rule of the {reviewer} reviewer, and another before it.")
            found[rule.clause] = rule
    missing = [clause for clause in CLAUSE_TYPES if clause not in found]
    if missing:
        raise ValueError(f"No file policies/clauses_*.yaml has a rule for {', '.join(missing)}.")
    return {clause: found[clause] for clause in CLAUSE_TYPES}


def clauses_of(reviewer: Reviewer) -> tuple[ClauseType, ...]:
    """Return the types that a reviewer looks for."""
    return tuple(rule.clause for rule in clause_rules().values() if rule.reviewer == reviewer)


def _rules_of(reviewer: Reviewer) -> list[ClauseRule]:
    path = Path(__file__).with_name(f"clauses_{reviewer}.yaml")
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    names: dict[str, str] = written.get("names", {})
    rules: list[ClauseRule] = []
    for clause, said in written["clauses"].items():
        patterns = {key: tuple(_pattern(each, names) for each in said.get(key, ())) for key in ("find", "unless")}
        words = tuple(word.lower() for word in said["words"])
        rule = said | patterns | {"clause": clause, "reviewer": reviewer, "words": words}
        rules.append(ClauseRule.model_validate(rule))
    return rules


def _pattern(text: str, names: dict[str, str]) -> re.Pattern[str]:
    """Return a pattern with its names filled in; a space stands for white space, a space and `?` for it or nothing."""
    while _NAME.search(text):
        text = _NAME.sub(lambda name: names[name[1]], text)
    # Bounded, so that a sentence of nothing but white space costs no more than any other.
    spaced = text.replace(" ?", rf"\s{{0,{WHITE_MAX}}}").replace(" ", rf"\s{{1,{WHITE_MAX}}}")
    return re.compile(spaced, re.IGNORECASE | re.DOTALL)
