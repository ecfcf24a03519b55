"""What a run will take, told before it is queued: memory, arithmetic, time as a range.

Plain arithmetic on what registration already knows, so the web process can do it.
"""

from dataclasses import asdict, dataclass, replace

from linearity.contracts import costs
from linearity.contracts.canonical import Json
from linearity.contracts.costs import BYTES, Needs
from linearity.contracts.granularity import transitions
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.passage import MOST_TOKENS, PassageParams
from linearity.contracts.runs import RunRequest

WIDEST_IN_FLOAT64 = 256  # as linearity.measure.moments, which the web process cannot import
SOLVE_PRODUCTS = 10
"""Width-cubed products per scored pair: bases, ridge choice, map, on top of the two eighs."""
SLOWEST, FASTEST = 2e10, 2e11
"""Floating-point operations a second assumed of an unknown machine: an old laptop, a server CPU."""
SLOWEST_DISK, FASTEST_DISK = 2e8, 4e9
"""Bytes a second to or from a disk: a network volume, a solid-state drive with free memory."""
STATE_TRIPS = 4
"""Ways of a streamed state: to the disk, to the next block, to the moments, and to scores."""
START_SECONDS = (2.0, 15.0)
SPREAD = 1.5
"""How far a measured speed may be off, either way."""


@dataclass(frozen=True)
class Estimate:
    """Needs of one run.

    Parameters
    ----------
    memory_bytes : int
        Peak: weights, moments, the states that are kept, one batch.
    disk_bytes : int
        What the result will occupy.
    flops : float
    seconds : (low, high)
        A guess from the arithmetic; wide unless a run was measured on this device.
    pairs : "all" | "adjacent" | None
        None for kinds that score no pairs.
    streaming : Streaming or None
        What it takes where the weights do not fit; None for kinds that need the whole model.
    """

    memory_bytes: int
    disk_bytes: int
    flops: float
    seconds: tuple[float, float]
    pairs: str | None
    streaming: "Streaming | None" = None

    def as_json(self) -> dict[str, Json]:
        """Return the estimate as plain values."""
        return asdict(self)

    def mode_on(self, memory_bytes: int) -> str | None:
        """Return how a device of that much memory would hold the model; None if it cannot."""
        if self.memory_bytes <= memory_bytes:
            return "resident"
        streams = self.streaming is not None and self.streaming.memory_bytes <= memory_bytes
        return "streaming" if streams else None


@dataclass(frozen=True)
class Streaming:
    """Needs of a run that holds one block at a time.

    Parameters
    ----------
    memory_bytes : int
        Peak: one block or the embedding, moments, one batch.
    disk_bytes : int
        The states of all tokens, while the run lasts.
    seconds : (low, high)
        As for the whole model, and the way of states and weights to and from the disk.
    """

    memory_bytes: int
    disk_bytes: int
    seconds: tuple[float, float]


def estimate(
    request: RunRequest, model: ModelRecord, *, flops_per_second: float | None
) -> Estimate:
    """Estimate a run of any kind.

    Parameters
    ----------
    request : RunRequest
    model : ModelRecord
    flops_per_second : float or None
        Measured on earlier runs of the same device, if there were any.
    """
    is_linearity = request.kind == "linearity"
    own = {"linearity": _linearity, "passage": _passage}.get(request.kind, costs.needs)
    needs = own(request, model)
    seconds = _seconds(needs.flops, flops_per_second)
    return Estimate(
        memory_bytes=needs.memory_bytes,
        disk_bytes=needs.disk_bytes,
        flops=needs.flops,
        seconds=seconds,
        pairs=_pairs(request) if is_linearity else None,
        streaming=_streaming(request, model, seconds) if is_linearity else None,
    )


def settle_pairs(request: RunRequest, model: ModelRecord, *, memory_bytes: int) -> RunRequest:
    """Replace ``pairs=auto`` by what fits: all pairs, or adjacent ones where those are too many.

    Settled before the run has an id: what one machine measured must not answer for another.
    """
    if request.params.get("pairs") != "auto":
        return request  # settled already, or of a kind without pairs
    every = replace(request, params=request.params | {"pairs": "all"})
    if estimate(every, model, flops_per_second=None).memory_bytes <= memory_bytes:
        return every
    return replace(request, params=request.params | {"pairs": "adjacent"})


