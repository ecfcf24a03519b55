"""A made-up request log, the same for a seed: five routes with different sizes, hours and texts."""

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 2, tzinfo=UTC)
DAYS = 14
ROUTES = {
    # part of the requests, usual prompt and response tokens, seconds a response token
    "classify": (0.42, 60, 3, 0.010),
    "summarise": (0.18, 900, 260, 0.012),
    "chat": (0.24, 220, 140, 0.011),
    "extract": (0.12, 1400, 60, 0.010),
    "翻訳": (0.04, 300, 320, 0.013),
}
WORDS = ["account", "order", "report", "invoice", "customer", "meeting", "price", "email", "team"]
JAPANESE = [
    "この文章を英語に",
    "翻訳してください",
    "納期と価格の変更について",
    "ご確認をお願いします",
]


def requests(count: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield rows; `prompt` and `response` are short, the counts of tokens are what is charged."""
    choose = random.Random(seed)
    names, parts = list(ROUTES), [part for part, *_ in ROUTES.values()]
    for route in choose.choices(names, parts, k=count):
        _, usual_prompt, usual_response, pace = ROUTES[route]
        prompt_tokens = max(1, round(choose.lognormvariate(0, 0.6) * usual_prompt))
        response_tokens = max(1, round(choose.lognormvariate(0, 0.5) * usual_response))
        hour = min(23, max(0, round(choose.gauss(14, 3.5))))
        moment = START + timedelta(
            days=choose.randrange(DAYS), hours=hour, seconds=choose.randrange(3600)
        )
        yield {
            "timestamp": moment.isoformat().replace("+00:00", "Z"),
            "route": route,
            "prompt": text(choose, route),
            "response": "ok " + choose.choice(WORDS),
            "prompt_tokens": prompt_tokens,
            "response_tokens": response_tokens,
            "latency_ms": round(1000 * (0.1 + pace * response_tokens + 2e-5 * prompt_tokens), 1),
            "cost_usd": f"{prompt_tokens * 15e-8 + response_tokens * 6e-7:.9f}",
        }


def text(choose: random.Random, route: str) -> str:
    """Return a prompt; one in twenty is a question that comes again and again."""
    if choose.random() < 0.05:
        return f"{route}: the usual question {choose.randrange(40)}"
    words = JAPANESE if route == "翻訳" else WORDS
    return f"{route} {choose.randrange(10**9)} " + " ".join(choose.choices(words, k=12))


def write_jsonl(path: Path, count: int, *, seed: int = 0) -> Path:
    """Write a log of JSON lines."""
    with path.open("w", encoding="utf-8") as stream:
        for row in requests(count, seed=seed):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def write_csv(path: Path, count: int, *, seed: int = 0, encoding: str = "utf-8") -> Path:
    """Write a log as a table."""
    rows = list(requests(count, seed=seed))
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(stream.getvalue().encode(encoding))
    return path
