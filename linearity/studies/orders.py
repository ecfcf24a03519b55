"""From scores to orders, and from orders to how far they agree with the measured damage."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean

from linearity.contracts.ablation import (
    AblationParams,
    Curve,
    RankCorrelation,
    SingleDamage,
    StrategyScores,
)
from linearity.prune.strategies import random_order, rank_correlation
from linearity.studies.ranking import BlockScores

MEASURES = {
    "update_linearity": "1 - update_r2_heldout",
    "stream_linearity": "1 - r2_heldout",
    "block_influence": "block_influence",
    "span_angular": "angular",
    "single_damage": "nll_diff",
}
"""What each strategy ranks by; searches and random orders rank by nothing."""

Ranking = list[float | None]


@dataclass(frozen=True)
class Orders:
    """Everything that orders are made from.

    Parameters
    ----------
    blocks : int
    block_scores : BlockScores or None
        None where no strategy needs them.
    single : sequence of SingleDamage
        As far as it is measured.
    """

    blocks: int
    block_scores: BlockScores | None
    single: Sequence[SingleDamage]

    def damage(self, action: str) -> dict[int, float]:
        """Return the damage of every block changed alone, nats per token."""
        return {item.block: item.nll_diff for item in self.single if item.action == action}

    def values(self, strategy: str, action: str) -> list[float]:
        """Return what a strategy ranks all blocks by; the lower, the sooner."""
        if strategy == "single_damage":
            damage = self.damage(action)
            return [damage.get(block, inf) for block in range(self.blocks)]
        scores = self.block_scores
        assert scores is not None
        by_strategy: dict[str, list[float]] = {
            # A block that adds nothing has no update score, and nothing to lose.
            "update_linearity": [0.0 if s is None else 1.0 - s for s in scores.update or []],
            "stream_linearity": [1.0 - score for score in scores.stream or []],
            "span_angular": [scores.angles[b][b + 1] for b in range(self.blocks)],
            "block_influence": scores.influence,
        }
        return by_strategy[strategy]

    def scores(self, strategies: Sequence[str], actions: Sequence[str]) -> list[StrategyScores]:
        """Return the numbers behind every order that has some."""
        found = []
        for strategy in strategies:
            if strategy not in MEASURES:
                continue
            for action in actions if strategy == "single_damage" else [None]:
                values = self.values(strategy, action or "drop")
                known: Ranking = [None if value == inf else value for value in values]
                found.append(StrategyScores(strategy, action, MEASURES[strategy], known))
        return found

    def correlations(
        self, params: AblationParams, curves: Sequence[Curve]
    ) -> list[RankCorrelation]:
        """Return how every strategy agrees with the damage, action by action."""
        return [
            self._correlation(strategy, action, params, curves)
            for strategy in params.strategies
            for action in params.actions
        ]

    def _correlation(
        self, strategy: str, action: str, params: AblationParams, curves: Sequence[Curve]
    ) -> RankCorrelation:
        by_block = self.damage(action)
        rankings = [
            [ranking[block] for block in sorted(by_block)]
            for ranking in self._rankings(strategy, action, params, curves)
        ]
        damage = [by_block[block] for block in sorted(by_block)]
        values = [rank_correlation(ranking, damage) for ranking in rankings]
        numbers = [value for value in values if value is not None]
        return RankCorrelation(
            strategy,
            action,
            fmean(numbers) if numbers else None,
            sum(rank is not None for rank in rankings[0]) if rankings else 0,
            by_definition=strategy == "single_damage",
        )

    def _rankings(
        self, strategy: str, action: str, params: AblationParams, curves: Sequence[Curve]
    ) -> list[Ranking]:
        """Return the rank of every block; several rankings for random orders."""
        if strategy in MEASURES:
            return [list(self.values(strategy, action))]
        orders = [
            curve.order
            for curve in curves
            if (curve.strategy, curve.action) == (strategy, action) and curve.order
        ][:1]
        if strategy == "random":
            orders = [
                seeded_order(params, self.blocks, seed) for seed in range(params.random_seeds)
            ]
        return [
            [float(order.index(b)) if b in order else None for b in range(self.blocks)]
            for order in orders
        ]


def seeded_order(params: AblationParams, blocks: int, seed: int) -> list[int]:
    """Return one of the random orders of a run."""
    return random_order(blocks, f"{params.seed}:{seed}")


def changeable(action: str, blocks: int) -> range:
    """Return the blocks that an action can change: nothing can take in what block 0 does."""
    return range(1 if action == "merged" else 0, blocks)
