"""The kinds that this version runs, and how a request of each is made."""

from collections.abc import Callable, Mapping

from linearity.contracts.ablation import ablation_request
from linearity.contracts.answers import answers_request
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import linearity_request
from linearity.contracts.parameters import choice
from linearity.contracts.plan import plan_request
from linearity.contracts.runs import KINDS, RunRequest

_REQUESTS: dict[str, Callable[..., RunRequest]] = {
    "linearity": linearity_request,
    "ablation": ablation_request,
    "plan": plan_request,
    "answers": answers_request,
}


def make_request(
    kind: str, params: Mapping[str, Json], *, model: ModelRecord, dataset: DatasetRecord
) -> RunRequest:
    """Return the request of a run, complete, and with it the run's id.

    Raises
    ------
    InvalidRequestError
        For the first thing that is wrong, before any work is queued.
    """
    make = _REQUESTS[choice("kind", kind, KINDS)]
    return make(params, model=model, dataset=dataset)
