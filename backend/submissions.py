"""From the body of ``POST /runs`` to a run: the decisions, without HTTP.

body -> registered inputs -> parameters -> request -> estimate -> state database -> queue. A run is
committed before it is queued; if the queue fails in between, the reconciler queues it.
"""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median

from redis.exceptions import RedisError

from backend.healed_names import with_healed_weights
from backend.question_names import with_questions
from backend.queue import Queue
from backend.refusals import (
    AlreadyFinishedError,
    DoesNotFitError,
    NotReadyError,
    QuarantinedError,
)
from backend.registrations import find_input
from backend.strict_json import check_fields
from linearity.adapters.live import Live
from linearity.adapters.machine import free_disk_bytes, memory_bytes
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.estimate import Estimate, estimate, settle_pairs
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.parameters import choice
from linearity.contracts.runs import KINDS, InputState, RunRequest, RunStatus
from linearity.errors import (
    CorruptObjectError,
    DiskFullError,
    LinearScopeError,
    NotYetError,
    RejectedInputError,
)

LATER_KINDS = ("train", "watch")

SPEED_RUNS = 5
SPEED_SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """A complete request with its inputs and what it will cost."""

    request: RunRequest
    model: InputRow
    dataset: InputRow
    estimate: Estimate
    force: bool


@dataclass(frozen=True)
class Answer:
    """The run of a question, and whether it is over already."""

    run: RunRow
    finished: bool


def ask(body: Mapping[str, Json], *, state: State, store: ArtifactStore) -> Question:
    """Return the question that `body` asks.

    Raises
    ------
    LinearScopeError
        For the first thing that is wrong, unknown or not ready.
    """
    check_fields(
        body,
        required={"kind": str, "model": str, "dataset": str},
        optional={"params": dict, "force": bool},
    )
    kind = _known_kind(body["kind"])
    model = _ready_input(state, "model", str(body["model"]))
    dataset = _ready_input(state, "dataset", str(body["dataset"]))
    assert model.record is not None
    assert dataset.record is not None
    record = ModelRecord.from_json(model.record)
    params = body.get("params") or {}
    assert isinstance(params, Mapping)
    named = with_questions(params, state=state)
    asked = make_request(
        kind,
        with_healed_weights(named, state=state, store=store),
        model=record,
        dataset=DatasetRecord.from_json(dataset.record),
    )
    request = settle_pairs(asked, record, memory_bytes=memory_bytes())
    speed = measured_speed(state, record.id, kind=kind)
    cost = estimate(request, record, flops_per_second=speed)
    return Question(request, model, dataset, cost, force=body.get("force") is True)


def measured_speed(state: State, model_id: str, *, kind: str) -> float | None:
    """Return how fast the latest runs were, in floating-point operations a second.

    Runs of the same kind count first, because kinds differ in how well they use a machine; of
    those, runs of the same model, then those long enough that starting up did not matter. None
    when there are no such runs: the estimate then spans a laptop to a server. A passage counts as
    the `linearity` run that fits its maps; how long one took says nothing, because maps stay.
    """
    kind = "linearity" if kind == "passage" else kind
    for wanted in ((kind, model_id), (kind, None), (None, model_id), (None, None)):
        if speeds := _speeds(state, *wanted):
            return median(speeds)
    return None


def _speeds(state: State, kind: str | None, model: str | None) -> list[float]:
    found, _ = state.list_runs(kind=kind, model=model, status=RunStatus.FINISHED, limit=SPEED_RUNS)
    # Of another model, a short run tells more about starting up than about speed.
    least = SPEED_SECONDS if model is None else 0.0
    telling = [run for run in found if run.kind != "passage" and (run.seconds or 0.0) >= least]
    return [speed for run in telling if (speed := _speed(state, run)) is not None]


def _speed(state: State, run: RunRow) -> float | None:
    model = state.get_input("model", run.model_id)
    if not run.seconds or model is None or model.record is None:
        return None
    record = ModelRecord.from_json(model.record)
    return estimate(RunRequest(**run.request), record, flops_per_second=None).flops / run.seconds


def submit(
    question: Question,
    *,
    state: State,
    queue: Queue,
    live: Live,
    store: ArtifactStore,
    owner: str = "local",
) -> Answer:
    """Make, join or find the run of `question`, and queue it if somebody has to compute."""
    check_fits(question, store)
    live.ping()  # nothing is promised that nobody could start
    submission = state.submit(
        question.request,
        model=question.model,
        dataset=question.dataset,
        force=question.force,
        owner=owner,
    )
    run = submission.run
    if submission.outcome == "quarantined":
        raise QuarantinedError(
            f"the run {run.id} killed its worker several times and is not tried again by itself",
            next_step='Look at its error; to try anyway, send the same with "force": true.',
            run=run.id,
            error=run.error,
        )
    if submission.outcome == "finished" and not _is_intact(store, run):
        run = state.reopen(run.id, model=question.model, dataset=question.dataset) or run
    if run.status.is_open and submission.outcome != "joined":
        with contextlib.suppress(RedisError):
            queue.enqueue_run(run)
            live.announce_run(run)
    return Answer(run, finished=not run.status.is_open)


