"""How long a dense and a changed model take, whatever ran them: the shape of the kind `speed`.

Three engines give one shape: this process (``in_process``), two servers that were asked in turn
(``server``), and files of another tool (``imported``). What an engine cannot know is None.
"""

from dataclasses import dataclass, field

from linearity.contracts.common import Interval

ENGINES = ("in_process", "server", "imported")
SIDES = ("dense", "changed")

METRICS = ("first_token", "next_token", "gap", "request", "tokens_per_s")
"""In the order of a table; all in seconds but the last.

``first_token``
    From the request to its first token; in this process the pass over the whole prompt (prefill).
``next_token``
    Of one request: the time of a token after the first, on average (TPOT).
``gap``
    Between two tokens that follow one another (inter-token latency).
``request``
    From the request to its last token.
``tokens_per_s``
    Tokens written in a second by all requests that run side by side.
"""
THROUGHPUT = "tokens_per_s"


@dataclass(frozen=True)
class Engine:
    """What ran the two models. Numbers hold for this engine on this device and no other.

    Parameters
    ----------
    name : "in_process" | "server" | "imported"
    software : str
        Program and version, for example ``transformers 5.17.0, torch 2.11.0``.
    device : str or None
        "cpu", "cuda:0"; None where a server does not say.
    device_name : str or None
    dtype, attention : str or None
    quantisation : str or None
        ``none`` where weights were not quantised.
    threads : int or None
        CPU threads; None on a GPU.
    graphs : bool or None
        Whether steps were replayed as CUDA graphs. In this process they never are.
    """

    name: str
    software: str
    device: str | None = None
    device_name: str | None = None
    dtype: str | None = None
    attention: str | None = None
    quantisation: str | None = None
    threads: int | None = None
    graphs: bool | None = None


@dataclass(frozen=True)
class Lengths:
    """How long prompts and answers were.

    Parameters
    ----------
    source : "records" | "texts" | "given" | "file"
        Prompts and responses of the dataset, pieces of its plain texts, what the run asked for,
        or what an imported file says.
    records : int
        Records that the percentiles are of; 0 where there are none.
    prompt_tokens, new_tokens : int or None
        What every request had in this process: the median of the records, or what was given. None
        where every request had its own.
    prompt_p50, prompt_p95, response_p50, response_p95 : float or None
        Tokens.
    """

    source: str
    records: int
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    prompt_p50: float | None = None
    prompt_p95: float | None = None
    response_p50: float | None = None
    response_p95: float | None = None


@dataclass(frozen=True)
class Spread:
    """What one side took.

    Parameters
    ----------
    count : int
        Values behind the percentiles.
    mean : float
    p50, p95, p99 : float or None
        Linear interpolation. None where an imported file does not tell.
    """

    count: int
    mean: float
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class Speedup:
    """How many times as fast the changed model is; above 1 is faster, for every metric.

    Parameters
    ----------
    value : float
        Median over pairs; of a time dense / changed, of a throughput changed / dense.
    ci95 : [low, high] or None
        Percentile bootstrap of the median over pairs; None below `FEWEST_PAIRS` pairs.
    pairs : int
    """

    value: float
    ci95: Interval | None
    pairs: int


FEWEST_PAIRS = 10
"""Pairs without which no interval is given."""


@dataclass(frozen=True)
class Estimate:
    """What arithmetic alone expects of a metric; never a measurement.

    Parameters
    ----------
    of : "bytes" | "flops"
        Bytes that a step reads (weights of what runs, and the cache), or its operations.
    dense, changed : float
    speedup : float
        dense / changed.
    """

    of: str
    dense: float
    changed: float
    speedup: float


@dataclass(frozen=True)
class Timing:
    """One metric of both sides at one load.

    Parameters
    ----------
    metric : one of `METRICS`
    dense, changed : Spread
    pairs : dict of "dense" | "changed" to list of float
        Each pair's (or round's) own value, in the order measured; its median where there are many.
    speedup : Speedup or None
    estimate : Estimate or None
    """

    metric: str
    dense: Spread
    changed: Spread
    pairs: dict[str, list[float]]
    speedup: Speedup | None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Requests:
    """What became of the requests to one side.

    Parameters
    ----------
    sent, completed : int
    failed : dict of reason to int
        A failure of `contracts/exchanges.py`; ``untold`` where a file does not say.
    prompt_tokens, output_tokens : int
        Of completed requests.
    """

    sent: int
    completed: int
    failed: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class SideMemory:
    """What one side took of the device's memory.

    Parameters
    ----------
    weight_bytes : int
        Of everything that runs, counted.
    cache_bytes : int
        Of keys and values after the last token, counted over the cache itself.
    peak_bytes : int or None
        Weights, and the most that was allocated above them, as the device's allocator saw it; None
        on a CPU, where no allocator tells one side from the other.
    """

    weight_bytes: int
    cache_bytes: int
    peak_bytes: int | None


@dataclass(frozen=True)
class LoadPoint:
    """Both sides at one load.

    Parameters
    ----------
    load : int
        Requests side by side: the batch in this process, the concurrency at a server.
    timings : list of Timing
        In the order of `METRICS`; those that the engine cannot know are left out.
    requests : dict of "dense" | "changed" to Requests, or None
        None in this process, where none can fail.
    memory : dict of "dense" | "changed" to SideMemory, or None
    """

    load: int
    timings: list[Timing]
    requests: dict[str, Requests] | None = None
    memory: dict[str, SideMemory] | None = None
