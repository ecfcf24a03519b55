"""``linearscope models template``: whether a model's chat template may be rendered.

A running server does it, so that it holds at once, and only for who may say so there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated
from urllib.parse import quote

import typer

from backend.cli_shares import SERVER, ServerOption, TokenOption, asking


def install(models: typer.Typer, sentences: Callable[[], AbstractContextManager[None]]) -> None:
    """Add the command to those of `models`; `sentences` turns errors into words and a status."""

    @models.command("template")
    def template(
        name: str,
        allow: Annotated[bool, typer.Option("--allow/--deny", help="Whether to render it.")],
        server: ServerOption = SERVER,
        token: TokenOption = None,
    ) -> None:
        """Let the chat template of an upload or a folder be rendered, or not; administrators."""
        with sentences(), asking(server, token) as client:
            path = f"/api/v1/models/{quote(name, safe='')}/template"
            model = client.post(path, {"allow": allow})
        told = "may be rendered" if allow else "is not rendered"
        typer.echo(f"the chat template of {model['name']} {told}")
