"""An auditor who trusts none of our SQL: every KPI once more, in plain Python, over exported rows.

Written from the formulas in docs/guides/kpis.md, sharing no code with ``analytics``. Returns, by KPI,
the values by (mission, segment); ``unit:NAME`` and ``all`` stand where missions do.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor, sqrt
from typing import TYPE_CHECKING, Any

from tests.analytics.auditor_beside import foresight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = dict[str, Any]
Values = dict[tuple[str, str | None], float | int | None]
TERMINAL = {"done", "no_go", "aborted", "failed"}


def half_up(amount: Fraction | Decimal) -> int:
    """Round to a whole number, half up."""
    return floor(Fraction(amount) + Fraction(1, 2))


def quantile(values: Iterable[int | float], at: float) -> float | None:
    """Return a quantile, between the two nearest values in proportion."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = (len(ordered) - 1) * at
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class Auditor:
    """Recomputes the numbers of one mart from its rows and from the assumptions as written."""

    def __init__(self, tables: dict[str, list[Row]], assumed: Row) -> None:
        self.tables = tables
        self.assumed = assumed["missions"]
        self.calendar: Row | None = assumed.get("calendar")
        self.fees: Row | None = assumed.get("tool_fees")
        self.standing, self.currency = assumed["standing"], assumed["currency"]
        self.runs = tables["runs"]
        self.by_id = {run["run_id"]: run for run in self.runs}
        self.rolled_back = {run["rolls_back"] for run in self.runs if run["rolls_back"]}
        self.ended = [run for run in self.runs if run["status"] in TERMINAL]

    # Groups

    def terms(self, mission: str) -> Row:
        """Return what is assumed of a mission."""
        if mission in self.assumed:
            return self.assumed[mission]
        base = self.assumed.get(mission.removesuffix("_rollback"), {})
        return {name: base[name] for name in ("business_unit", "okr", "review", "platform") if name in base}

    def unit(self, mission: str) -> str:
        """Return a mission's business unit."""
        return self.terms(mission).get("business_unit", "unassigned")

    def groups(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        """Return rows by mission, by business unit, and all."""
        found: dict[str, list[Row]] = defaultdict(list)
        found["all"] = []
        for row in rows:
            for name in (row["mission"], f"unit:{self.unit(row['mission'])}", "all"):
                found[name].append(row)
        return found

    def each(self, rows: Iterable[Row], value: Callable[[list[Row]], Any], *, units: bool = True) -> Values:
        """Return a value of each group."""
        groups = self.groups(rows)
        return {(name, None): value(part) for name, part in groups.items() if units or not name.startswith("unit:")}

    def share(self, rows: Iterable[Row], test: Callable[[Row], Any], scale: int = 100) -> Values:
        """Return the share of rows that pass a test."""
        return self.each(
            rows, lambda part: float(Fraction(scale * sum(bool(test(r)) for r in part), len(part))) if part else None
        )

    # Money

    def full(self, run: Row) -> int | None:
        """Return what a run costs with people and platform, in millionths."""
        terms = self.terms(run["mission"])
        if "review" not in terms or "platform" not in terms:
            return None
        return run["cost_micros"] + self.review(run) + half_up(Decimal(terms["platform"]["cost_per_run"]) * 1_000_000)

    def review(self, run: Row) -> int:
        """Return what people's answers in a run cost."""
        told = self.terms(run["mission"])["review"]
        ceiling = told["minutes_per_answer"] * 60_000
        spent = sum(min(max(ms, 0), ceiling) for ms in self.answers(run))
        return half_up(Fraction(spent) * Fraction(Decimal(told["wage_per_hour"])) * 1_000_000 / 3_600_000)

    def answers(self, run: Row) -> list[int]:
        """Return how long each answered question of a run stood open, in milliseconds."""
        gates = [g["waited_ms"] or 0 for g in self.of(run, "gates") if g["state"] == "answered"]
        reviews = [r for r in self.of(run, "reviews") if r["state"] != "open"]
        return gates + [self._ms(r["answered_at"]) - self._ms(r["asked_at"]) for r in reviews]

    def of(self, run: Row, table: str) -> list[Row]:
        """Return a run's rows of a table."""
        return [row for row in self.tables[table] if row["run_id"] == run["run_id"]]

    def manual(self, mission: str) -> int | None:
        """Return what a case costs by hand, in millionths."""
        terms = self.terms(mission)
        if "manual" in terms:
            told = terms["manual"]
            hours = Fraction(Decimal(told["wage_per_hour"])) * told["minutes"] / 60
            exact = hours + Fraction(Decimal(told.get("other_per_case", "0")))
            return half_up(exact * 1_000_000)
        return 0 if mission.endswith("_rollback") and "platform" in terms else None

    def per(self, rows: list[Row], amount: Callable[[Row], Any], counted: Callable[[Row], Any]) -> int | None:
        """Return money divided by what counts, half up; nothing where currencies mix."""
        if self.mixes(rows) or any((row["currency"] or "").startswith("mixed") for row in rows):
            return None
        number = sum(bool(counted(row)) for row in rows)
        return half_up(Fraction(sum(amount(row) for row in rows), number)) if number else None

    def mixes(self, rows: list[Row]) -> bool:
        """Whether the costs of runs are in more than one currency."""
        return len({row["currency"] for row in rows} - {None}) > 1

    # Numbers

    def numbers(self) -> dict[str, Values]:
        """Return every KPI that has a source."""
        beside = foresight(self, self.calendar, self.fees)
        return {
            **self._outcomes(), **self._people(), **self._risk(), **self._money(), **self._worth(), **self._steps(),
            **beside,
        }  # fmt: skip

    def _outcomes(self) -> dict[str, Values]:
        ended, runs = self.ended, self.runs
        loops = {
            f["run_id"]
            for f in self.tables["monitor_findings"]
            if f["monitor"].split("@")[0] in {"loop", "no_progress"}
        }
        doubts = {a["run_id"] for a in self.tables["attempts"] if a["next"] == "doubt"}
        touched = {g["run_id"] for g in self.tables["gates"] if g["state"] == "answered"} | self.rolled_back
        decided = [
            r for r in ended
            if r["success"] or r["status"] in {"failed", "aborted"} or r["reason_code"] == "approval_expired"
        ]  # fmt: skip
        judged = [r for r in self.tables["reviews"] if r["state"] in {"right", "wrong"}]
        return {
            "runs": self.each(runs, len),
            "success_rate": self.share(ended, lambda r: r["success"]),
            "outcome_mix": self._mix(),
            "K8": self.share(
                runs,
                lambda r: (
                    r["status"] == "done" and not r["halt"] and r["run_id"] not in loops and r["run_id"] not in doubts
                ),
            ),
            "K9": self.share(ended, lambda r: r["success"] and r["run_id"] not in touched),
            "K10": self.share(decided, lambda r: r["success"]),
            "K11": self.share(judged, lambda r: r["state"] == "right"),
            "K11.low": self.each(judged, lambda part: self._wilson(part, -1)),
            "K11.high": self.each(judged, lambda part: self._wilson(part, +1)),
            "K12": self.share(ended, self._is_controlled),
            "K13": self.share([r for r in runs if r["sla_kept"] is not None], lambda r: r["sla_kept"]),
            "K14": self.share(ended, lambda r: r["escalated"]),
            "K18": self.share(
                [r for r in runs if r["success"] and "rework_days" in self.terms(r["mission"])], self._is_reworked
            ),
        }

    def _mix(self) -> Values:
        found: Values = {}
        for name, part in self.groups(self.ended).items():
            if not name.startswith("unit:"):
                words = [r["outcome"] or r["status"] for r in part]
                found |= {(name, word): float(Fraction(100 * words.count(word), len(words))) for word in words}
        return found

    def _wilson(self, part: list[Row], sign: int) -> float | None:
        if not part:
            return None
        n, z = len(part), 1.959963984540054
        p = sum(r["state"] == "right" for r in part) / n
        return 100 * (p + z * z / (2 * n) + sign * z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)

    def _is_controlled(self, run: Row) -> bool:
        permits = {d["key"].split("/decision")[0] for d in self.of(run, "decisions") if d["verdict"] == "allow"}
        changes = [
            c for c in self.of(run, "tool_calls")
            if c["effect"] in {"write", "irreversible"} and c["outcome"] in {"done", "failed", "in_doubt", "open"}
        ]  # fmt: skip
        return bool(
            run["started_at"]
            and run["ended_at"]
            and not run["incomplete_records"]
            and run["total_cost_micros"] in {None, run["cost_micros"]}
            and self.of(run, "versions")
            and not self.of(run, "chain_faults")
            and all(change["key"] in permits for change in changes)
        )

    def _is_reworked(self, run: Row) -> bool:
        due = run["ended_at"] + timedelta(days=self.terms(run["mission"])["rework_days"])
        return any(b["rolls_back"] == run["run_id"] and b["started_at"] <= due for b in self.runs)

    def _people(self) -> dict[str, Values]:
        by_hand = {h["halt"] for h in self.tables["halts"] if h["signal"] is None}
        told = {c["run_id"] for c in self.tables["tool_calls"] if c["source"] == "person"}

        def intervened(r: Row) -> bool:
            return (
                r["interventions"] > 0 or r["halt"] in by_hand or r["run_id"] in self.rolled_back or r["run_id"] in told
            )

        answered = [g for g in self.tables["gates"] if g["state"] == "answered"]
        opened = [g for g in self.tables["gates"] if g["state"] == "open"]
        newest = max((r["last_recorded_at"] for r in self.runs), default=None)
        waits = [
            {
                **r,
                "waits": sum(g["waited_ms"] or 0 for g in self.of(r, "gates") if g["state"] in {"answered", "expired"}),
            }
            for r in self.ended
        ]
        found: dict[str, Values] = {
            "K2a": self.share(self.ended, lambda r: r["gates"] > 0),
            "K2b": self.share(self.ended, intervened),
            "K2c": self.share(self.ended, lambda r: r["gates"] > 0 or intervened(r)),
            "K15": self.share(answered, lambda g: g["answer"] in {"no_go", "revise"}),
            "K17.wait": self.each(waits, lambda part: self._minutes([r["waits"] for r in part], 0.5)),
            "K22.depth": self.each(
                self.runs, lambda part: sum(g["run_id"] in {r["run_id"] for r in part} for g in opened), units=False
            ),
            "K22.age": self.each(
                opened,
                lambda part: (
                    (self._ms(newest) - min(self._ms(g["opened_at"]) for g in part)) / 60_000 if part else None
                ),
                units=False,
            ),
        }
        for name, at in (("p50", 0.5), ("p95", 0.95)):
            found[f"K17.{name}"] = self.each(
                self.ended, lambda p, at=at: self._minutes([r["latency_ms"] for r in p], at)
            )
            found[f"K16.{name}"] = {
                **self.each(answered, lambda p, at=at: self._minutes([g["waited_ms"] for g in p], at), units=False),
                **{
                    (mission, role): self._minutes(
                        [g["waited_ms"] for g in answered if (g["mission"], g["role"]) == (mission, role)], at
                    )
                    for mission, role in {(g["mission"], g["role"]) for g in answered}
                },
            }
        return found

    @staticmethod
    def _ms(moment: Any) -> int:
        return round(moment.timestamp() * 1_000_000) // 1_000

    @staticmethod
    def _minutes(values: list[Any], at: float) -> float | None:
        found = quantile([v for v in values if v is not None], at)
        return None if found is None else found / 60_000

    def _risk(self) -> dict[str, Values]:
        t = self.tables
        newest: dict[str, Row] = {}
        for run in sorted((r for r in self.runs if r["started_at"]), key=lambda r: (r["started_at"], r["run_id"])):
            newest[run["mission"]] = run
        proposed = [d for d in t["decisions"] if not d["approvals"]]
        outside = {"default-deny", "nobody-leaves-the-scope", "observers-change-nothing"}
        harms = [c for c in t["tool_calls"] if c["outcome"] == "in_doubt"]
        harms += [r for r in t["reviews"] if r["state"] == "wrong"]
        harms += [
            c for c in t["tool_calls"]
            if c["effect"] in {"write", "irreversible"} and c["outcome"] == "done" and c["run_id"] in self.rolled_back
        ]  # fmt: skip
        faults: dict[str, int] = defaultdict(int)
        for fault in t["chain_faults"]:
            faults[fault["run_id"]] += 1
        last = max(t["drills"], key=lambda d: (d["ended_at"], d["run_id"]), default=None)
        unanchored = t["snapshot"][0]["unanchored_seconds"]
        drilled = [d for d in t["drills"] if last and d["run_id"] == last["run_id"]]
        latencies = [h for h in t["halted_runs"] if h["last_effect_ms"] is not None]
        halted = self.each(
            t["halted_runs"], lambda p: quantile([h["last_effect_ms"] for h in p if h in latencies], 0.95), units=False
        )
        missions = {r["mission"] for r in self.runs}
        none = {(name, None): 0 for name in self.groups(self.runs)} if missions else {}
        return {
            "K3a": self.each(
                newest.values(),
                lambda p: max(r["budget_amount_cents"] for r in p)
                if p and all(r["budget_amount_cents"] is not None for r in p) else None,
            ),
            "K3b": self.each(
                self.runs, lambda p: self._exposed([r for r in p if r["status"] in {"flying", "waiting"}])
            ),
            "K3c": none | {k: v for k, v in self.each(harms, len).items() if k in none},
            "K23": self._per_thousand(proposed, [d for d in t["decisions"] if d["verdict"] == "deny"]),
            "K24": self._per_thousand(
                proposed, [d for d in t["decisions"] if d["verdict"] == "deny" and outside & set(d["rules"] or [])]
            ),
            "K25": self._per_thousand(proposed, t["monitor_findings"]),
            "K31": {k: None if v is None else v / 1000 for k, v in halted.items()},
            "K31.drill": {("all", None): max(d["p99_us"] for d in drilled) / 1_000_000 if drilled else None},
            "K30.anchor": {("all", None): None if unanchored is None else unanchored / 3_600},
            "K30": self.each(
                self.runs,
                lambda p: float(
                    Fraction(100 * sum(r["records"] - faults[r["run_id"]] for r in p), sum(r["records"] for r in p))
                ) if p else None,
            ),
            "K29": self.each(
                [r for r in self.runs if r["incomplete_records"] is not None],
                lambda p: float(
                    Fraction(100 * sum(r["records"] - r["incomplete_records"] for r in p), sum(r["records"] for r in p))
                ) if p else None,
            ),
        }  # fmt: skip

    @staticmethod
    def _exposed(live: list[Row]) -> int | None:
        caps = [r["budget_amount_cents"] for r in live]
        return None if None in caps else sum(caps)

    def _per_thousand(self, proposed: list[Row], counted: list[Row]) -> Values:
        below, above = self.groups(proposed), self.groups(counted)
        return {
            (name, None): float(Fraction(1000 * len(above.get(name, [])), len(below[name])))
            if below.get(name)
            else None
            for name in below.keys() | above.keys()
        }

    def _money(self) -> dict[str, Values]:
        def always(_: Row) -> bool:
            return True

        def cost(r: Row) -> int:
            return r["cost_micros"]

        known = [r for r in self.priced() if r["full"] is not None]
        reviewed = [r for r in self.priced() if "review" in self.terms(r["mission"])]
        ended = [r for r in known if r["status"] in TERMINAL]
        budgeted = [r for r in self.ended if r["budget_usd_micros"] is not None]
        return {
            "K6": self.each(self.runs, lambda p: self.per(p, cost, lambda r: r["success"])),
            "K4": self.each(self.ended, lambda p: self.per(p, cost, always)),
            "K6.full": self.each(known, lambda p: self.per(p, lambda r: r["full"], lambda r: r["success"])),
            "K4.full": self.each(ended, lambda p: self.per(p, lambda r: r["full"], always)),
            "K26": self._tokens(),
            "K28": self.each(reviewed, lambda p: None if not p or self.foreign(p) else sum(self.review(r) for r in p)),
            "K35": self.each(
                budgeted,
                lambda p: (
                    None
                    if not p or {r["currency"] for r in p} - {None, "USD"}
                    else sum(map(cost, p)) / sum(r["budget_usd_micros"] for r in p)
                ),
            ),
        }

    def priced(self) -> list[Row]:
        """Return every run with its full cost, in the one currency of models and assumptions, or mixed."""
        found: list[Row] = []
        for run in self.runs:
            own = run["currency"]
            currency = "mixed" if own and own != self.currency else own or self.currency
            found.append({**run, "full": self.full(run), "currency": currency})
        return [r if r["currency"] != "mixed" else {**r, "currency": f"mixed {r['run_id']}"} for r in found]

    def _tokens(self) -> dict[Any, Any]:
        found: Values = {}
        kinds = {"input": "input_tokens", "cached_input": "cache_read_tokens", "output": "output_tokens"}
        for name, part in self.groups(self.ended).items():
            if name.startswith("unit:") or not part:
                continue
            calls = [c for r in part for c in self.of(r, "model_calls")]
            for kind, column in kinds.items():
                found[name, kind] = sum(c[column] or 0 for c in calls) / len(part)
        return found

    def _worth(self) -> dict[str, Values]:
        known = [r for r in self.priced() if r["full"] is not None]
        valued = [r for r in known if self.manual(r["mission"]) is not None]

        def gain(part: list[Row]) -> float | None:
            spent = sum(r["full"] for r in part)
            if not spent or self.foreign(part):
                return None
            return (sum(self.manual(r["mission"]) or 0 for r in part if r["success"]) - spent) / spent

        def aligned(part: list[Row]) -> float | None:
            spent = sum(r["cost_micros"] for r in part)
            if not spent or self.mixes(part):
                return None
            return 100 * sum(r["cost_micros"] for r in part if self.terms(r["mission"]).get("okr")) / spent

        return {
            "K1": self.each(valued, gain),
            "K5": self._per_case(known),
            "K7": self.each(valued, self._saved),
            "K36": self.each(self.runs, aligned),
            "K37": self.each(
                [r for r in self.runs if r["success"] and "points" in self.terms(r["mission"])],
                lambda p: sum(self.terms(r["mission"])["points"] for r in p) if p else None,
            ),
            "K39": self._alternatives(known),
        }

    @staticmethod
    def foreign(part: list[Row]) -> bool:
        """Whether any cost is in another currency than the assumptions, or the costs are in several."""
        words = {r["currency"] for r in part}
        return len(words) > 1 or any(word.startswith("mixed") for word in words)

    @staticmethod
    def case(run: Row) -> str:
        """Return the business case that a run serves."""
        return run["case_ref"] or run["run_id"]

    def _per_case(self, known: list[Row]) -> Values:
        found: Values = {}
        for name, part in self.groups(known).items():
            cases = {self.case(r) for r in part}
            served = [r for r in known if self.case(r) in cases]
            solved = {self.case(r) for r in served if r["success"]}
            broken = bool(served) and self.foreign(served)
            spent = sum(r["full"] for r in served)
            found[name, None] = None if broken or not solved else half_up(Fraction(spent, len(solved)))
        return found

    def _saved(self, part: list[Row]) -> float | None:
        solved = {(r["mission"], self.case(r)) for r in part if r["success"]}
        worth = sum(self.manual(mission) or 0 for mission, _ in solved)
        if not worth or self.foreign(part):
            return None
        return float(Fraction(100 * (worth - sum(r["full"] for r in part)), worth))

    def _alternatives(self, known: list[Row]) -> Values:
        found: Values = {}
        for mission in {r["mission"] for r in self.runs}:
            part = [r for r in known if r["mission"] == mission]
            if part:
                successes = sum(bool(r["success"]) for r in part)
                spent = sum(r["full"] for r in part)
                silent = self.foreign(part) or not successes
                found[mission, "agents"] = None if silent else half_up(Fraction(spent, successes))
            if self.manual(mission):
                found[mission, "by hand"] = self.manual(mission)
            if "rules" in self.terms(mission):
                found[mission, "rules alone"] = half_up(
                    Decimal(self.terms(mission)["rules"]["cost_per_case"]) * 1_000_000
                )
        return found

    def _steps(self) -> dict[str, Values]:
        steps = self.tables["steps"]
        done = [s for s in steps if s["outcome"] == "done"]
        ended = [s for s in steps if s["outcome"] in {"done", "failed"}]
        again = [s for s in steps if s["occurrence"] > 1]
        again += [a for a in self.tables["attempts"] if a["next"] in {"retry", "fallback"}]
        first, more = self.groups(s for s in steps if s["occurrence"] == 1), self.groups(again)
        found: dict[str, Values] = {
            "K20": {
                (name, None): len(more.get(name, [])) / len(first[name]) if first.get(name) else None
                for name in first.keys() | more.keys()
            },
            "K21": self.each(
                ended,
                lambda p: float(Fraction(100 * sum(s["outcome"] == "failed" for s in p), len(p))) if p else None,
                units=False,
            ),
        }
        for name, part in self.groups(ended).items():
            if not name.startswith("unit:"):
                reasons = [s["reason_code"] or "unknown" for s in part if s["outcome"] == "failed"]
                found["K21"] |= {
                    (name, word): float(Fraction(100 * reasons.count(word), len(part))) for word in reasons
                }
        for at, label in ((0.5, "K19.p50"), (0.95, "K19.p95"), (0.99, "K19.p99")):
            found[label] = {}
            for mission, step in {(s["mission"], s["step"]) for s in done}:
                values = [s["latency_us"] for s in done if (s["mission"], s["step"]) == (mission, step)]
                middle = quantile([v for v in values if v is not None], at)
                found[label][mission, step] = None if middle is None else middle / 1000
        measures = [m for m in self.tables["measures"] if m["name"] != "sla_kept"]
        found["measure.mean"], found["measure.median"] = {}, {}
        for mission, name in {(m["mission"], m["name"]) for m in measures}:
            values = [m["value"] for m in measures if (m["mission"], m["name"]) == (mission, name)]
            found["measure.mean"][mission, name] = sum(values) / len(values)
            found["measure.median"][mission, name] = quantile(values, 0.5)
        return found
