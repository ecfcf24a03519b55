"""What models, datasets and request logs answer alike: being listed, shown and deleted."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import answer
from backend.deletions import Derived, delete_input
from backend.dependencies import ServicesDep, VisitorDep
from backend.dependents import describe_dependents, find_dependents
from backend.registrations import find_input
from backend.uploads.answering import input_views, one_view


def serve_inputs(router: APIRouter, kind: str, called: str) -> None:
    """Add these addresses for a kind of input, in documents `called` so."""

    @router.get("", description=f"Return every registered {called}.")
    def list_inputs(services: ServicesDep) -> Response:
        return answer({"items": input_views(services, kind)})

    @router.get("/{id}", description=f"Return one {called} by id, reference or name.")
    def get_input(id: str, services: ServicesDep) -> Response:
        return answer(one_view(services, find_input(services.state, kind, id)))

    @router.get(
        "/{id}/dependents",
        description=f"Return what depends on a {called}, and how many bytes go with it.",
    )
    def get_dependents(id: str, services: ServicesDep) -> Response:
        return answer(describe_dependents(services, find_dependents(services, kind, id)))

    @router.delete(
        "/{id}",
        status_code=204,
        description=f"Delete a {called} that no open run needs; ``derived=delete`` also what was "
        "made from it.",
    )
    def remove_input(
        id: str, services: ServicesDep, visitor: VisitorDep, derived: Derived = "keep"
    ) -> Response:
        delete_input(services, kind, id, visitor=visitor, derived=derived)
        return Response(status_code=204)
