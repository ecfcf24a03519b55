"""``/api/v1/runs/{id}/figures/{name}``: the numbers as Plotly figures."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, NOT_KEPT, REVALIDATED
from backend.dependencies import RunDep, ServicesDep
from backend.drawings import ENCODINGS
from backend.figures.options import CHOICES
from backend.negotiation import choose_encoding, send_variant
from backend.routes.runs import require_partial, require_result
from linearity.contracts.runs import RunStatus

router = APIRouter(prefix=f"{API}/runs", tags=["figures"])


_OPTIONS = {
    "parameters": [
        *(
            {"name": name, "in": "query", "schema": {"enum": list(values), "default": values[0]}}
            for name, values in CHOICES.items()
        ),
        {
            "name": "plan",
            "in": "query",
            "description": "for categories: the plan of a point of an ablation",
            "schema": {"type": "string"},
        },
        {
            "name": "beside",
            "in": "query",
            "description": "for costs: scores of another run, one a block, with commas",
            "schema": {"type": "string"},
        },
    ]
}


@router.get("/{run_id}/figures/{name}", openapi_extra=_OPTIONS)
def get_figure(run: RunDep, name: str, request: Request, services: ServicesDep) -> Response:
    """Return a figure ``{data, layout}``; the query holds lang, theme, score and the like."""
    options = dict(request.query_params)
    media_type = {"Content-Type": "application/json"}
    if options.get("partial") == "1" and run.status is not RunStatus.FINISHED:
        data = require_partial(run, services)
        drawn = services.drawings.partial(data, name, options)
        return Response(drawn.body, headers=NOT_KEPT | media_type)
    encoding = choose_encoding(request.headers, ENCODINGS)
    variant = services.drawings.finished(require_result(run), name, options, encoding)
    return send_variant(request, variant, REVALIDATED | media_type)
