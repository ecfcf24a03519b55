"""Whether a result can be computed again: the run that it names, once more, value by value."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from linearity.contracts.canonical import Json
from linearity.contracts.differences import Comparison, compare_results
from linearity.contracts.imported import is_elsewhere
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import current_version, parse_params
from linearity.contracts.redaction import lacks_texts, without_texts
from linearity.contracts.results import request_of
from linearity.contracts.runs import RunRequest
from linearity.contracts.speed import KIND as SPEED
from linearity.contracts.tolerances import Conditions
from linearity.errors import InvalidResultError, OtherVersionError
from linearity.ports import Progress

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Parameters
    ----------
    run : str
        Id of the run.
    kind : str
    stored, computed : dict
        The two environments.
    texts : bool
        Whether the result holds texts; where they were left out, they are not compared.
    comparison : Comparison or None
        None where the result contradicts itself, so that there is no run to compute.
    """

    run: str
    kind: str
    stored: dict[str, Json]
    computed: dict[str, Json]
    texts: bool
    comparison: Comparison | None

    @property
    def agrees(self) -> bool:
        """Whether every field lies within its tolerance."""
        return self.comparison is not None and self.comparison.agrees

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "agrees": self.agrees}


def check_question(result: Result) -> bool:
    """Return whether the result's id is the digest of the question that it says it answers.

    Raises
    ------
    OtherVersionError
        If this version would compute other numbers.
    InvalidResultError
        If a part of the question was left out with the texts, or the numbers were not made here.
    """
    if result["kind"] == SPEED and is_elsewhere(result["params"]):
        raise InvalidResultError(
            "these times were measured at two servers, or come from files of another tool: they "
            "cannot be computed again here",
            next_step="Measure the servers again with `linearscope run speed` and compare.",
        )
    _, method = current_version(result["kind"])
    if result["method"] != method:
        raise OtherVersionError(
            f"the result was computed by method {result['method']} of {result['kind']}, and this "
            f"version computes method {method}: its numbers are others",
            next_step="Verify it with the version that wrote it, or run the same question again.",
            method=result["method"],
            current=method,
        )
    same: bool = request_of(result).run_id == result["id"]
    if not same and result["kind"] in ("answers", "passage") and lacks_texts(result):
        raise InvalidResultError(
            "the texts were left out of this result, and its own texts belong to its question",
            next_step="Verify the whole result, or a bundle that was exported with its texts.",
        )
    return same


def contradicts_itself(result: Result) -> Verification:
    """Return what is said of a result whose id does not belong to its question."""
    return Verification(result["id"], result["kind"], result["environment"], {}, True, None)


def question(result: Result, model: ModelRecord) -> RunRequest:
    """Return the question of a result, after its parameters were judged like any others.

    Raises
    ------
    InvalidRequestError
        If no run has such parameters.
    """
    request = request_of(result)
    parsed = parse_params(request.kind, request.params, model=model)
    for name, value in request.params.items():
        if parsed[name] == value:
            continue
        if name == "template":
            raise InvalidResultError(
                "the result was computed with the model's chat template, which is not rendered "
                "for this model",
                next_step="Add --allow-template.",
            )
        raise InvalidResultError(f"params.{name} is not what a run of this model can have")
    return request


def verify(  # what `execute` needs
    result: Result,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: Any,  # Any: an ArtifactStore, imported where torch may be
    device: str,
    progress: Progress,
) -> Verification:
    """Compute the run of a result again and compare.

    Raises
    ------
    LinearScopeError
        If it cannot be computed.
    """
    from linearity.adapters.execute import execute

    # Of an export the folder itself is not wanted, only whether it is proven again.
    with tempfile.TemporaryDirectory(prefix="linearscope-") as folder:
        computed = execute(
            question(result, model),
            model=model,
            dataset=dataset,
            store=store,
            device=device,
            progress=progress,
            out_dir=Path(folder) / "export",
        )
    environment = computed["environment"]
    assert isinstance(environment, dict)
    conditions = Conditions(
        dtype=str(result["params"]["dtype"]),
        same_device=_device(result["environment"]) == _device(environment),
        timed=result["kind"] == "speed",
    )
    bare = lacks_texts(result)
    plain = _plain(without_texts(computed) if bare else computed)
    return Verification(
        run=result["id"],
        kind=result["kind"],
        stored=dict(result["environment"]),
        computed=environment,
        texts=not bare,
        comparison=compare_results(result, plain, conditions),
    )


def allowing_template(model: ModelRecord, allowed: bool) -> ModelRecord:
    """Return the record with the word of whoever calls that its template may be rendered."""
    return replace(model, template_allowed=True) if allowed else model


def _device(environment: Mapping[str, Any]) -> tuple[str, str]:
    name = str(environment.get("device", "")).partition(":")[0]
    return name, str(environment.get("device_name", ""))


def _plain(value: Any) -> Any:
    """Return tuples as the lists that JSON makes of them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
