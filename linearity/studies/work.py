"""What a run really computed, to be set against the time it took."""

from dataclasses import dataclass

from linearity.studies.bench import Bench


@dataclass(frozen=True)
class Work:
    """What was measured on one split; fitting and choosing rules are not counted.

    Parameters
    ----------
    block_runs : int
        Blocks run on all tokens of the split, the dense pass not counted.
    head_runs : int
        Runs of the output head on all tokens of the split, likewise.
    forward_flops : float
        Multiplications and additions of these runs in weights; attention scores not counted.
    """

    block_runs: int
    head_runs: int
    forward_flops: float


class WorkMeter:
    """Counts from now on: a bench may have served other runs of a warm worker before."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._blocks, self._heads = bench.passages.block_runs, bench.head_runs

    def until_now(self) -> Work:
        """Return what has been computed since the meter was made."""
        layout = self._bench.model.layout
        blocks = self._bench.passages.block_runs - self._blocks
        heads = self._bench.head_runs - self._heads
        block = sum(p.numel() for p in layout.blocks[0].parameters())
        head = sum(p.numel() for p in layout.head.parameters())
        flops = 2.0 * self._bench.passages.tokens * (blocks * block + heads * head)
        return Work(blocks, heads, flops)
