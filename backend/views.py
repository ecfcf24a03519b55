"""Rows of the state database as the JSON that the API speaks."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redis.exceptions import RedisError

from backend.queue import Queue
from linearity.adapters.clock import age_seconds
from linearity.adapters.live import Live
from linearity.adapters.state import InputRow, RunRow, State, UploadRow
from linearity.contracts.published import published
from linearity.contracts.redaction import without_texts
from linearity.contracts.runs import RunStatus

log = logging.getLogger("linearscope.web")

Json = dict[str, Any]
Answer = TypeVar("Answer")

KINDS_WITH_SPLITS = ("ablation", "plan", "heal")
ETA_SPREAD = (0.8, 1.5)
"""A plain extrapolation is shown as a range: the later parts of a run may be slower."""


def input_view(row: InputRow, uploads: Sequence[UploadRow] = ()) -> Json:
    """Return a model or dataset; the list of its files stays inside, but for those on their way."""
    record = None
    if row.record is not None:
        record = {key: value for key, value in row.record.items() if key not in ("files", "side")}
    return {
        "id": row.id,
        "name": row.name,
        "source": row.source,
        "reference": row.reference,
        "state": row.state,
        "problem": row.problem,
        "created": row.created,
        "series": row.series,
        "owner": row.owner,
        "options": row.options,
        "record": record,
        **({"uploads": [upload_view(upload) for upload in uploads]} if uploads else {}),
    }


def upload_view(row: UploadRow) -> Json:
    """Return how far a file is; no address once it is in the store."""
    return {
        "name": row.name,
        "size": row.size,
        "offset": row.received,
        "url": None if row.sha256 else f"/api/v1/uploads/{row.id}",
        "sha256": row.sha256,
    }


class RunViews:
    """Joins a run's row with its inputs and with what Redis knows; works without Redis."""

    def __init__(self, state: State, live: Live, queue: Queue) -> None:
        self._state = state
        self._live = live
        self._queue = queue

    def many(self, rows: Sequence[RunRow]) -> list[Json]:
        """Return the runs, asking once for each model, and no further once Redis has failed.

        Texts that people wrote are told with a run of its own only, not in lists.
        """
        redis = _Redis()
        records: dict[str, Json] = {}
        for id in {row.model_id for row in rows}:
            model = self._state.get_input("model", id)
            records[id] = (model.record if model else None) or {}
        return [self._view(row, records[row.model_id], redis) for row in rows]

    def one(self, row: RunRow) -> Json:
        """Return one run; for a plan or its curves also how often split B was opened."""
        view = self.many([row])[0] | {"params": row.request["params"]}
        if row.kind in KINDS_WITH_SPLITS:
            request = row.request
            openings = self._state.count_report_openings(request["model"], request["dataset"])
            view |= {"report_openings": openings}
        if row.kind == "linearity":
            view["published"] = published_view(view["model"])
        if asked := row.request["params"].get("questions"):
            view["questions"] = self._named(str(asked))
        return view

    def _named(self, fingerprint: str) -> Json | None:
        """Return which dataset has a fingerprint; None for one that is no longer here."""
        for row in self._state.list_inputs("dataset"):
            if row.record is not None and row.record["fingerprint"] == fingerprint:
                return {"id": row.id, "name": row.name}
        return None

    def _view(self, row: RunRow, model: Json, redis: "_Redis") -> Json:
        progress = position = None
        model = model or row.imported or {}
        if row.status is RunStatus.RUNNING:
            progress = redis.ask(lambda: self._live.get_progress(row.id))
        elif row.status is RunStatus.QUEUED:
            position = redis.ask(lambda: self._queue.position(row))
        return {
            "id": row.id,
            "kind": row.kind,
            "status": row.status,
            "model": {
                "id": row.model_id,
                "name": row.model_name,
                "blocks": model.get("blocks"),
                "width": model.get("width"),
            },
            "dataset": {"id": row.dataset_id, "name": row.dataset_name},
            "params": without_texts(row.request["params"]),
            "progress": progress_view(progress, started=row.started),
            "queue_position": position,
            "attempt": row.attempt,
            "quarantined": row.quarantined,
            "created": row.created,
            "started": row.started,
            "finished": row.finished,
            "seconds": row.seconds,
            "heartbeat_age_s": _heartbeat_age(row),
            "error": row.error,
            "imported": imported_view(row.imported),
            "links": links(row.id),
        }


def published_view(model: Json) -> Json | None:
    """Return what the paper published for a model, None for those that it did not measure."""
    if model["blocks"] is None:
        return None
    found = published(str(model["name"]), blocks=model["blocks"], width=model["width"])
    return None if found is None else found.as_json()


def imported_view(imported: Json | None) -> Json | None:
    """Return where a run was computed that came in a bundle; None for one of this server's own."""
    if imported is None:
        return None
    return {key: imported.get(key) for key in ("when", "by", "software", "computed", "texts")}


def links(run_id: str) -> dict[str, str]:
    """Return the addresses of everything about a run."""
    own = f"/api/v1/runs/{run_id}"
    return {
        "self": own,
        "page": f"/runs/{run_id}",
        "result": f"{own}/result",
        "bundle": f"{own}/bundle",
        "cancel": f"{own}/cancel",
        "events": f"/api/v1/events?runs={run_id}",
    }


def progress_view(progress: Json | None, *, started: str | None) -> Json | None:
    """Return how far a run is; the time left is the worker's word, else an extrapolation."""
    if progress is None:
        return None
    view = {key: progress.get(key) for key in ("done", "total", "unit", "stage")}
    return view | {"eta_s": progress.get("eta_s") or _extrapolate(progress, started)}


def _extrapolate(progress: Json, started: str | None) -> list[float] | None:
    done, total = progress.get("done"), progress.get("total")
    if not started or not done or not total:
        return None
    left = age_seconds(started) / done * max(total - done, 0)
    return [round(left * factor, 1) for factor in ETA_SPREAD]


def _heartbeat_age(row: RunRow) -> float | None:
    if row.status is not RunStatus.RUNNING or row.heartbeat is None:
        return None
    return round(age_seconds(row.heartbeat), 1)


class _Redis:
    """Asks until the first failure, then answers None at once, so a page never waits twice."""

    def __init__(self) -> None:
        self._failed = False

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        if self._failed:
            return None
        try:
            return question()
        except RedisError as error:
            log.warning("live data is missing: %s", type(error).__name__)
            self._failed = True
            return None
