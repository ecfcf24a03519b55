"""``linearscope models search``, ``check`` and ``add --revisions``: the hub from a terminal."""

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.children import python_command, python_environ
from linearity.adapters.settings import Settings

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]


def install(
    models: typer.Typer,
    settings_of: Callable[[Path | None], Settings],
    sentences: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands to those of `models`; `sentences` turns errors into words and a status."""

    @models.command("search")
    def search(
        text: str,
        limit: Annotated[int, typer.Option(min=1, max=20)] = 8,
        data: DataOption = None,
    ) -> None:
        """Search the hub; without it, the local cache."""
        with sentences():
            _search(settings_of(data), text, limit)

    @models.command("check")
    def check(name: str, data: DataOption = None) -> None:
        """Say what a model of the hub or a folder is and needs, before anything is fetched."""
        with sentences():
            _check(settings_of(data), name)


def add_series(settings: Settings, name: str, revisions: str) -> int:
    """Register revisions of a hub model, in this process one by one; return the exit status."""
    from backend.hub_desk import HubDesk
    from backend.series import parse_series
    from linearity.adapters.live import Live
    from linearity.adapters.state import State

    live = Live(settings.queue_url, settings.cache_url, quick=True)
    desk = HubDesk(settings.hub, live)
    wanted = [part.strip() for part in revisions.split(",") if part.strip()]
    body: dict[str, Any] = {"source": "hub", "name": name, "revisions": wanted}
    series = parse_series(body, desk=desk, roots=())
    desk.close()
    live.close()
    environ = python_environ(os.environ) | {"LINEARSCOPE_DATA": str(settings.data)}
    state = State(settings.database_url)
    failed = 0
    try:
        for place, (member, label) in enumerate(zip(series.members, series.labels, strict=True)):
            command = python_command("workers", "register", "model", member.reference)
            failed |= subprocess.run(command, env=environ, check=False).returncode
            options = {"revision": label, "place": place}
            state.join_series("model", member.id, series.label, options, name=member.name)
    finally:
        state.close()
    return failed


def _search(settings: Settings, text: str, limit: int) -> None:
    from linearity.adapters.hub_catalogue import HubCatalogue
    from linearity.errors import HubUnreachableError

    catalogue = HubCatalogue(settings.hub)
    try:
        hits = catalogue.search(text, limit)
    except HubUnreachableError:
        typer.echo("the hub cannot be reached; these models are in the local cache:", err=True)
        hits = catalogue.search_cache(text, limit)
    for hit in hits:
        facts = [
            f"{hit.parameters / 1e6:,.0f} M parameters" if hit.parameters else "",
            f"{hit.downloads:,} downloads" if hit.downloads is not None else "",
            "gated" if hit.gated else "",
            "in the local cache" if hit.cached else "",
        ]
        typer.echo(f"{hit.name:<48}  {', '.join(filter(None, facts))}")
    if not hits:
        typer.echo(f"no model like {text!r}")


def _check(settings: Settings, name: str) -> None:
    from backend.forecasts import forecast
    from linearity.adapters.first_look import look_at_folder
    from linearity.adapters.hub_catalogue import HubCatalogue
    from linearity.adapters.naming import name_input
    from linearity.adapters.state import State

    if name_input("model", name).source == "path":
        look = look_at_folder(Path(name).expanduser())
        typer.echo(f"{Path(name).expanduser().resolve()}: stays where it is")
    else:
        owner, _, revision = name.partition("@")
        model = HubCatalogue(settings.hub).look(owner, revision or None)
        look = model.look
        typer.echo(f"{model.name} at commit {model.commit} (from the {model.origin})")
        typer.echo(f"to fetch: {model.download_bytes / 1e6:,.1f} MB; licence: {model.licence}")
    typer.echo(
        f"{look.family}, {look.blocks} blocks x {look.width}, "
        f"{(look.parameters or 0) / 1e6:,.1f} M parameters, {look.dtype}"
    )
    state = State(settings.database_url)
    try:
        told = forecast(look, state=state, devices=[])
    finally:
        state.close()
    if told is not None:
        low, high = told["seconds"]
        guess = "" if told["measured_speed"] else " (a guess: nothing was measured here yet)"
        typer.echo(
            f"measuring {told['tokens']:,} tokens, {told['pairs']} pairs: about "
            f"{low / 60:.1f} to {high / 60:.1f} minutes{guess}, "
            f"{told['memory_bytes'] / 2**30:,.1f} GiB of memory; this machine has "
            f"{told['server_memory_bytes'] / 2**30:,.1f} GiB"
        )
    for reason in look.reasons:
        typer.echo(f"cannot be used: {reason.message}. {reason.next_step}", err=True)
    if look.reasons:
        raise typer.Exit(1)
