"""``linearscope models|datasets|logs remove``: shows what depends on it, asks, deletes.

A running server does it, because it also holds copies in its memory and in Redis.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from backend.cli_shares import SERVER, ServerOption, TokenOption, asking

Derived = Literal["keep", "delete"]
KINDS = ("models", "datasets", "logs")


def install(app: typer.Typer, sentences: Callable[[], AbstractContextManager[None]]) -> None:
    """Add `remove` to the commands of each kind of input."""
    for group in app.registered_groups:
        if group.name in KINDS and group.typer_instance is not None:
            _add(group.typer_instance, str(group.name), sentences)


def _add(
    group: typer.Typer, kind: str, sentences: Callable[[], AbstractContextManager[None]]
) -> None:
    @group.command("remove", help=f"Delete one of the {kind} of a running server.")
    def remove(
        name: str,
        derived: Annotated[
            Derived, typer.Option(help="Whether runs, results and derived datasets go too.")
        ] = "keep",
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        server: ServerOption = SERVER,
        token: TokenOption = None,
    ) -> None:
        with sentences(), asking(server, token) as client:
            found = client.get(f"/api/v1/{kind}/{quote(name, safe='')}/dependents")
            for line in _lines(found, derived):
                typer.echo(line)
            if not yes and not typer.confirm(f"Remove {found['name']}?"):
                raise typer.Exit(1)
            client.delete(f"/api/v1/{kind}/{quote(found['id'], safe='')}?derived={derived}")
        typer.echo(f"removed {found['name']}")


def _lines(found: dict[str, Any], derived: Derived) -> list[str]:
    runs, goes = found["runs"], "goes" if derived == "delete" else "stays"
    told = {
        "open runs, which keep it from being removed": runs["open"],
        f"finished runs; their result {goes}": runs["finished"],
        f"failed or cancelled runs; each {goes}": runs["ended"],
        "share links to these runs": found["shares"],
        f"datasets made from it; each {goes}": len(found["datasets"]),
    }
    own = (
        ["files of your own, or in the hub's cache, are not touched"] if found["own_files"] else []
    )
    counted = [f"{count} {what}" for what, count in told.items() if count]
    return [*counted, *own, f"frees {found['bytes'][derived]:,} bytes"]
