"""The strategy `greedy_loss`: try every block that is left, change the cheapest, again.

SLEB (arXiv:2402.09025, algorithm 1) runs the whole model for every trial. Here a trial starts
from the states that enter its block in the model changed so far, and the states of the winner
are the next step's start: half of the block evaluations, with the same order.
"""

from collections.abc import Callable

from linearity.contracts.actions import Plan
from linearity.models.replay import Chain
from linearity.studies.material import Material


def greedy_order(
    material: Material,
    *,
    action: str,
    changed: int,
    known: list[int],
    after_step: Callable[[list[int]], None] = lambda _: None,
    after_trial: Callable[[], None] = lambda: None,
) -> list[int]:
    """Return up to `changed` blocks in the order in which a greedy search changes them.

    Parameters
    ----------
    material : Material
        Trials are measured on split A.
    action : str
        With one-shot maps where it needs maps.
    changed : int
    known : list of int
        The first steps, from an earlier attempt.
    after_step : callable
        Called with the order so far after every step.
    after_trial : callable
        Called after every trial; may raise to stop.

    Notes
    -----
    Of equal losses the first block wins, as in SLEB's code.
    """
    bench = material.bench("select")
    blocks = range(1 if action == "merged" else 0, material.blocks)
    order = known[:changed]
    for k in range(len(order)):
        for _ in range(len(blocks) - k):
            after_trial()
    most = min(changed, len(blocks), material.blocks - 1)
    if len(order) >= most:
        return order
    start = bench.passages.run(material.changes(Plan.of(order, action), "one_shot"), remember=False)
    while len(order) < most:
        left = [block for block in blocks if block not in order]
        best: tuple[float, int, Chain] | None = None
        for block in left:
            changes = material.changes(Plan.of([*order, block], action), "one_shot")
            chain = bench.passages.run(changes, base=start, remember=False)
            loss = bench.loss(chain)
            after_trial()
            if best is None or loss < best[0]:
                best = (loss, block, chain)
        assert best is not None
        order = [*order, best[1]]
        start = best[2]
        after_step(order)
    return order
