"""What to know about a healing: what it was trained on, and whether it helped."""

from collections.abc import Mapping, Sequence

from linearity.contracts.common import SplitFacts
from linearity.contracts.heal import Difference, HealParams, Training
from linearity.contracts.runs import RunWarning
from linearity.studies.material import Material
from linearity.studies.quality_warnings import (
    category_warnings,
    fewer_tokens,
    quality_warnings,
)

MANY_EPOCHS = 4.0


def heal_warnings(
    material: Material,
    params: HealParams,
    splits: Mapping[str, SplitFacts],
    training: Sequence[Training],
    healing: Difference,
) -> list[RunWarning]:
    """Return the warnings of a run."""
    asked = params.report_tokens if params.split == "report" else params.select_tokens
    found = quality_warnings(material.protocol(params.split))
    found += material.record_warnings(params.split)
    found += fewer_tokens(params.split, splits[params.split].tokens, asked)
    found += category_warnings(material.bench(params.split).categories)
    changed = training[-1]
    if changed.epochs > MANY_EPOCHS:
        found.append(
            RunWarning(
                "few_training_tokens",
                f"the training saw the same {splits['fit'].tokens:,} tokens "
                f"{changed.epochs:.1f} times: split F holds no more",
                {"tokens": splits["fit"].tokens, "epochs": round(changed.epochs, 1)},
            )
        )
    if changed.best_step == 0:
        found.append(
            RunWarning(
                "healing_did_not_help",
                "no step of the training was better on split A than the beginning, whose weights "
                "were kept",
                {"steps": changed.steps},
            )
        )
    elif healing.ci95 is not None and healing.ci95[0] <= 0.0 <= healing.ci95[1]:
        found.append(
            RunWarning(
                "healing_not_certain",
                "the interval of what healing brought contains zero",
                {"low": healing.ci95[0], "high": healing.ci95[1]},
            )
        )
    return found
