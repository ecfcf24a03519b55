"""The totals of a log as the API speaks them: seconds and money, shares, and the finding."""

from collections.abc import Mapping
from typing import Any

from linearity.adapters.state import InputRow
from linearity.adapters.store import ArtifactStore
from linearity.business.bottleneck import find_bottleneck
from linearity.business.load import (
    BILLIONTHS,
    MICROSECONDS,
    QUANTILES,
    length_range,
    measures_known,
    pareto,
)
from linearity.contracts.canonical import strict_loads
from linearity.contracts.logs import LogRecord

Json = dict[str, Any]


def read_summary(record: LogRecord, store: ArtifactStore) -> Json:
    """Return the stored totals."""
    summary = strict_loads(store.get(record.summary))
    assert isinstance(summary, dict)
    return summary


def totals_view(row: InputRow, summary: Json) -> Json:
    """Return the totals with times in seconds, money in the log's currency, and shares."""
    known = measures_known(summary)
    shares: Json = {
        name: {part.route: part.share for part in pareto(summary["routes"], name)} for name in known
    }
    read = (row.options or {}).get("read", {})
    return {
        "id": row.id,
        "name": row.name,
        "finding": find_bottleneck(summary).as_json(),
        "measures": known,
        "currency": read.get("currency", ""),
        "offset_minutes": read.get("offset_minutes", 0),
        "first": summary["first"],
        "last": summary["last"],
        "tokens": summary["tokens"],
        "known": summary["known"],
        "skipped": summary["skipped"],
        "totals": _amounts(summary["totals"]) | {"latency": _seconds(summary["latency"])},
        "routes": [
            _amounts(route)
            | {
                "route": route["route"],
                "prompts": route["prompts"],
                "latency": _seconds(route["latency"]),
                "shares": {name: shares[name][route["route"]] for name in known},
            }
            for route in summary["routes"]
        ],
        "hours": [{"hour": hour} | _amounts(cell) for hour, cell in enumerate(summary["hours"])],
        "lengths": [
            dict(zip(("from", "to"), length_range(number), strict=True)) | _amounts(cell)
            for number, cell in enumerate(summary["lengths"])
        ],
    }


def _amounts(cell: Mapping[str, int]) -> Json:
    whole = ("requests", "tokens", "prompt_tokens", "response_tokens")
    amounts: Json = {name: cell[name] for name in whole}
    return amounts | {"time": cell["time"] / MICROSECONDS, "cost": cell["cost"] / BILLIONTHS}


def _seconds(latency: Mapping[str, int | None]) -> Json:
    found = {name: latency[name] for name in QUANTILES}
    return {name: None if us is None else us / MICROSECONDS for name, us in found.items()}
