"""``/api/v1/hub/models``: models of the hub, before they are registered."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from backend.answers import API, answer
from backend.dependencies import ServicesDep
from backend.preflights import hub_preflight

router = APIRouter(prefix=f"{API}/hub/models", tags=["models"])


class SearchQuery(BaseModel, extra="forbid"):
    """What to look for."""

    q: str = Field("", max_length=100)
    limit: int = Field(8, ge=1, le=20)


@router.get("")
def search_hub(services: ServicesDep, query: Annotated[SearchQuery, Query()]) -> Response:
    """Return models that match, those downloaded most first; `origin` says who answered."""
    return answer(services.desk.search(query.q, query.limit))


@router.get("/{owner}/{name}")
def check_hub_model(
    owner: str, name: str, services: ServicesDep, revision: str | None = None
) -> Response:
    """Return what a model is and needs, pinned to a commit, before anything of it is fetched."""
    return answer(hub_preflight(f"{owner}/{name}", revision, services=services))