def cancel(run: RunRow, *, state: State, queue: Queue, live: Live) -> RunRow:
    """Cancel an open run: first the promise in the database, then the word to the worker."""
    if run.status in (RunStatus.FINISHED, RunStatus.FAILED):
        raise AlreadyFinishedError(
            f"the run has already {run.status}",
            next_step="Delete it if nobody needs it.",
            run_status=str(run.status),
        )
    cancelled = state.cancel(run.id)
    with contextlib.suppress(RedisError):
        queue.stop(run)
        live.announce_run(cancelled)
    return cancelled


def describe(
    question: Question, *, state: State, store: ArtifactStore, memories: Collection[int] = ()
) -> dict[str, object]:
    """Return what `submit` would do and what it would cost, and do nothing.

    `memories` are those of the devices that workers have told of; of this machine where none has.
    """
    run = state.get_run(question.request.run_id)
    warnings = []
    try:
        check_fits(question, store)
    except LinearScopeError as error:
        warnings.append({"code": error.code, "message": error.message, "data": error.data})
    return {
        "id": question.request.run_id,
        "exists": run.status if run and run.imported is None else None,
        "params": question.request.params,
        "estimate": question.estimate.as_json()
        | {"mode": question.estimate.mode_on(max(memories, default=memory_bytes()))},
        "warnings": warnings,
    }


def check_fits(question: Question, store: ArtifactStore) -> None:
    """Refuse, with the numbers, what this machine's memory or disk cannot hold."""
    cost, available = question.estimate, memory_bytes()
    mode, streaming = cost.mode_on(available), cost.streaming
    if mode is None:
        needed = min(cost.memory_bytes, streaming.memory_bytes if streaming else cost.memory_bytes)
        raise DoesNotFitError(
            f"the run needs about {_gib(needed)} GiB of memory, the machine has {_gib(available)}",
            next_step=smaller_request(question.request.kind),
            limit=available,
            actual=needed,
        )
    states = streaming.disk_bytes if streaming and mode == "streaming" else 0
    needed, available = cost.disk_bytes + states, free_disk_bytes(store.root)
    if needed > available:
        raise DiskFullError(
            f"the run writes about {_gib(needed)} GiB, the disk has {_gib(available)} GiB left",
            next_step="Free space or set LINEARSCOPE_DATA to a larger disk, then try again.",
            limit=available,
            actual=needed,
        )


def smaller_request(kind: str) -> str:
    """Return what to ask for instead of a run that does not fit."""
    less = {
        "linearity": "Use pairs=adjacent",
        "ablation": "Use fewer fit_tokens or select_tokens, or fitting=one_shot",
        "plan": "Use fewer fit_tokens or select_tokens, or fidelity=preview",
        "answers": "Use fewer fit_tokens",
        "passage": "Use fewer tokens",
        "export": "Use fewer fit_tokens",
        "heal": "Use a smaller batch or context, fewer fit_tokens, or train=maps",
        "speed": "Use smaller batches or shorter prompts",
        "benchmark": "Use fewer fit_tokens or few_shot",
    }[kind]
    return f"{less}, a smaller model, or a larger machine."


def _known_kind(kind: Json) -> str:
    if kind in LATER_KINDS:
        raise NotYetError(
            f"the kind {kind} is not built yet",
            next_step=f"This version runs: {', '.join(KINDS)}.",
            parameter="kind",
        )
    return choice("kind", kind, KINDS)


def _ready_input(state: State, kind: str, text: str) -> InputRow:
    row = find_input(state, kind, text)
    if row.state is InputState.REJECTED:
        problem = row.problem or {}
        raise RejectedInputError(
            f"the {kind} {row.name} was rejected: {problem.get('message', 'no reason given')}",
            reason=str(problem.get("code", "rejected_input")),
            next_step=str(problem.get("next_step", "")),
        )
    if row.state is not InputState.READY:
        raise NotReadyError(
            f"the {kind} {row.name} is still {row.state}",
            next_step=f"Wait until GET /api/v1/{kind}s/{row.id} says ready, then send it again.",
            state=row.state,
        )
    return row


def _is_intact(store: ArtifactStore, run: RunRow) -> bool:
    try:
        store.get(str(run.result))
    except (FileNotFoundError, CorruptObjectError):
        return False
    # What it keeps beside its result may be large, so it is only looked for.
    return all(map(store.has, run.named))


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f}"
