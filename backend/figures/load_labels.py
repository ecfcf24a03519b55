"""The words of the figures of a request log, in English and Japanese."""

from linearity.contracts.runs import Language

LOAD_LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "requests": "requests",
        "tokens": "tokens",
        "prompt_tokens": "prompt tokens",
        "response_tokens": "response tokens",
        "time": "time, h",
        "cost": "cost",
        "cost_in": "cost, {currency}",
        "cumulative": "running sum, %",
        "route": "route",
        "no_route": "(no route)",
        "other_routes": "{count} more",
        "hour_utc": "hour of day, UTC",
        "hour_at": "hour of day, UTC{offset}",
        "length": "prompt length, tokens, from",
        "share": "{share} of all",
        "running": "together with those before: {share}",
    },
    "ja": {
        "requests": "リクエスト数",
        "tokens": "トークン数",
        "prompt_tokens": "プロンプトのトークン数",
        "response_tokens": "応答のトークン数",
        "time": "所要時間(時間)",
        "cost": "費用",
        "cost_in": "費用({currency})",
        "cumulative": "累積(%)",
        "route": "ルート",
        "no_route": "(ルート名なし)",
        "other_routes": "ほか {count} 件",
        "hour_utc": "時刻(UTC)",
        "hour_at": "時刻(UTC{offset})",
        "length": "プロンプトの長さ(トークン数の下限)",
        "share": "全体の {share}",
        "running": "ここまでの累積: {share}",
    },
}
