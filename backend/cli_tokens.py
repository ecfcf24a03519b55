"""``linearscope tokens``: who may come in, straight in the state database of this machine."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from linearity.adapters.settings import Settings

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]


def install(
    app: typer.Typer,
    settings: Callable[[Path | None], Settings],
    sentences: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands; `sentences` turns errors into words and a status."""
    tokens = typer.Typer(help="Who may come in: add, list, revoke.", no_args_is_help=True)
    app.add_typer(tokens, name="tokens")

    @tokens.command("add")
    def add(
        name: str,
        role: Annotated[str, typer.Option("--role", help="viewer, analyst or admin.")],
        days: Annotated[int | None, typer.Option("--days", help="Valid for so long.")] = None,
        data: DataOption = None,
    ) -> None:
        """Make a token and print it, this once."""
        from backend.tokens import address_of, make_token

        with sentences(), _open_state(settings(data)) as state:
            row, token = make_token({"name": name, "role": role, "days": days}, state)
            address = address_of(settings(data))
        typer.echo(f"{row.id}  {row.name}  {row.role}  {row.expires or 'until revoked'}")
        typer.echo(f"The token, shown only now: {token}")
        typer.echo(f"In a browser, open once:   {address}/?token={token}")

    @tokens.command("list")
    def list_(data: DataOption = None) -> None:
        """List the tokens, without the tokens themselves."""
        from backend.tokens import token_view

        with sentences(), _open_state(settings(data)) as state:
            views = [token_view(row) for row in state.list_tokens()]
        for view in views:
            used = view["last_used"] or "never used"
            typer.echo(
                f"{view['id']}  {view['state']:<8}{view['role']:<8}  {view['name']:<24}  {used}"
            )
        if not views:
            typer.echo("no tokens yet; `linearscope tokens add NAME --role viewer` makes one")

    @tokens.command("revoke")
    def revoke(id: str, data: DataOption = None) -> None:
        """Revoke a token by its id; it is refused from the next request on."""
        with sentences(), _open_state(settings(data)) as state:
            row = state.revoke_token(id)
        if row is None:
            typer.echo(f"there is no token {id!r}; see `linearscope tokens list`", err=True)
            raise typer.Exit(1)
        typer.echo(f"revoked: {row.name} ({row.role})")


@contextmanager
def _open_state(settings: Settings) -> Iterator[Any]:
    from linearity.adapters.state import State

    state = State(settings.database_url)
    try:
        yield state
    finally:
        state.close()
