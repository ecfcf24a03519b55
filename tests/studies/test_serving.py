"""Rounds against servers of a clock of our own, and their sums against numpy."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from linearity.contracts.exchanges import Ask, Burst, Exchange
from linearity.contracts.inputs import Document
from linearity.contracts.served import ServedParams, parse_served
from linearity.contracts.timings import METRICS, LoadPoint, Timing
from linearity.errors import EndpointError, TooFewTokensError
from linearity.studies.served_asks import Asks, TextTools, make_asks
from linearity.studies.served_sums import sum_up
from linearity.studies.serving import ServedMeasurement, measure_served
from tests.contracts.test_served_params import URLS, a_model
from tests.studies.recorder import Recorder

CHARACTERS = TextTools(
    tokenize=lambda text: [ord(sign) for sign in text],
    detokenize=lambda ids: "".join(map(chr, ids)),
    context=512,
)


def params(**given: object) -> ServedParams:
    return parse_served({**URLS, **given}, model=a_model())  # type: ignore[dict-item]  # values of JSON


class Clockwork:
    """A server whose every answer takes what the noise says; some requests fail."""

    def __init__(self, seed: int, *, factor: float = 1.0, fails: Sequence[int] = ()) -> None:
        self._noise, self._factor, self._fails = np.random.default_rng(seed), factor, set(fails)
        self.asked: list[list[Ask]] = []
        self.bursts: list[Burst] = []
        self._requests = 0

    def burst(self, asks: Sequence[Ask], concurrency: int, check: Callable[[int], None]) -> Burst:
        self.asked.append(list(asks))
        found = tuple(self._exchange(ask) for ask in asks)
        check(len(found))
        burst = Burst(found, self._factor * float(self._noise.uniform(1.0, 2.0)), 0.1)
        self.bursts.append(burst)
        return burst

    def _exchange(self, ask: Ask) -> Exchange:
        self._requests += 1
        if self._requests - 1 in self._fails:
            return Exchange(0.0, failure="status_500")
        started = float(self._noise.uniform(0.0, 100.0))
        steps = self._factor * self._noise.uniform(0.01, 0.1, ask.output_tokens)
        pieces = tuple((started + np.cumsum(steps)).tolist())
        return Exchange(started, pieces, len(ask.text), ask.output_tokens)


def some_asks(count: int = 40, tokens: int = 5) -> Asks:
    asks = [Ask(f"prompt {k}", (), tokens) for k in range(count)]
    found = make_asks([Document("x" * 200)], params(), CHARACTERS)
    return replace(found, asks=asks)


def measured(
    dense: Clockwork, changed: Clockwork, asks: Asks | None = None, **given: object
) -> ServedMeasurement:
    servers = {"dense": dense, "changed": changed}
    return measure_served(
        servers,
        asks or some_asks(),
        params(**{"requests": 3, **given}),
        Recorder(),
        count_tokens=len,
    )


def timing(point: LoadPoint, metric: str) -> Timing:
    return next(found for found in point.timings if found.metric == metric)


def test_both_sides_are_asked_the_same_and_take_turns() -> None:
    dense, changed = Clockwork(1), Clockwork(2)

    measured(dense, changed, concurrency=[1, 2])

    assert dense.asked == changed.asked
    assert len(dense.asked) == 2 * (1 + 10)
    texts = [ask.text for asks in dense.asked for ask in asks]
    assert texts[:40] == [f"prompt {k}" for k in range(40)]


def test_every_number_is_what_numpy_makes_of_the_times() -> None:
    dense, changed = Clockwork(1), Clockwork(2, factor=0.5)

    (point,) = measured(dense, changed).points

    counted = {"dense": dense.bursts[1:], "changed": changed.bursts[1:]}  # without the warm-up
    expected: dict[str, Callable[[Any], list[float]]] = {
        "first_token": lambda e: [e.pieces[0] - e.started],
        "next_token": lambda e: [(e.pieces[-1] - e.pieces[0]) / (e.output_tokens - 1)],
        "gap": lambda e: [b - a for a, b in pairwise(e.pieces)],
        "request": lambda e: [e.pieces[-1] - e.started],
    }
    assert [found.metric for found in point.timings] == list(METRICS)
    for metric, of in expected.items():
        found = timing(point, metric)
        for side, bursts in counted.items():
            values = [[v for e in burst.exchanges for v in of(e)] for burst in bursts]
            flat = np.concatenate(values)
            spread = getattr(found, side)
            assert spread.count == len(flat)
            assert spread.mean == pytest.approx(flat.mean())
            told = [spread.p50, spread.p95, spread.p99]
            assert told == pytest.approx(np.percentile(flat, [50, 95, 99]))
            assert found.pairs[side] == pytest.approx([np.median(one) for one in values])
        ratios = np.divide(found.pairs["dense"], found.pairs["changed"])
        assert found.speedup is not None
        assert found.speedup.value == pytest.approx(np.median(ratios))
    speed = timing(point, "tokens_per_s")
    assert speed.pairs["dense"] == pytest.approx([15 / burst.seconds for burst in counted["dense"]])
    assert speed.speedup is not None
    assert speed.speedup.value == pytest.approx(
        np.median(np.divide(speed.pairs["changed"], speed.pairs["dense"]))
    )
    assert speed.speedup.ci95 is not None


def test_failures_are_counted_and_their_rounds_are_no_pairs() -> None:
    dense, changed = Clockwork(1), Clockwork(2, fails=[4, 5, 20])  # of rounds 1 and 6

    found = measured(dense, changed)

    (point,) = found.points
    assert point.requests is not None
    assert point.requests["changed"].failed == {"status_500": 3}
    assert (point.requests["changed"].sent, point.requests["changed"].completed) == (30, 27)
    request = timing(point, "request")
    assert request.speedup is not None
    assert (request.speedup.pairs, request.speedup.ci95) == (8, None)
    assert (request.dense.count, request.changed.count) == (30, 27)
    warning = next(w for w in found.warnings if w.code == "failed_requests")
    assert warning.data == {"load": 1, "dense": 0, "changed": 3, "rounds": 2, "of": 10}


def test_a_server_that_answers_nothing_ends_the_run() -> None:
    with pytest.raises(EndpointError, match="the changed server cannot be measured") as refused:
        measured(Clockwork(1), Clockwork(2, fails=range(12, 15)))
    assert refused.value.data["failed"] == {"status_500": 3}


def test_answers_in_one_piece_have_no_time_of_a_token() -> None:
    exchange = Exchange(0.0, (1.0,), 3, 5)
    rounds = [{"dense": Burst((exchange,), 1.0, 0.0), "changed": Burst((exchange,), 1.0, 0.0)}]

    found = sum_up(1, rounds, len)

    assert [timing.metric for timing in found.point.timings] == ["request", "tokens_per_s"]


def test_tokens_are_counted_here_where_the_server_does_not() -> None:
    exchange = Exchange(0.0, (1.0, 2.0, 3.0), None, None, "abcde")
    rounds = [{"dense": Burst((exchange,), 2.0, 0.0), "changed": Burst((exchange,), 1.0, 0.0)}]

    point = sum_up(1, rounds, len).point

    assert timing(point, "next_token").dense.mean == pytest.approx(2.0 / 4)
    assert timing(point, "tokens_per_s").changed.mean == pytest.approx(5.0)


def test_what_a_reader_must_know_is_said() -> None:
    found = measured(Clockwork(1), Clockwork(2), some_asks(count=7))

    codes = {warning.code for warning in found.warnings}
    assert {"repeated_prompts", "few_requests"} <= codes


def test_records_bring_their_prompts_and_the_lengths_of_their_answers() -> None:
    records = [Document.asked("a" * n, "b" * (2 * n)) for n in (10, 20, 30)]
    records += [Document.asked("c" * 400, "d" * 400), Document("a text without a prompt")]

    found = make_asks(records, params(), CHARACTERS)

    assert sorted((len(a.text), a.output_tokens) for a in found.asks) == [
        (10, 20), (20, 40), (30, 60),
    ]  # fmt: skip
    assert (found.too_long, found.is_chat) == (1, True)
    assert (found.lengths.source, found.lengths.records) == ("records", 3)
    assert found.lengths.prompt_p50 == 20.0
    assert found.lengths.response_p95 == pytest.approx(np.percentile([20, 40, 60], 95))


def test_lengths_that_are_given_hold_for_every_record() -> None:
    records = [Document.asked("a" * 50, "b")]

    found = make_asks(records, params(prompt_tokens=8, new_tokens=16), CHARACTERS)

    assert [(ask.text, ask.output_tokens) for ask in found.asks] == [("a" * 8, 16)]


def test_plain_texts_are_cut_into_pieces() -> None:
    found = make_asks([Document("x" * 300)], params(prompt_tokens=100, new_tokens=9), CHARACTERS)

    assert [len(ask.text) for ask in found.asks] == [100, 100, 100]
    assert (found.lengths.source, found.lengths.new_tokens) == ("given", 9)


def test_the_order_depends_on_the_seed_alone() -> None:
    records = [Document.asked(f"question {k}", "answer") for k in range(20)]
    orders = [
        [ask.text for ask in make_asks(records, params(seed=seed), CHARACTERS).asks]
        for seed in (0, 0, 1)
    ]

    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(TooFewTokensError, match="no prompt that fits"):
        make_asks([Document.asked("a" * 600, "b")], params(), CHARACTERS)
