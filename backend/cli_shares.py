"""``linearscope share`` and ``linearscope shares``: links of a running server from a terminal."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

import typer

from backend.api_client import ApiClient, ApiRefusedError

SHARES = "/api/v1/shares"
SERVER = "http://127.0.0.1:8000"

ServerOption = Annotated[str, typer.Option("--server", help="Address of the server.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="LINEARSCOPE_TOKEN", help="Access token, if it asks."),
]


def install(app: typer.Typer, sentences: Callable[[], AbstractContextManager[None]]) -> None:
    """Add the commands; `sentences` turns errors into words and a status."""
    shares = typer.Typer(help="Links to runs: list, revoke.", no_args_is_help=True)
    app.add_typer(shares, name="shares")

    @app.command("share")
    def share(  # noqa: PLR0913  # the options of one command
        run: Annotated[str, typer.Argument(help="Id of the run; see `linearscope runs list`.")],
        days: Annotated[int, typer.Option(help="How long it works, 1 to 90.")] = 14,
        frozen: Annotated[
            bool, typer.Option("--frozen", help="The result of now, not the current one.")
        ] = False,
        note: Annotated[str, typer.Option(help="Shown to the reader.")] = "",
        lang: Annotated[str | None, typer.Option(help="Language of the reader: en or ja.")] = None,
        texts: Annotated[
            bool, typer.Option("--texts", help="Also show prompts, answers, titles, tokens.")
        ] = False,
        server: ServerOption = SERVER,
        token: TokenOption = None,
    ) -> None:
        """Make a link to a run of a running server and print it; it is told only this once."""
        body: dict[str, object] = {
            "run": run,
            "mode": "frozen" if frozen else "live",
            "days": days,
            "note": note,
            "lang": lang,
            "include_texts": texts,
        }
        with sentences(), asking(server, token) as client:
            made = client.post(SHARES, body)
            typer.echo(made["url"])
            typer.echo(f"id {made['id']}, until {made['expires']}", err=True)
            if client.get(SHARES)["local"]:
                typer.echo(
                    "It works on this machine only: LINEARSCOPE_PUBLIC_URL names another host.",
                    err=True,
                )

    @shares.command("list")
    def list_shares(server: ServerOption = SERVER, token: TokenOption = None) -> None:
        """List the links, newest first."""
        with sentences(), asking(server, token) as client:
            items = client.get(SHARES)["items"]
        for item in items:
            typer.echo(_line(item))
        if not items:
            typer.echo("no links yet; `linearscope share RUN` makes one")

    @shares.command("revoke")
    def revoke(id: str, server: ServerOption = SERVER, token: TokenOption = None) -> None:
        """End a link at once and for good."""
        with sentences(), asking(server, token) as client:
            client.delete(f"{SHARES}/{id}")
        typer.echo(f"{id} works no longer")


@contextmanager
def asking(server: str, token: str | None) -> Iterator[ApiClient]:
    """Turn refusals of the server into their sentence and an exit status."""
    try:
        yield ApiClient(server.rstrip("/"), token)
    except ApiRefusedError as error:
        typer.echo(f"{error.detail}. {error.next_step}".rstrip(), err=True)
        raise typer.Exit(2 if error.status < 500 else 1) from error
    except OSError as error:
        typer.echo(f"no server answers at {server}; start one, or name it with --server", err=True)
        raise typer.Exit(1) from error


def _line(item: dict[str, Any]) -> str:
    ended = item["revoked"] or item["expires"]
    looked = f"opened {item['opened']}x" + (f", {item['last_opened']}" if item["opened"] else "")
    note = f"  {item['note']!r}" if item["note"] else ""
    return (
        f"{item['id']}  {item['state']:<7}  {item['mode']:<6}  run {item['run']}"
        f"  until {ended}  {looked}{note}"
    )
