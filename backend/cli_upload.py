"""``linearscope models upload``: a model folder to a running server."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.api_client import ApiClient, ApiRefusedError
from backend.uploading import choose_files, upload_model, wait_for_model
from linearity.adapters.naming import safe_id

SERVER = "http://127.0.0.1:8000"
TELL_SECONDS = 2.0


def install(models: typer.Typer, sentences: Callable[[], AbstractContextManager[None]]) -> None:
    """Add the command to those of `models`; `sentences` turns errors into words and a status."""

    @models.command("upload")
    def upload(
        folder: Path,
        name: Annotated[str | None, typer.Option("--name", help="Default: the folder's.")] = None,
        server: Annotated[str, typer.Option("--server", help="Address of the server.")] = SERVER,
        token: Annotated[
            str | None,
            typer.Option("--token", envvar="LINEARSCOPE_TOKEN", help="Access token, if it asks."),
        ] = None,
    ) -> None:
        """Send a model folder to a running server; the same command again goes on after a break."""
        with sentences():
            status = _upload(ApiClient(server.rstrip("/"), token), folder, name)
        raise typer.Exit(status)


def _upload(client: ApiClient, folder: Path, name: str | None) -> int:
    files = choose_files(folder, _say)
    wanted = name or safe_id(folder.resolve().name, str(folder))
    try:
        model = upload_model(client, files, wanted, _teller())
        _say(f"sent: {len(files)} files, sha256 equal; {model['name']} is being inspected")
        model = wait_for_model(client, model["id"])
    except ApiRefusedError as error:
        _say(f"{error.detail}. {error.next_step}".rstrip())
        return 1
    if model["state"] == "rejected":
        _say_refusal(model)
        return 1
    typer.echo(f"{model['id']} is ready")
    return 0


def _say_refusal(model: dict[str, Any]) -> None:
    problem = model["problem"] or {}
    _say(f"{model['name']} cannot be used: {problem.get('message', '')}")
    for reason in problem.get("data", {}).get("reasons", []):
        _say(f"  {reason.get('message', '')}")
    _say(problem.get("next_step", ""))


def _teller() -> Callable[[int, int], None]:
    """Return what tells progress every other second, and at the end."""
    last = time.monotonic() - TELL_SECONDS

    def tell(sent: int, size: int) -> None:
        nonlocal last
        if sent < size and time.monotonic() - last < TELL_SECONDS:
            return
        last = time.monotonic()
        _say(f"{100 * sent // max(size, 1)} % ({sent / 1e6:,.1f} of {size / 1e6:,.1f} MB)")

    return tell


def _say(line: str) -> None:
    typer.echo(line, err=True)
    sys.stderr.flush()
