"""``/livez`` and ``/readyz``: for supervisors and load balancers, without a token."""

import logging

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import answer
from backend.dependencies import ServicesDep
from backend.problems import problem_response
from backend.readiness import check_ready

log = logging.getLogger("linearscope.web")

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Response:
    """Say that the process answers; it depends on nothing else."""
    return answer({"status": "alive"})


@router.get("/readyz")
def readyz(request: Request, services: ServicesDep) -> Response:
    """Say whether work can be accepted, and if not, which check fails."""
    report = check_ready(services.state, services.live, services.queue, services.store)
    if not report.failing:
        return answer({"status": "ready", "checks": report.checks, "warnings": report.warnings})
    return problem_response(
        request,
        "server_not_ready",
        f"failing: {', '.join(report.failing)}",
        next_step="Finished results still open; look at the server's log.",
        data={"failing": report.failing, "checks": report.checks, "warnings": report.warnings},
    )
