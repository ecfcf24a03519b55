"""What a run really computed, to be set against the time it took."""

from dataclasses import dataclass

from linearity.studies.bench import Bench


@dataclass(frozen=True)
class Work:
    """Counts since the dense pass.

    Parameters
    ----------
    block_runs : int
        Blocks run on all tokens of the split.
    head_runs : int
        Runs of the output head on all tokens of the split.
    forward_flops : float
        Multiplications and additions of these runs in weights; attention scores not counted.
    """

    block_runs: int
    head_runs: int
    forward_flops: float


def work_of(bench: Bench) -> Work:
    """Return what has been computed on a bench so far."""
    block = sum(p.numel() for p in bench.model.layout.blocks[0].parameters())
    head = sum(p.numel() for p in bench.model.layout.head.parameters())
    runs, tokens = bench.passages.block_runs, bench.passages.tokens
    flops = 2.0 * tokens * (runs * block + bench.head_runs * head)
    return Work(runs, bench.head_runs, flops)
