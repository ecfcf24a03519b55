"""The kinds that this version runs, and how a request of each is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from linearity.contracts import (
    ablation,
    answers,
    benchmark,
    export,
    heal,
    linearity,
    passage,
    plan,
    speed,
)
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.changed import ChangedParams
from linearity.contracts.common import FEWEST_FIT_TOKENS_PER_WIDTH
from linearity.contracts.families import refuse_kind
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.parameters import choice
from linearity.contracts.runs import KINDS, RunRequest
from linearity.errors import InvalidParameterError, OutdatedRequestError, TooFewTokensError


class _Params(Protocol):
    """Complete parameters of some kind."""

    def as_json(self) -> dict[str, Json]:
        """Return them as plain values."""


@dataclass(frozen=True)
class _Kind:
    schema: int
    method: int
    parse: Callable[..., _Params]


_KINDS = {
    "linearity": _Kind(linearity.SCHEMA, linearity.METHOD, linearity.parse_params),
    "ablation": _Kind(ablation.SCHEMA, ablation.METHOD, ablation.parse_params),
    "plan": _Kind(plan.SCHEMA, plan.METHOD, plan.parse_params),
    "answers": _Kind(answers.SCHEMA, answers.METHOD, answers.parse_params),
    "heal": _Kind(heal.SCHEMA, heal.METHOD, heal.parse_params),
    "passage": _Kind(passage.SCHEMA, passage.METHOD, passage.parse_params),
    "export": _Kind(export.SCHEMA, export.METHOD, export.parse_params),
    "speed": _Kind(speed.SCHEMA, speed.METHOD, speed.parse_params),
    "benchmark": _Kind(benchmark.SCHEMA, benchmark.METHOD, benchmark.parse_params),
}


def make_request(
    kind: str, params: Mapping[str, Json], *, model: ModelRecord, dataset: DatasetRecord
) -> RunRequest:
    """Return the request of a run, complete, and with it the run's id.

    Raises
    ------
    InvalidRequestError, TooFewTokensError
        For the first thing that is wrong, before any work is queued.
    """
    known = _KINDS[choice("kind", kind, KINDS)]
    refuse_kind(kind, model)
    parsed = known.parse(params, model=model)
    _check_text(parsed, model, dataset)
    return RunRequest(
        kind=kind,
        schema=known.schema,
        method=known.method,
        model=model.fingerprint,
        dataset=dataset.fingerprint,
        params=parsed.as_json(),
    )


def current_version(kind: str) -> tuple[int, int]:
    """Return the schema and the method that this version computes a kind with."""
    known = _KINDS[choice("kind", kind, KINDS)]
    return known.schema, known.method


def parse_params(kind: str, params: Mapping[str, Json], *, model: ModelRecord) -> dict[str, Json]:
    """Return the complete parameters of a kind as plain values.

    Raises
    ------
    InvalidRequestError
        For the first thing that is wrong.
    """
    known = _KINDS[choice("kind", kind, KINDS)]
    refuse_kind(kind, model)
    return known.parse(params, model=model).as_json()


def check_current(request: RunRequest) -> None:
    """Refuse a request of an older version: its numbers would pass for those of that version.

    Raises
    ------
    OutdatedRequestError
    """
    known = _KINDS[choice("kind", request.kind, KINDS)]
    if (request.schema, request.method) != (known.schema, known.method):
        raise OutdatedRequestError(
            f"this run was asked for before an update: it wants method {request.method} and this "
            f"version computes method {known.method}",
            next_step="Start a new run with the same settings.",
            method=request.method,
            current=known.method,
        )


def _check_text(params: _Params, model: ModelRecord, dataset: DatasetRecord) -> None:
    """Refuse what a look at the dataset's size already rules out."""
    opens = isinstance(params, plan.PlanParams | heal.HealParams) and params.split == "report"
    if opens and dataset.documents == 2:
        raise InvalidParameterError(
            "split",
            wanted="select: with 2 documents none is left for a report split",
            got="report",
            next_step="Use a dataset of one document, or of 3 and more.",
        )
    needed = FEWEST_FIT_TOKENS_PER_WIDTH * model.width
    # A token is at least a byte, so this much text can never be enough.
    if _fits(params, model) and dataset.size < needed:
        raise TooFewTokensError(
            f"the dataset holds {dataset.size:,} bytes; maps of a model of width {model.width:,} "
            f"need at least {needed:,} tokens in the fit split",
            next_step="Use a dataset with more text, or a plan that only drops blocks.",
            needed=needed,
        )


def _fits(params: _Params, model: ModelRecord) -> bool:
    if isinstance(params, ablation.AblationParams):
        return params.fits
    if isinstance(params, ChangedParams):
        return params.fits
    if isinstance(params, plan.PlanParams):
        steps = parse_plan(params.plan, blocks=model.blocks).steps
        return any(step.action != "drop" for step in steps)
    return False