def run_flops(model: ModelRecord, *, tokens: int, pairs: int) -> float:
    """Return the floating-point operations of a run: forward, moments, held-out scores, solves."""
    forward = 2.0 * model.parameters * tokens
    products = 2.0 * (pairs + model.blocks + 1) * model.width**2 * tokens
    solves = 2.0 * SOLVE_PRODUCTS * pairs * model.width**3
    return forward + products + solves


def _linearity(request: RunRequest, model: ModelRecord) -> Needs:
    tokens = _whole(request.params["tokens"])
    model = _counted(request, model)
    states = model.blocks + 1
    pairs = model.blocks if _pairs(request) == "adjacent" else model.blocks * states // 2
    again = _whole(request.params["repeats"]) - 1
    neighbours = run_flops(model, tokens=tokens, pairs=model.blocks)
    return Needs(
        memory_bytes=_memory(request, model, tokens=tokens, pairs=pairs),
        disk_bytes=200 * states * states + 4000 * states,
        flops=run_flops(model, tokens=tokens, pairs=pairs) + again * neighbours,
    )


def _passage(request: RunRequest, model: ModelRecord) -> Needs:
    """Return what the first passage needs; the next ones find their maps in memory."""
    params = PassageParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    needs = _linearity(replace(request, params=params.linearity.as_json()), model)
    number = 8 if model.width <= WIDEST_IN_FLOAT64 else 4
    maps = model.blocks * model.width**2 * number
    return replace(
        needs, memory_bytes=needs.memory_bytes + maps, disk_bytes=30 * MOST_TOKENS * model.blocks
    )


def _counted(request: RunRequest, model: ModelRecord) -> ModelRecord:
    """Return the model with as many blocks as it has transitions: what states and scores cost."""
    granularity = str(request.params["granularity"])
    return replace(model, blocks=transitions(model.blocks, granularity))


def _pairs(request: RunRequest) -> str:
    return "adjacent" if request.params["pairs"] == "adjacent" else "all"


def _seconds(flops: float, flops_per_second: float | None) -> tuple[float, float]:
    low, high = (
        (flops / FASTEST, flops / SLOWEST)
        if flops_per_second is None
        else (flops / flops_per_second / SPREAD, flops / flops_per_second * SPREAD)
    )
    return low + START_SECONDS[0], high + START_SECONDS[1]


def weights_bytes(request: RunRequest, model: ModelRecord) -> int:
    """Return the bytes of all weights in the type that the run computes in."""
    return model.parameters * BYTES[str(request.params["dtype"])]


def _streaming(request: RunRequest, model: ModelRecord, seconds: tuple[float, float]) -> Streaming:
    tokens = _whole(request.params["tokens"])
    number = BYTES[str(request.params["dtype"])]
    embedding = model.vocabulary * model.width * number
    block = max(weights_bytes(request, model) - embedding, 0) // model.blocks
    model = _counted(request, model)
    states = model.blocks + 1
    pairs = model.blocks if _pairs(request) == "adjacent" else model.blocks * states // 2
    disk = tokens * states * model.width * number
    moved = STATE_TRIPS * disk + weights_bytes(request, model)
    return Streaming(
        memory_bytes=max(embedding, block) + _working_memory(model, pairs=pairs),
        disk_bytes=disk,
        seconds=(seconds[0] + moved / FASTEST_DISK, seconds[1] + moved / SLOWEST_DISK),
    )


def _memory(request: RunRequest, model: ModelRecord, *, tokens: int, pairs: int) -> int:
    heldout = request.params["heldout"]
    assert isinstance(heldout, float)
    states = round(heldout * tokens) * (model.blocks + 1) * model.width * _number(model)
    return weights_bytes(request, model) + states + _working_memory(model, pairs=pairs)


def _working_memory(model: ModelRecord, *, pairs: int) -> int:
    """Return the bytes of moments, of solving with them, and of one batch's states."""
    states = model.blocks + 1
    moments = 2 * _number(model) * (pairs + states) * model.width**2
    solving = 8 * 6 * min(pairs, model.blocks) * model.width**2
    batch = 3 * 2048 * states * model.width * _number(model)
    return moments + solving + batch


def _number(model: ModelRecord) -> int:
    return 8 if model.width <= WIDEST_IN_FLOAT64 else 4


def _whole(value: Json) -> int:
    assert isinstance(value, int)
    return value
