"""What to know about times that were measured at running servers."""

from collections.abc import Sequence

from linearity.contracts.runs import RunWarning
from linearity.contracts.served import ServedParams
from linearity.contracts.timings import FEWEST_PAIRS, SIDES
from linearity.studies.served_asks import Asks, most_asks
from linearity.studies.served_sums import LoadSums

BUSY_CLIENT = 0.8
ENOUGH_FOR_P99 = 100
NEARLY_ALL = 0.98
SAME_TOKENS = 0.02


def served_warnings(sums: Sequence[LoadSums], asks: Asks, params: ServedParams) -> list[RunWarning]:
    """Return everything that a reader of the numbers must know."""
    found = [
        *_failed(sums),
        *_short_answers(sums, asks, params),
        *_other_prompts(sums),
        *_one_piece(sums),
        *_repeated(asks, params),
        *_too_long(asks),
        *_few_requests(sums),
    ]
    busiest = max(one.client_share for one in sums)
    if busiest >= BUSY_CLIENT:
        found.append(
            RunWarning(
                "busy_client",
                f"the measuring process itself took {100 * busiest:.0f} % of a processor: times "
                "may be its own; measure from another machine, or with fewer requests side by side",
                {"percent": round(100 * busiest)},
            )
        )
    return found


def _failed(sums: Sequence[LoadSums]) -> list[RunWarning]:
    found = []
    for one in sums:
        requests = one.point.requests or {}
        failed = {side: requests[side].sent - requests[side].completed for side in SIDES}
        if any(failed.values()):
            dropped = one.rounds - one.pairs
            found.append(
                RunWarning(
                    "failed_requests",
                    f"with {one.point.load} side by side {failed['dense']} requests to the dense "
                    f"server and {failed['changed']} to the changed one failed; {dropped} of "
                    f"{one.rounds} rounds are no pairs because of it"
                    + ("" if one.pairs >= FEWEST_PAIRS else ", too many for an interval"),
                    {"load": one.point.load, **failed, "rounds": dropped, "of": one.rounds},
                )
            )
    return found


def _short_answers(sums: Sequence[LoadSums], asks: Asks, params: ServedParams) -> list[RunWarning]:
    """Say where answers did not have the length that was asked for: the sides did other work."""
    means = {side: _tokens_each(sums, side) for side in SIDES}
    taken = asks.asks[: most_asks(params)]
    wanted = sum(ask.output_tokens for ask in taken) / len(taken)
    if min(means.values()) >= NEARLY_ALL * wanted:
        return []
    return [
        RunWarning(
            "shorter_answers",
            f"answers have {means['dense']:.0f} tokens of the dense server and "
            f"{means['changed']:.0f} of the changed one, where {wanted:.0f} were asked for: the "
            "whole request is not comparable; read the time of a token",
            {**{side: round(mean, 1) for side, mean in means.items()}, "wanted": round(wanted, 1)},
        )
    ]


def _tokens_each(sums: Sequence[LoadSums], side: str) -> float:
    requests = [one.point.requests[side] for one in sums if one.point.requests]
    return sum(each.output_tokens for each in requests) / sum(each.completed for each in requests)


def _other_prompts(sums: Sequence[LoadSums]) -> list[RunWarning]:
    """Say where the two servers read another number of tokens of the same prompts."""
    clean = [one.point.requests for one in sums if one.point.requests and one.pairs == one.rounds]
    tokens = {side: sum(requests[side].prompt_tokens for requests in clean) for side in SIDES}
    if not all(tokens.values()):
        return []
    apart = abs(tokens["changed"] / tokens["dense"] - 1.0)
    if apart <= SAME_TOKENS:
        return []
    return [
        RunWarning(
            "other_prompts",
            f"the servers read the same prompts as {tokens['dense']:,} and {tokens['changed']:,} "
            "tokens: they have other tokenizers or templates, so the models are not comparable",
            {**tokens},
        )
    ]


def _one_piece(sums: Sequence[LoadSums]) -> list[RunWarning]:
    sides = [side for side in SIDES if any(0.0 < one.pieces[side] <= 1.0 for one in sums)]
    if not sides:
        return []
    return [
        RunWarning(
            "one_piece",
            "answers come in one piece, not token by token, so times of the first and of the next "
            f"token are left out ({' and '.join(sides)})",
            {"sides": sides},
        )
    ]


def _repeated(asks: Asks, params: ServedParams) -> list[RunWarning]:
    """Say where prompts were asked again: a server may keep what it computed for them."""
    needed = most_asks(params)
    if len(asks.asks) >= needed:
        return []
    return [
        RunWarning(
            "repeated_prompts",
            f"the dataset has {len(asks.asks):,} different prompts for {needed:,} requests a side: "
            "a server that caches prompts answers repeats sooner",
            {"prompts": len(asks.asks), "requests": needed},
        )
    ]


def _too_long(asks: Asks) -> list[RunWarning]:
    if not asks.too_long:
        return []
    return [
        RunWarning(
            "prompts_too_long",
            f"{asks.too_long:,} records were passed over: with their answers they are longer than "
            "the model's input",
            {"records": asks.too_long},
        )
    ]


def _few_requests(sums: Sequence[LoadSums]) -> list[RunWarning]:
    fewest = min(
        requests.completed for one in sums for requests in (one.point.requests or {}).values()
    )
    if fewest >= ENOUGH_FOR_P99:
        return []
    return [
        RunWarning(
            "few_requests",
            f"p99 of {fewest} requests is little more than the slowest one; "
            f"{ENOUGH_FOR_P99} are needed",
            {"requests": fewest, "needed": ENOUGH_FOR_P99},
        )
    ]
