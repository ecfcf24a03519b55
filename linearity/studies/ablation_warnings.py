"""What a reader of an ablation must know, with its numbers."""

from collections.abc import Mapping, Sequence

from linearity.contracts.ablation import AblationParams, RankCorrelation
from linearity.contracts.common import Protocol, SplitFacts
from linearity.contracts.runs import RunWarning
from linearity.studies.quality_warnings import fewer_tokens, fit_warnings, quality_warnings


def ablation_warnings(
    params: AblationParams,
    protocol: Protocol,
    splits: Mapping[str, SplitFacts],
    correlations: Sequence[RankCorrelation],
    *,
    width: int,
) -> list[RunWarning]:
    """Return the warnings of a run."""
    warnings = quality_warnings(protocol)
    warnings += fewer_tokens("select", splits["select"].tokens, params.select_tokens)
    if params.fits:
        warnings += fit_warnings(params.sampling, splits["fit"], width=width)
    warnings += _selected(params)
    warnings += _without_value(params, correlations)
    if not params.interaction:
        warnings.append(
            RunWarning("interaction_not_asked", "no interaction map: interaction was 0")
        )
    warnings.append(
        RunWarning("guard_per_plan", "the guard belongs to one plan: measure the plan to see it")
    )
    return warnings


def _selected(params: AblationParams) -> list[RunWarning]:
    chosen = [s for s in params.strategies if s in ("single_damage", "greedy_loss")]
    if not chosen:
        return []
    return [
        RunWarning(
            "selected_on_this_split",
            f"{' and '.join(chosen)} chose their order by damage on the split that their "
            "curves show; measure a frozen plan on the report split",
            {"strategies": list(chosen)},
        )
    ]


def _without_value(
    params: AblationParams, correlations: Sequence[RankCorrelation]
) -> list[RunWarning]:
    """Say why a number is null: a correlation that is not defined, a block that cannot change."""
    warnings = []
    undefined = sorted({item.strategy for item in correlations if item.spearman is None})
    if undefined:
        warnings.append(
            RunWarning(
                "correlation_not_defined",
                f"no rank correlation for {', '.join(undefined)}: fewer than 3 ranked blocks, or "
                "all of them equal",
                {"strategies": list(undefined)},
            )
        )
    if "merged" in params.actions:
        warnings.append(
            RunWarning(
                "no_merge_at_block_0",
                "block 0 has no damage for merged: there is no block before it to merge into",
                {"block": 0},
            )
        )
    return warnings
