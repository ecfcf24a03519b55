"""``/api/v1/compare``: two finished runs of one model, block by block."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, REVALIDATED
from backend.comparison import SCORES, Comparison, compare
from backend.comparison_words import comparison_finding
from backend.dependencies import Services, ServicesDep
from backend.exports import table_csv, table_excel_csv
from backend.figures.compare_profile import compare_profile
from backend.figures.options import parse_options
from backend.negotiation import IDENTITY, make_variant, send_variant
from backend.refusals import RunNotFoundError
from backend.routes.runs import require_result
from backend.tables.comparison import TABLE
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

router = APIRouter(prefix=f"{API}/compare", tags=["figures"])


class CompareQuery(BaseModel, extra="forbid"):
    """Which runs to compare, and in which form to read it."""

    runs: str
    format: Literal["json", "csv"] = "json"
    spreadsheet: Literal["excel"] | None = Field(None, alias="for")
    lang: Literal["en", "ja"] = "en"


@router.get("")
def compare_runs(
    query: Annotated[CompareQuery, Query()], request: Request, services: ServicesDep
) -> Response:
    """Return both profiles, the difference of every block with its interval, and a sentence."""
    comparison = _comparison(query.runs, services)
    if query.format == "csv":
        return _exported(request, comparison, query)
    finding = {score: comparison_finding(comparison, score) for score in SCORES}
    return _answer(request, comparison.as_json() | {"finding": finding})


@router.get("/figures/{name}")
def get_comparison_figure(
    name: str, runs: str, request: Request, services: ServicesDep
) -> Response:
    """Return the figure `profile` of two runs; the query holds lang, theme and score."""
    choice("figure", name, ("profile",))
    given = {key: value for key, value in request.query_params.items() if key != "runs"}
    choice("score", given.get("score", "stream"), tuple(SCORES))
    figure = compare_profile(_comparison(runs, services), parse_options(given))
    return _answer(request, figure)


def _exported(request: Request, comparison: Comparison, query: CompareQuery) -> Response:
    value = comparison.as_json()
    if query.spreadsheet:
        data = table_excel_csv(TABLE, value, query.lang)
    else:
        data = table_csv(TABLE, value)
    name = "-".join(("comparison", *(side["run"][:12] for side in comparison.sides)))
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }
    return send_variant(request, make_variant(IDENTITY, data), REVALIDATED | headers)


def _comparison(text: str, services: Services) -> Comparison:
    ids = text.split(",")
    if len(ids) != 2:
        raise InvalidParameterError("runs", wanted="two ids of runs joined by a comma", got=text)
    first, second = (_result(id, services) for id in ids)
    return compare(first, second)


def _result(id: str, services: Services) -> dict[str, Any]:
    run = services.state.get_run(id)
    if run is None:
        raise RunNotFoundError(id)
    return services.results.parsed(require_result(run))


def _answer(request: Request, value: object) -> Response:
    variant = make_variant(IDENTITY, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))
    return send_variant(request, variant, REVALIDATED | {"Content-Type": "application/json"})
