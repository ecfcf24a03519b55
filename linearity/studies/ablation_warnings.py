"""What a reader of an ablation must know, with its numbers."""

from linearity.contracts.ablation import AblationParams
from linearity.contracts.common import Protocol
from linearity.contracts.runs import RunWarning
from linearity.measure.intervals import FEWEST_DOCUMENTS

ENOUGH_TOKENS_PER_WIDTH = 10


def ablation_warnings(
    params: AblationParams, protocol: Protocol, *, width: int
) -> list[RunWarning]:
    """Return the warnings of a run."""
    warnings = quality_warnings(protocol)
    uses_maps = params.actions != ["drop"]
    if uses_maps and params.fit_tokens < ENOUGH_TOKENS_PER_WIDTH * width:
        warnings.append(few_fit_tokens(params.fit_tokens, width))
    chosen = [s for s in params.strategies if s in ("single_damage", "greedy_loss")]
    if chosen:
        warnings.append(
            RunWarning(
                "selected_on_this_split",
                f"{' and '.join(chosen)} chose their order by damage on the split that their "
                "curves show; measure a frozen plan on the report split",
                {"strategies": list(chosen)},
            )
        )
    if not params.interaction:
        warnings.append(
            RunWarning("interaction_not_asked", "no interaction map: interaction was 0")
        )
    warnings.append(
        RunWarning("guard_per_plan", "the guard belongs to one plan: measure the plan to see it")
    )
    return warnings


def quality_warnings(protocol: Protocol) -> list[RunWarning]:
    """Return what to know about every quality number of a split."""
    if protocol.documents >= FEWEST_DOCUMENTS:
        return []
    return [
        RunWarning(
            "few_documents",
            f"no intervals: {protocol.documents} documents were measured, "
            f"{FEWEST_DOCUMENTS} are needed",
            {"documents": protocol.documents, "needed": FEWEST_DOCUMENTS},
        )
    ]


def few_fit_tokens(tokens: int, width: int) -> RunWarning:
    """Return the warning that maps were fitted on few tokens."""
    return RunWarning(
        "few_fit_tokens",
        f"maps were fitted on {tokens:,} tokens, {tokens / width:.1f} a coordinate; "
        f"{ENOUGH_TOKENS_PER_WIDTH * width:,} or more are better",
        {"fit_tokens": tokens, "width": width},
    )
