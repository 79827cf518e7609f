"""FOCUS 1.2: what models cost by hour, mission, agent and model, as CSV with exact decimals.

Columns are those of the FinOps Open Cost and Usage Specification 1.2 that are mandatory, and those of its conditional
ones that are known here; own ones begin with ``x_``, as it asks. A notional price is nobody's bill: such rows bill
nothing and have their figure in ``x_NotionalCost``. All costs are estimates by price list until an invoice says so.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from analytics.exports.windows import rows, whole_file

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from analytics.exports.windows import Window

VERSION = "1.2"

COLUMNS: tuple[str, ...] = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceIssuerName",
    "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ResourceId", "ResourceName",
    "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SubAccountId", "SubAccountName",
    "Tags",
)  # fmt: skip
"""Columns of the specification, in its order."""

OWN: tuple[str, ...] = (
    "x_CacheReadTokens", "x_CacheWriteTokens", "x_Calls", "x_InputTokens", "x_NotionalCost", "x_OutputTokens",
    "x_PriceBasis", "x_PriceBook",
)  # fmt: skip
"""Columns of our own."""

_CHARGES = """
SELECT
    date_trunc('hour', costs.charged_at) AS charged,
    coalesce(runs.tenant, 'default') AS tenant,
    coalesce(runs.environment, 'dev') AS environment,
    costs.mission,
    costs.agent_id,
    coalesce(costs.provider, 'unknown') AS provider,
    coalesce(costs.model, 'unknown') AS model,
    costs.currency,
    costs.price_basis,
    costs.price_book,
    count(*) AS calls,
    sum(costs.cost_micros)::BIGINT AS micros,
    coalesce(sum(costs.input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(costs.output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(costs.cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
    coalesce(sum(costs.cache_write_tokens), 0)::BIGINT AS cache_write_tokens
FROM (SELECT * REPLACE (coalesce(charged_at, begun.started_at) AS charged_at)
      FROM costs
      JOIN (SELECT run_id, key AS model_call_key, occurrence, started_at FROM model_calls) AS begun
          USING (run_id, model_call_key, occurrence)) AS costs
LEFT JOIN runs ON runs.run_id = costs.run_id
WHERE costs.charged_at >= $since AND costs.charged_at < $until
GROUP BY ALL
ORDER BY ALL
"""
"""What a crash lost has no end; it was charged when it began."""


def write(con: DuckDBPyConnection, out: str, window: Window) -> dict[str, Any]:
    """Write the charges of a window to a file, and return how many rows and calls they are."""
    count = calls = 0
    with whole_file(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        table = csv.DictWriter(text, (*COLUMNS, *OWN), lineterminator="\r\n")
        table.writeheader()
        for row in rows(con, _CHARGES, dict(window.bounds())):
            table.writerow(_charge(row))
            count, calls = count + 1, calls + row["calls"]
        text.detach()
    return {"version": VERSION, "rows": count, "calls": calls}


def _charge(row: dict[str, Any]) -> dict[str, Any]:
    begun: datetime = row["charged"].astimezone(UTC)
    month = begun.replace(day=1, hour=0)
    following = (month + timedelta(days=32)).replace(day=1)
    is_notional = row["price_basis"] == "notional"
    cost, tokens = decimal(0 if is_notional else row["micros"]), row["input_tokens"] + row["output_tokens"]
    tags = {"environment": row["environment"], "mission": row["mission"], "price_basis": row["price_basis"]}
    return {
        "BilledCost": cost,
        "BillingAccountId": row["tenant"],
        "BillingAccountName": row["tenant"],
        "BillingCurrency": row["currency"],
        "BillingPeriodEnd": _time(following),
        "BillingPeriodStart": _time(month),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{row['model']} for {row['agent_id'] or row['mission']} in {row['mission']}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _time(begun + timedelta(hours=1)),
        "ChargePeriodStart": _time(begun),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": row["provider"],
        "ListCost": cost,
        "PricingQuantity": tokens,
        "PricingUnit": "Tokens",
        "ProviderName": row["provider"],
        "PublisherName": row["provider"],
        "ResourceId": row["agent_id"] or row["mission"],
        "ResourceName": row["agent_id"] or row["mission"],
        "ResourceType": "Agent" if row["agent_id"] else "Mission",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": row["provider"],
        "ServiceSubcategory": "Generative AI",
        "SkuId": row["model"],
        "SubAccountId": row["mission"],
        "SubAccountName": row["mission"],
        "Tags": orjson.dumps(tags, option=orjson.OPT_SORT_KEYS).decode(),
        "x_CacheReadTokens": row["cache_read_tokens"],
        "x_CacheWriteTokens": row["cache_write_tokens"],
        "x_Calls": row["calls"],
        "x_InputTokens": row["input_tokens"],
        "x_NotionalCost": decimal(row["micros"] if is_notional else 0),
        "x_OutputTokens": row["output_tokens"],
        "x_PriceBasis": row["price_basis"],
        "x_PriceBook": row["price_book"],
    }


def decimal(micros: int) -> str:
    """Return whole millionths as a decimal number, to the last digit."""
    sign, whole = "-" if micros < 0 else "", abs(micros)
    return f"{sign}{whole // 1_000_000}.{whole % 1_000_000:06d}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
