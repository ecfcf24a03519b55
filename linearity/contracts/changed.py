"""Which changed model a run is about: a plan, how its maps are fitted, and perhaps healed weights.

The kinds that take a changed model as it is (to time it, to ask it, to write it to a folder) share
these parameters. The text that maps are fitted on is split F of the run's dataset.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.common import SAMPLING_NAMES, SampledParams, parse_fitting, parse_sampling
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.plan import parse_plan_parameter
from linearity.contracts.templates import TEMPLATES
from linearity.errors import InvalidParameterError

CHANGED_NAMES = ["plan", "fitting", "healed", *SAMPLING_NAMES]
NOT_HEALED = ""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ChangedParams(SampledParams):
    """The part of a kind's parameters that says which changed model is meant.

    Parameters
    ----------
    plan : str
        In the one spelling that `Plan.text` gives.
    fitting : "one_shot" | "sequential"
    healed : str
        The sha256 of the weights that a `heal` run of this plan wrote; empty for none.
    """

    plan: str
    fitting: str
    healed: str = NOT_HEALED

    @property
    def fits(self) -> bool:
        """Whether maps are fitted: healed weights bring theirs along, and drops have none."""
        drops = all(step.endswith(":drop") for step in self.plan.split(","))
        return not self.healed and not drops


def parse_changed(
    given: Mapping[str, Json],
    *,
    model: ModelRecord,
    templates: tuple[str, ...] = TEMPLATES,
) -> ChangedParams:
    """Return which changed model some parameters mean; names of the kind's own are passed over.

    Raises
    ------
    InvalidParameterError, InvalidPlanError, NotYetError
    """
    plan = parse_plan_parameter(given.get("plan"), model=model)
    healed = _parse_healed(given.get("healed", NOT_HEALED))
    has_maps = any(step.action != "drop" for step in plan.steps)
    sampling = parse_sampling(given, model=model, fits=has_maps and not healed, templates=templates)
    return ChangedParams(
        plan=plan.text,
        fitting=parse_fitting(given.get("fitting", "one_shot")) if has_maps else "one_shot",
        healed=healed,
        **asdict(sampling),
    )


def _parse_healed(value: Json) -> str:
    if value == NOT_HEALED or (isinstance(value, str) and _SHA256.fullmatch(value)):
        return str(value)
    raise InvalidParameterError(
        "healed",
        wanted="nothing, or the weights of a heal run: its id, its result, or their sha256",
        got=value,
        next_step="Take weights.sha256 of the result of a finished heal run, or leave healed out.",
    )


def weights_of(result: Mapping[str, Json]) -> str:
    """Return the sha256 of the healed weights that the result of a `heal` run names.

    Raises
    ------
    InvalidParameterError
        If it is the result of another kind, or names none.
    """
    weights = result.get("weights") if result.get("kind") == "heal" else None
    if not isinstance(weights, Mapping):
        raise InvalidParameterError(
            "healed",
            wanted="the result of a heal run that kept its weights",
            got=f"a result of the kind {str(result.get('kind'))[:20]}",
            next_step="Heal the plan, and give the run's id or its result.",
        )
    return _parse_healed(weights.get("sha256"))
