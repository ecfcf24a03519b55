"""From runs that another tool measured, dense and changed, to the points of a `speed` result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from linearity.contracts.imported import BenchRun
from linearity.contracts.runs import RunWarning
from linearity.contracts.timings import (
    METRICS,
    SIDES,
    Lengths,
    LoadPoint,
    Requests,
    Spread,
    Timing,
)
from linearity.errors import InvalidParameterError
from linearity.measure.speedups import speedup, spread

Pair = Mapping[str, BenchRun]


@dataclass(frozen=True)
class Imported:
    """What some files say together."""

    points: list[LoadPoint]
    lengths: Lengths
    software: str
    warnings: list[RunWarning]


def import_runs(runs: Mapping[str, Sequence[BenchRun]]) -> Imported:
    """Return the points of runs that were measured in the same way on both sides.

    Parameters
    ----------
    runs : dict of "dense" | "changed" to runs
        Those of one load are paired in the order given.

    Raises
    ------
    InvalidParameterError
        If the two sides were not asked the same.
    """
    loads = {side: sorted({run.load for run in runs[side]}) for side in SIDES}
    if loads["dense"] != loads["changed"]:
        raise _other("requests side by side", loads["dense"], loads["changed"])
    pairs = {load: _pairs(runs, load) for load in loads["dense"]}
    every = [pair for found in pairs.values() for pair in found]
    backends = sorted({run.backend for pair in every for run in pair.values() if run.backend})
    return Imported(
        points=[_point(load, found) for load, found in pairs.items()],
        lengths=_lengths(every),
        software=", ".join(backends),
        warnings=_warnings(every),
    )


def _pairs(runs: Mapping[str, Sequence[BenchRun]], load: int) -> list[Pair]:
    sides = {side: [run for run in runs[side] if run.load == load] for side in SIDES}
    numbers = [len(sides[side]) for side in SIDES]
    if numbers[0] != numbers[1]:
        raise _other(f"runs with {load} side by side", *numbers)
    pairs: list[Pair] = [
        dict(zip(SIDES, both, strict=True))
        for both in zip(*(sides[side] for side in SIDES), strict=True)
    ]
    for pair in pairs:
        dense, changed = pair["dense"], pair["changed"]
        for what, one, other in (
            ("requests", dense.requests.sent, changed.requests.sent),
            ("requests a second", dense.rate, changed.rate),
            ("burstiness", dense.burstiness, changed.burstiness),
        ):
            if one != other:
                raise _other(what, one, other)
    return pairs


def _other(what: str, dense: object, changed: object) -> InvalidParameterError:
    return InvalidParameterError(
        "changed_file",
        wanted=f"the same {what} as dense_file ({dense})",
        got=changed,
        next_step="Measure both servers with the same command, only --model and --base-url apart.",
    )


def _point(load: int, pairs: Sequence[Pair]) -> LoadPoint:
    timings = [_timing(metric, pairs) for metric in METRICS]
    return LoadPoint(
        load=load,
        timings=[timing for timing in timings if timing is not None],
        requests={side: _requests([pair[side] for pair in pairs]) for side in SIDES},
    )


def _timing(metric: str, pairs: Sequence[Pair]) -> Timing | None:
    told = {side: [pair[side].spreads.get(metric) for pair in pairs] for side in SIDES}
    if not all(all(found) for found in told.values()):
        return None
    own: dict[str, list[float]] = {side: [] for side in SIDES}
    for pair in pairs:
        middle = {side: _middle(pair[side].spreads[metric]) for side in SIDES}
        if all(middle.values()):
            for side in SIDES:
                own[side].append(middle[side])
    both = {side: _together(metric, [pair[side] for pair in pairs]) for side in SIDES}
    return Timing(
        metric=metric,
        dense=both["dense"],
        changed=both["changed"],
        pairs=own,
        speedup=speedup(metric, own["dense"], own["changed"]),
    )


def _middle(told: Spread) -> float:
    return told.mean if told.p50 is None else told.p50


def _together(metric: str, runs: Sequence[BenchRun]) -> Spread:
    """Return the spread of several runs: percentiles of parts are not those of the whole."""
    if all(metric in run.values for run in runs):
        return spread([value for run in runs for value in run.values[metric]])
    spreads = [run.spreads[metric] for run in runs]
    if len(spreads) == 1:
        return spreads[0]
    count = sum(each.count for each in spreads)
    mean = sum(each.count * each.mean for each in spreads) / count
    return Spread(count, mean, None, None, None)


def _requests(runs: Sequence[BenchRun]) -> Requests:
    failed = sum(run.requests.sent - run.requests.completed for run in runs)
    return Requests(
        sent=sum(run.requests.sent for run in runs),
        completed=sum(run.requests.completed for run in runs),
        failed={"untold": failed} if failed else {},
        prompt_tokens=sum(run.requests.prompt_tokens for run in runs),
        output_tokens=sum(run.requests.output_tokens for run in runs),
    )


def _lengths(pairs: Sequence[Pair]) -> Lengths:
    """Return the median over the files of the dense side of their mean lengths."""
    requests = [pair["dense"].requests for pair in pairs]
    return Lengths(
        source="file",
        records=0,
        prompt_tokens=round(median(each.prompt_tokens / each.completed for each in requests)),
        new_tokens=round(median(each.output_tokens / each.completed for each in requests)),
    )


def _warnings(pairs: Sequence[Pair]) -> list[RunWarning]:
    tokens = {side: sum(pair[side].requests.prompt_tokens for pair in pairs) for side in SIDES}
    answers = {side: sum(pair[side].requests.output_tokens for pair in pairs) for side in SIDES}
    failed = {
        side: sum(pair[side].requests.sent - pair[side].requests.completed for pair in pairs)
        for side in SIDES
    }
    models = {side: sorted({pair[side].model for pair in pairs}) for side in SIDES}
    found = [
        RunWarning(
            "imported",
            "these numbers come from files of another tool; what ran there was not checked here",
            {side: ", ".join(models[side]) for side in SIDES},
        )
    ]
    if tokens["dense"] != tokens["changed"]:
        found.append(
            RunWarning(
                "other_prompts",
                f"the two sides read {tokens['dense']:,} and {tokens['changed']:,} tokens of "
                "prompts: they were not asked the same, or have other tokenizers",
                {**tokens},
            )
        )
    if answers["dense"] != answers["changed"]:
        found.append(
            RunWarning(
                "other_answers",
                f"the two sides wrote {answers['dense']:,} and {answers['changed']:,} tokens: read "
                "the time of a token, not that of a request",
                {**answers},
            )
        )
    if any(failed.values()):
        found.append(
            RunWarning(
                "failed_in_files",
                f"{failed['dense']} dense and {failed['changed']} changed requests failed: a "
                "server that turns requests away is quick with the rest",
                {**failed},
            )
        )
    if any(pair["dense"].rate is not None for pair in pairs):
        found.append(
            RunWarning(
                "open_loop",
                "requests came at a fixed rate, so tokens a second say how many were asked for, "
                "not how many could be served; read the times",
            )
        )
    return found
