"""The sentence that names where a request log spends most, in English and Japanese.

The rule: what is scarce is time, if the log says any; else money; else tokens. The bottleneck is
the route with the largest part of it. The sentence sets that part against the route's part of the
requests, and says whether what was asked or what was answered makes up its tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linearity.business.load import NO_ROUTE, Share, measures_known, pareto
from linearity.contracts.canonical import Json

SCARCE = ("time", "cost", "tokens")
"""In this order; the first that the log knows decides."""
ORDINARY_FACTOR = 1.25
"""Below this times its part of the requests, a route is not called dearer than others."""

_WORDS = {
    "time": ("of the time", "所要時間"),
    "cost": ("of the cost", "費用"),
    "tokens": ("of the tokens", "トークン"),
}


@dataclass(frozen=True)
class Bottleneck:
    """The route that takes most of what is scarce.

    Parameters
    ----------
    measure : "time" | "cost" | "tokens"
    route : str
    routes : int
        How many there are.
    share, requests : float
        Its part of the measure and of the requests, in [0, 1].
    responses : float or None
        Part of its tokens that were answered, in [0, 1]; None if it has no tokens.
    """

    measure: str
    route: str
    routes: int
    share: float
    requests: float
    responses: float | None

    def as_json(self) -> dict[str, Json]:
        """Return the facts and the sentence in both languages."""
        return {
            "measure": self.measure,
            "route": self.route,
            "share": self.share,
            "requests_share": self.requests,
            "response_share": self.responses,
            "text": {"en": _english(self), "ja": _japanese(self)},
        }


def find_bottleneck(summary: Mapping[str, Json]) -> Bottleneck:
    """Return the bottleneck of a summary (`linearity.business.load`).

    Parameters
    ----------
    summary : mapping
        With at least one route.
    """
    routes = summary["routes"]
    assert isinstance(routes, list)
    known = measures_known(summary)
    measure = next(name for name in SCARCE if name in known)
    largest = pareto(routes, measure)[0]
    row = next(row for row in routes if row["route"] == largest.route)
    asked = {share.route: share for share in pareto(routes, "requests")}
    tokens = row["tokens"]
    return Bottleneck(
        measure=measure,
        route=largest.route,
        routes=len(routes),
        share=largest.share,
        requests=_share_of(asked, largest.route),
        responses=row["response_tokens"] / tokens if tokens else None,
    )


def _share_of(shares: Mapping[str, Share], route: str) -> float:
    return shares[route].share


def _english(found: Bottleneck) -> str:
    what, _ = _WORDS[found.measure]
    if found.routes == 1:
        start = "All requests are one route."
    else:
        name = "Requests without a route" if found.route == NO_ROUTE else f'Route "{found.route}"'
        verb = "take" if found.route == NO_ROUTE else "takes"
        start = (
            f"{name} {verb} {_percent(found.share)} {what} with {_percent(found.requests)} of the "
            f"requests{_ordinary(found, '; the load follows the number of requests')}."
        )
    return f"{start}{_tokens_english(found)}"


def _tokens_english(found: Bottleneck) -> str:
    if found.responses is None:
        return ""
    if found.responses >= 0.5:
        return f" {_percent(found.responses)} of its tokens are responses."
    return f" {_percent(1 - found.responses)} of its tokens are prompts."


def _japanese(found: Bottleneck) -> str:
    _, what = _WORDS[found.measure]
    if found.routes == 1:
        start = "すべてのリクエストが 1 つのルートに属します。"
    else:
        name = "ルート名のないリクエスト" if found.route == NO_ROUTE else f"ルート「{found.route}」"
        start = (
            f"{name}は、リクエストの {_percent(found.requests)} で{what}の "
            f"{_percent(found.share)} を占めます"
            f"{_ordinary(found, '(負荷はリクエスト数にほぼ比例しています)')}。"
        )
    return f"{start}{_tokens_japanese(found)}"


def _tokens_japanese(found: Bottleneck) -> str:
    if found.responses is None:
        return ""
    kind = "応答" if found.responses >= 0.5 else "プロンプト"
    part = max(found.responses, 1 - found.responses)
    return f"そのトークンの {_percent(part)} は{kind}です。"


def _ordinary(found: Bottleneck, words: str) -> str:
    return words if found.share < ORDINARY_FACTOR * found.requests else ""


def _percent(share: float) -> str:
    """Return whole percents, with one decimal below ten."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %"
