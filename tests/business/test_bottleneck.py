"""The sentence about a log, from its numbers."""

from typing import Any

import pytest

from linearity.business.bottleneck import find_bottleneck
from linearity.business.load import Load, LoggedRequest

Rows = list[tuple[str, int, int, int, int | None, int | None]]
"""route, how often, prompt tokens, response tokens, latency, cost; each"""

SLOW: Rows = [("summarise", 18, 17, 83, 610, None), ("classify", 82, 40, 2, 86, None)]

CASES: dict[str, tuple[Rows, str, str]] = {
    "time": (
        SLOW,
        'Route "summarise" takes 61 % of the time with 18 % of the requests. '
        "83 % of its tokens are responses.",
        "ルート「summarise」は、リクエストの 18 % で所要時間の 61 % を占めます。"
        "そのトークンの 83 % は応答です。",
    ),
    "money, without times": (
        [("a", 1, 90, 10, None, 900), ("b", 9, 10, 10, None, 10)],
        'Route "a" takes 91 % of the cost with 10 % of the requests. '
        "90 % of its tokens are prompts.",
        "ルート「a」は、リクエストの 10 % で費用の 91 % を占めます。"
        "そのトークンの 90 % はプロンプトです。",
    ),
    "tokens, without times and money": (
        [("a", 1, 300, 0, None, None), ("b", 49, 2, 0, None, None)],
        'Route "a" takes 75 % of the tokens with 2.0 % of the requests. '
        "100 % of its tokens are prompts.",
        "ルート「a」は、リクエストの 2.0 % でトークンの 75 % を占めます。"
        "そのトークンの 100 % はプロンプトです。",
    ),
    "as much as its requests": (
        [("a", 6, 10, 10, 100, None), ("b", 4, 10, 10, 100, None)],
        'Route "a" takes 60 % of the time with 60 % of the requests; the load follows the '
        "number of requests. 50 % of its tokens are responses.",
        "ルート「a」は、リクエストの 60 % で所要時間の 60 % を占めます"
        "(負荷はリクエスト数にほぼ比例しています)。そのトークンの 50 % は応答です。",
    ),
    "one route": (
        [("a", 3, 10, 30, 5, None)],
        "All requests are one route. 75 % of its tokens are responses.",
        "すべてのリクエストが 1 つのルートに属します。そのトークンの 75 % は応答です。",
    ),
    "no name": (
        [("", 1, 10, 30, 100, None), ("a", 3, 10, 10, 1, None)],
        "Requests without a route take 97 % of the time with 25 % of the requests. "
        "75 % of its tokens are responses.",
        "ルート名のないリクエストは、リクエストの 25 % で所要時間の 97 % を占めます。"
        "そのトークンの 75 % は応答です。",
    ),
}


@pytest.mark.parametrize(("rows", "english", "japanese"), CASES.values(), ids=CASES)
def test_the_sentence_says_who_takes_what(rows: Rows, english: str, japanese: str) -> None:
    assert _found(rows)["text"] == {"en": english, "ja": japanese}


def test_the_facts_stand_beside_the_sentence() -> None:
    found = _found(SLOW)
    assert (found["measure"], found["route"]) == ("time", "summarise")
    assert found["share"] == 18 * 610 / (18 * 610 + 82 * 86)
    assert found["requests_share"] == 0.18
    assert found["response_share"] == 0.83


def _found(rows: Rows) -> dict[str, Any]:
    load = Load()
    for route, times, prompt, response, latency, cost in rows:
        request = LoggedRequest(
            route, None, None, prompt, response, latency, cost, estimated=False, has_prompt=True
        )
        for _ in range(times):
            load.add(request)
    return find_bottleneck(load.summary()).as_json()
