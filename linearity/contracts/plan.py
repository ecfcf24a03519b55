"""The kind `plan`: one list of actions, measured (schema 2).

Science: docs/science.md, section 3. Shape: docs/api.md. With the same sampling parameters its
numbers are those of the curve's point with the same plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.common import (
    SAMPLING_NAMES,
    Protocol,
    SampledParams,
    SplitFacts,
    parse_fitting,
    parse_sampling,
    refuse_orthogonal,
)
from linearity.contracts.families import refuse_senseless
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import choice, only_known
from linearity.contracts.runs import RunResult
from linearity.errors import InvalidParameterError

KIND = "plan"
SCHEMA = 2  # 2: categories of the point
METHOD = 2  # 2: splits share out categories

SPLITS = ("select", "report")
FIDELITIES = ("full", "preview")
PREVIEW_TOKENS = 512
PARAMETER_NAMES = ["plan", "fitting", "split", "fidelity", *SAMPLING_NAMES]


@dataclass(frozen=True, kw_only=True)
class PlanParams(SampledParams):
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    plan : str
        In the one spelling that `Plan.text` gives.
    fitting : "one_shot" | "sequential"
    split : "select" | "report"
        ``report`` opens split B: for plans that are frozen. Openings are counted.
    fidelity : "full" | "preview"
        ``preview`` measures on 512 tokens.
    """

    plan: str
    fitting: str
    split: str
    fidelity: str


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> PlanParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    only_known(params, PARAMETER_NAMES)
    plan = parse_plan_parameter(params.get("plan"), model=model)
    fits = any(step.action != "drop" for step in plan.steps)
    split = choice("split", params.get("split", "select"), SPLITS)
    fidelity = choice("fidelity", params.get("fidelity", "full"), FIDELITIES)
    if split == "report" and fidelity == "preview":
        raise InvalidParameterError(
            "fidelity", wanted="full when split=report: split B is not opened for a preview",
            got=fidelity, next_step="Leave fidelity out.",
        )  # fmt: skip
    return PlanParams(
        plan=plan.text,
        fitting=parse_fitting(params.get("fitting", "one_shot")) if fits else "one_shot",
        split=split,
        fidelity=fidelity,
        **asdict(parse_sampling(params, model=model, fits=fits)),
    )


def parse_plan_parameter(value: Json, *, model: ModelRecord) -> Plan:
    """Return the plan of the parameter ``plan``; the command line cuts it at its commas."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ",".join(str(part) for part in value)
    refuse_orthogonal(value, parameter="plan")
    plan = parse_plan(value, blocks=model.blocks)
    refuse_senseless([step.action for step in plan.steps], model.family, parameter="plan")
    return plan


@dataclass(frozen=True)
class MeasuredStep:
    """One step of the plan as it was carried out.

    Parameters
    ----------
    first, last : int
    action : str
    ridge : float or None
        Shrinkage of its map.
    first_token : list of "pass" | "mean", or None
        For ``linear``, a rule for position 0 for every block of the step.
    """

    first: int
    last: int
    action: str
    ridge: float | None
    first_token: list[str] | None


@dataclass(frozen=True)
class DocumentQuality:
    """The plan on one document.

    Parameters
    ----------
    document : int
        Index into the dataset.
    title : str
        The first visible characters of its text.
    category : str or None
    tokens : int
    nll_dense, nll, nll_diff, kl, top1 : float
    """

    document: int
    title: str
    category: str | None
    tokens: int
    nll_dense: float
    nll: float
    nll_diff: float
    kl: float
    top1: float


@dataclass(frozen=True)
class WorstToken:
    """A token on which the changed model differs most from the dense one.

    Parameters
    ----------
    document, position : int
        Where the token stands; position counts within the document, in tokens.
    before, token : str
        The text that leads to it, and the token itself.
    dense, changed : str
        What each model holds likeliest instead.
    kl, nll_diff : float, nats
    """

    document: int
    position: int
    before: str
    token: str
    dense: str
    changed: str
    kl: float
    nll_diff: float


@dataclass(frozen=True)
class Guard:
    """Where a plan does most harm (the fail-safe beside every simplification).

    Parameters
    ----------
    worst_documents : list of int
        Indices into the dataset, largest mean KL first, at most 5.
    worst_tokens : list of WorstToken
        At most 20.
    worst_categories : list of str
        Those of the point whose whole interval lies above the overall damage, worst first.
    canaries : list of str
        Recommended prompts to watch after go-live: the text that leads to the worst tokens.
    """

    worst_documents: list[int]
    worst_tokens: list[WorstToken]
    worst_categories: list[str]
    canaries: list[str]


@dataclass(frozen=True, kw_only=True)
class PlanResult(RunResult):
    """The answer of a `plan` run."""

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    point: Point
    documents: list[DocumentQuality]
    guard: Guard
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
