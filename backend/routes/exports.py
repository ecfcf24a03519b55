"""``/api/v1/runs/{id}/archive`` and ``files``: what an `export` run keeps, to be taken away."""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API
from backend.archives import Archive, kept_files, read_object
from backend.dependencies import RunDep, ServicesDep
from backend.ranges import send_part
from backend.refusals import FilesNotHereError
from backend.routes.runs import require_result

router = APIRouter(prefix=f"{API}/runs", tags=["runs"])


@router.head("/{run_id}/archive", include_in_schema=False)
@router.get("/{run_id}/archive")
def get_archive(run: RunDep, request: Request, services: ServicesDep) -> Response:
    """Return all files of an export as one tar archive, streamed; a range goes on with it."""
    result = services.results.parsed(require_result(run))
    members = kept_files(run, result, services.store)
    name = result["delivery"]["name"]
    archive = Archive(name, members, result["created"], services.store)
    headers = {
        "Content-Type": "application/x-tar",
        "Content-Disposition": f'attachment; filename="{name}.tar"',
    }
    return send_part(request, archive.read, size=archive.size, etag=archive.etag, headers=headers)


@router.head("/{run_id}/files/{name}", include_in_schema=False)
@router.get("/{run_id}/files/{name}")
def get_file(name: str, run: RunDep, request: Request, services: ServicesDep) -> Response:
    """Return one file of an export, as it is."""
    result = services.results.parsed(require_result(run))
    files = {file.name: file for file in kept_files(run, result, services.store)}
    if name not in files:
        raise FilesNotHereError(
            f"this export has no file {name[:80]!r}", next_step="See files in the run's result."
        )
    headers = {
        # Whatever it is, a browser saves it and shows nothing of it.
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    file = files[name]
    read = partial(read_object, services.store, file.sha256)
    etag = f'"{file.sha256[:32]}"'
    return send_part(request, read, size=file.size, etag=etag, headers=headers)
