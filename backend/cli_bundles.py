"""``linearscope runs export`` and ``import``: a run as one file, out of and into a data folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from linearity.adapters.settings import Settings
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.errors import InvalidParameterError, UnknownRunError

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]


def install(
    runs: typer.Typer,
    settings: Callable[[Path | None], Settings],
    sentences: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands; `sentences` turns errors into words and a status."""

    @runs.command("export")
    def export_run(
        id: Annotated[str, typer.Argument(help="Id of the run; see `linearscope runs list`.")],
        out: Annotated[Path, typer.Option("--out", help="Write the bundle here.")],
        texts: Annotated[
            bool, typer.Option("--texts", help="Keep titles, prompts, answers and tokens in it.")
        ] = False,
        data: DataOption = None,
    ) -> None:
        """Write a finished run with its question, environment and citation into one file."""
        with sentences(), _opened(settings(data)) as (state, store):
            if not out.absolute().parent.is_dir():
                raise InvalidParameterError("--out", wanted="a file in an existing folder", got=out)
            out.write_bytes(_exported(id, state, store, texts=texts))
        typer.echo(f"wrote {out}")

    @runs.command("import")
    def import_run(
        file: Annotated[
            Path, typer.Argument(help="What `runs export`, a download or `run --out` wrote.")
        ],
        data: DataOption = None,
    ) -> None:
        """Take in a run that was computed elsewhere; it stays marked as imported."""
        from backend.bundles import import_bundle
        from linearity.adapters.bundles import as_bundle

        with sentences(), _opened(settings(data)) as (state, store):
            bundle = as_bundle(_bytes(file))
            row, new = import_bundle(bundle, state=state, store=store, owner="local")
        typer.echo(f"{row.id}  {row.kind}  {row.model_name} on {row.dataset_name}")
        typer.echo("imported" if new else "it was here already", err=True)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        wanted = "a bundle or a result that can be read"
        raise InvalidParameterError("FILE", wanted=wanted, got=str(file)) from error


def _exported(id: str, state: State, store: ArtifactStore, *, texts: bool) -> bytes:
    import orjson

    from backend.bundles import export_run

    row = state.get_run(id)
    if row is None or row.result is None:
        raise UnknownRunError(
            f"there is no finished run {id[:40]!r}",
            next_step="See `linearscope runs list --status finished`.",
        )
    stored = store.get(row.result)
    return export_run(row, orjson.loads(stored), stored, texts=texts)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[State, ArtifactStore]]:
    state = State(settings.database_url)
    try:
        yield state, ArtifactStore(settings.store)
    finally:
        state.close()
