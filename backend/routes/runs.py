"""``/api/v1/runs``: ask a question, follow it, read its answer."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, NOT_KEPT, REVALIDATED, answer, json_body
from backend.deletions import delete_run
from backend.dependencies import RunDep, Services, ServicesDep, VisitorDep
from backend.exports import to_csv, to_excel_csv, to_npz
from backend.forecasts import known_devices
from backend.negotiation import IDENTITY, choose_encoding, make_variant, send_variant
from backend.parameter_docs import params_schema
from backend.quotas import check_kept, limits_of
from backend.refusals import RunNotFinishedError
from backend.results import ENCODINGS
from backend.strict_json import JsonObject
from backend.submissions import ask, cancel, describe, submit
from linearity.adapters.state import RunRow
from linearity.contracts.runs import KINDS, RunStatus

router = APIRouter(prefix=f"{API}/runs", tags=["runs"])

Format = Literal["json", "csv", "npz"]


class PageQuery(BaseModel, extra="forbid"):
    """Which runs to list."""

    kind: str | None = None
    model: str | None = None
    status: RunStatus | None = None
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200)


class ResultQuery(BaseModel, extra="forbid"):
    """In which form to read a result."""

    format: Format = "json"
    partial: bool = False
    spreadsheet: Literal["excel"] | None = Field(None, alias="for")
    lang: Literal["en", "ja"] = "en"


_BODY = json_body(
    "kind",
    "model",
    "dataset",
    kind={"enum": list(KINDS)},
    model={"type": "string", "description": "id, reference or name of a registered model"},
    dataset={"type": "string", "description": "id, reference or name of a registered dataset"},
    params=params_schema(),
    force={"type": "boolean", "description": "try a quarantined run again"},
)


@router.post("", status_code=202, openapi_extra=_BODY)
def submit_run(
    body: JsonObject, services: ServicesDep, visitor: VisitorDep, estimate: bool = False
) -> Response:
    """Start or join a run (202) or find it finished (200); ``estimate=1`` only tells its cost."""
    question = ask(body, state=services.state, store=services.store)
    if estimate:
        devices = known_devices(services.queue, services.live)
        sizes = [device.memory_bytes for device in devices if device.memory_bytes is not None]
        told = describe(question, state=services.state, store=services.store, memories=sizes)
        return answer(told)
    limits = limits_of(services.settings)
    check_kept(question, owner=visitor.name, state=services.state, limits=limits)
    outcome = submit(
        question,
        state=services.state,
        queue=services.queue,
        live=services.live,
        store=services.store,
        owner=visitor.name,
    )
    return answer(
        services.views.one(outcome.run),
        200 if outcome.finished else 202,
        {"Location": f"{API}/runs/{outcome.run.id}"},
    )


@router.get("")
def list_runs(services: ServicesDep, query: Annotated[PageQuery, Query()]) -> Response:
    """Return a page of runs, newest first; `next` is the cursor of the page after it."""
    rows, after = services.state.list_runs(**query.model_dump())
    return answer({"items": services.views.many(rows), "next": after})


@router.get("/{run_id}")
def get_run(run: RunDep, services: ServicesDep) -> Response:
    """Return one run: how far it is, how long it may take, what went wrong."""
    return answer(services.views.one(run))


@router.get("/{run_id}/result")
def get_result(
    run: RunDep, services: ServicesDep, request: Request, query: Annotated[ResultQuery, Query()]
) -> Response:
    """Return the numbers; ``partial=1`` gives the latest ones of a run that is not over."""
    if query.partial and run.status is not RunStatus.FINISHED:
        data = require_partial(run, services)
        return Response(data, headers=NOT_KEPT, media_type="application/json")
    sha256 = require_result(run)
    if query.format == "json":
        return _stored(request, services, sha256)
    return _exported(request, run, services.results.parsed(sha256), query)


@router.post("/{run_id}/cancel")
def cancel_run(run: RunDep, services: ServicesDep) -> Response:
    """Cancel an open run; doing it twice is harmless."""
    row = cancel(run, state=services.state, queue=services.queue, live=services.live)
    return answer(services.views.one(row))


@router.delete("/{run_id}", status_code=204)
def forget_run(run: RunDep, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Forget a run that is over, and its result; for who asked first, and administrators."""
    delete_run(services, run, visitor=visitor)
    return Response(status_code=204)


def require_result(run: RunRow) -> str:
    """Return the sha256 of the run's result.

    Raises
    ------
    RunNotFinishedError
        If there is none.
    """
    if run.status is not RunStatus.FINISHED or run.result is None:
        raise RunNotFinishedError(
            f"the run is {run.status}, so it has no result",
            next_step="Wait for it, use partial=1, or look at its error."
            if run.status.is_open
            else "Start it again with POST /api/v1/runs.",
            run_status=str(run.status),
        )
    return run.result


def require_partial(run: RunRow, services: Services) -> bytes:
    """Return the latest intermediate result of a run that is not over."""
    data = services.live.get_partial(run.id)
    if data is None:
        raise RunNotFinishedError(
            f"the run is {run.status} and has no intermediate numbers yet",
            next_step="Ask again in a few seconds.",
            run_status=str(run.status),
        )
    return data


def _stored(request: Request, services: Services, sha256: str) -> Response:
    encoding = choose_encoding(request.headers, ENCODINGS)
    variant, origin = services.results.read(sha256, encoding)
    headers = REVALIDATED | {"Content-Type": "application/json", "X-Cache": origin}
    return send_variant(request, variant, headers)


def _exported(
    request: Request, run: RunRow, result: dict[str, Any], query: ResultQuery
) -> Response:
    data, headers = export(result, query, name=f"{run.kind}-{run.id}")
    return send_variant(request, make_variant(IDENTITY, data), REVALIDATED | headers)


def export(
    result: dict[str, Any], query: ResultQuery, *, name: str
) -> tuple[bytes, dict[str, str]]:
    """Return a result as a file of another format, and the headers that name it."""
    if query.format == "npz":
        data, media_type = to_npz(result), "application/zip"
    else:
        data = to_excel_csv(result, query.lang) if query.spreadsheet else to_csv(result)
        media_type = "text/csv; charset=utf-8"
    disposition = f'attachment; filename="{name}.{query.format}"'
    return data, {"Content-Type": media_type, "Content-Disposition": disposition}
