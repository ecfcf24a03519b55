"""The command `linearscope`. It never imports torch; what needs it runs as a child process."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from backend import (
    cli_bundles,
    cli_datasets,
    cli_html,
    cli_hub,
    cli_logs,
    cli_remove,
    cli_shares,
    cli_templates,
    cli_tokens,
    cli_upload,
)
from backend.children import python_command, python_environ
from linearity.adapters.settings import Settings, read_settings
from linearity.contracts.canonical import Json
from linearity.contracts.named_layout import parse_parts
from linearity.contracts.runs import KINDS
from linearity.errors import ConflictError, InvalidRequestError, LinearScopeError

app = typer.Typer(
    help="Which parts of a transformer are nearly linear, and what that is worth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models = typer.Typer(help="Registered models: list, add, upload, show.", no_args_is_help=True)
datasets = typer.Typer(help="Registered datasets: list, preview, add, show.", no_args_is_help=True)
runs = typer.Typer(help="Runs: list, show, export, import.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(datasets, name="datasets")
app.add_typer(runs, name="runs")

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="cpu, cuda:N or cuda:0,cuda:1.")]
BlocksOption = Annotated[
    str | None,
    typer.Option("--blocks", help="Path of the list of blocks, for a family without a reader."),
]
NormOption = Annotated[str | None, typer.Option("--norm", help="Path of its final norm.")]
TemplateOption = Annotated[
    bool, typer.Option("--allow-template", help="Render the chat template of a folder too.")
]


def main() -> None:
    """Run the command; the entry point of the installed program."""
    app()


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 = any free.")] = None,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="Workers for analyses; one for plans comes along.")
    ] = 1,
    data: DataOption = None,
) -> None:
    """Start server, workers and queue together; one Ctrl-C stops all."""
    with _sentences():
        from backend.supervisor import run_up

        settings = _settings(data)
        if port is not None:
            settings = dataclasses.replace(settings, port=port)
        status = run_up(settings, workers=workers, environ=os.environ, say=typer.echo)
    raise typer.Exit(status)


@app.command()
def api() -> None:
    """Run the web process by itself."""
    with _sentences():
        from backend.serving import serve

        serve(read_settings(os.environ))


class QueueChoice(StrEnum):
    """What one worker works on."""

    all = "all"
    analysis = "analysis"
    interactive = "interactive"


@app.command()
def worker(
    queue: Annotated[
        QueueChoice,
        typer.Option(
            "--queue",
            help="interactive: plans, passages, kept warm, and registrations. analysis: the rest.",
        ),
    ] = QueueChoice.all,
) -> None:
    """Run one worker by itself."""
    _become("workers", "--queue", queue.value)


@app.command()
def run(  # noqa: PLR0913  # the options of one command
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}.")],
    model: Annotated[str, typer.Option("--model", help="Built-in name, hub id or path.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Built-in name or path.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the result here.")] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", help="Of an export: the folder that it becomes.")
    ] = None,
    adapter: Annotated[
        list[Path] | None,
        typer.Option(
            "--adapter", help="Of an export: a LoRA adapter of the model, renumbered beside it."
        ),
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Of an export: register the folder as a model.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write an offline page.")] = None,
    device: DeviceOption = None,
    allow_template: TemplateOption = False,
    blocks: BlocksOption = None,
    norm: NormOption = None,
) -> None:
    """Compute one result in this process: no server, no queue, no database."""
    arguments = ["run", kind, "--model", model, "--dataset", dataset]
    for item in settings or []:
        arguments += ["--set", item]
    if device is not None:
        arguments += ["--device", device]
    if out_dir is not None:
        arguments += ["--out-dir", str(out_dir)]
    for folder in adapter or []:
        arguments += ["--adapter", str(folder)]
    arguments += _model_options(allow_template, blocks, norm)
    if html is not None:
        raise typer.Exit(cli_html.run_to_page(arguments, html=html, out=out))
    if out is not None:
        arguments += ["--out", str(out)]
    if register:
        _export_and_register(arguments, kind, out_dir)
    _become("linearity", *arguments)


def _export_and_register(arguments: list[str], kind: str, out_dir: Path | None) -> None:
    if kind != "export" or out_dir is None:
        typer.echo("--register registers an export: name its folder with --out-dir", err=True)
        raise typer.Exit(2)
    command = python_command("linearity", *arguments)
    done = subprocess.run(command, env=python_environ(os.environ), check=False).returncode
    if done != 0:
        raise typer.Exit(done)
    _add_input("model", str(out_dir.absolute()), None)


@app.command()
def verify(  # noqa: PLR0913  # the options of one command
    result: Annotated[str, typer.Argument(help="A result, or a bundle of a run.")],
    model: Annotated[
        str | None, typer.Option("--model", help="What it was computed on, if not registered.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="The same.")] = None,
    device: DeviceOption = None,
    allow_template: TemplateOption = False,
    blocks: BlocksOption = None,
    norm: NormOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compute a result again and compare: status 0 agrees, 1 differs, 2 cannot be verified."""
    arguments = ["verify", result]
    for name, value in (("--model", model), ("--dataset", dataset), ("--device", device)):
        arguments += [name, value] if value is not None else []
    arguments += _model_options(allow_template, blocks, norm)
    _become("linearity", *arguments, *(["--json"] if as_json else []))


@app.command()
def questions(
    questions: Annotated[str, typer.Argument(help="A file of multiple-choice questions.")],
    out: Annotated[Path, typer.Option("--out", help="Folder; made if it is not there.")],
    ending: Annotated[
        str | None, typer.Option("--ending", help="What stands behind each; a line Answer:")
    ] = None,
) -> None:
    """Write own questions as a task folder of lm-evaluation-harness."""
    arguments = ["questions", questions, "--out", str(out)]
    _become("linearity", *arguments, *([] if ending is None else ["--ending", ending]))


def _model_options(allow_template: bool, blocks: str | None, norm: str | None) -> list[str]:
    named = [("--blocks", blocks), ("--norm", norm)]
    arguments = [text for name, value in named if value is not None for text in (name, value)]
    return arguments + (["--allow-template"] if allow_template else [])


@app.command()
def doctor(data: DataOption = None) -> None:
    """Say what is installed, what is reachable, and what would fail."""
    from backend.doctor import examine

    with _sentences():
        findings = examine(_settings(data))
    for finding in findings:
        typer.echo(f"{finding.level:<5} {finding.subject:<16} {finding.text}")
    raise typer.Exit(1 if any(item.level == "FAIL" for item in findings) else 0)


@models.command("list")
def list_models(data: DataOption = None) -> None:
    """List the registered models."""
    _list_inputs("model", data)


@models.command("add")
def add_model(
    name: str,
    revisions: Annotated[
        str | None, typer.Option("--revisions", help="Of a hub id: a,b,c; registers a series.")
    ] = None,
    blocks: BlocksOption = None,
    norm: NormOption = None,
    data: DataOption = None,
) -> None:
    """Inspect and register a model: a built-in name, a hub id or a path."""
    if revisions is None:
        with _sentences():
            parts = parse_parts({"blocks": blocks, "norm": norm})
        _add_input("model", name, data, {} if parts is None else parts.as_json())
    with _sentences():
        status = cli_hub.add_series(_settings(data), name, revisions or "")
    raise typer.Exit(status)


@models.command("show")
def show_model(name: str, data: DataOption = None) -> None:
    """Print everything that is known about a model."""
    _show_input("model", name, data)


@datasets.command("list")
def list_datasets(data: DataOption = None) -> None:
    """List the registered datasets."""
    _list_inputs("dataset", data)


@datasets.command("show")
def show_dataset(name: str, data: DataOption = None) -> None:
    """Print everything that is known about a dataset."""
    _show_input("dataset", name, data)


@runs.command("list")
def list_runs(
    status: Annotated[str | None, typer.Option("--status", help="Only this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    data: DataOption = None,
) -> None:
    """List the runs, newest first."""
    with _sentences(), _open_state(data) as state:
        rows, more = state.list_runs(status=status, limit=limit)
    for row in rows:
        typer.echo(
            f"{row.id}  {row.status:<9}  {row.kind}  {row.model_name} on {row.dataset_name}"
            f"  {row.created}"
        )
    if more:
        typer.echo("(there are more: raise --limit)")


@runs.command("show")
def show_run(id: str, data: DataOption = None) -> None:
    """Print everything that is known about a run."""
    with _sentences(), _open_state(data) as state:
        row = state.get_run(id)
    _print_row(row, f"there is no run {id!r}; see `linearscope runs list`")


def _list_inputs(kind: str, data: Path | None) -> None:
    with _sentences(), _open_state(data) as state:
        rows = state.list_inputs(kind)
    for row in rows:
        typer.echo(f"{row.id:<24}  {row.state:<10}  {row.source:<8}  {row.name}")
    if not rows:
        typer.echo(f"no {kind}s yet; `linearscope {kind}s add NAME` registers one")


def _show_input(kind: str, name: str, data: Path | None) -> None:
    with _sentences(), _open_state(data) as state:
        row = state.find_input(kind, name)
    _print_row(row, f"there is no {kind} {name!r}; see `linearscope {kind}s list`")


def _add_input(
    kind: str, name: str, data: Path | None, options: Mapping[str, Json] = MappingProxyType({})
) -> None:
    with _sentences():
        settings = _settings(data)
    environ = python_environ(os.environ) | {"LINEARSCOPE_DATA": str(settings.data)}
    command = python_command("workers", "register", kind, name)
    command += ["--options", json.dumps(dict(options))] if options else []
    raise typer.Exit(subprocess.run(command, env=environ, check=False).returncode)


def _print_row(row: Any, otherwise: str) -> None:
    if row is None:
        typer.echo(otherwise, err=True)
        raise typer.Exit(1)
    typer.echo(json.dumps(dataclasses.asdict(row), indent=2, ensure_ascii=False))


def _settings(data: Path | None) -> Settings:
    environ = dict(os.environ)
    if data is not None:
        environ["LINEARSCOPE_DATA"] = str(data)
    return read_settings(environ)


@contextmanager
def _open_state(data: Path | None) -> Iterator[Any]:
    from linearity.adapters.state import State

    state = State(_settings(data).database_url)
    try:
        yield state
    finally:
        state.close()


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn an expected failure into its sentence and an exit status, without a trace."""
    try:
        yield
    except LinearScopeError as error:
        typer.echo(f"{error.message}. {error.next_step}".rstrip(), err=True)
        expected = isinstance(error, InvalidRequestError | ConflictError)
        raise typer.Exit(2 if expected else 1) from error
    except OSError as error:  # the data folder belongs to somebody else, or is read-only
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


def _become(module: str, *arguments: str) -> None:
    """Replace this process by another module of the program; signals and output stay direct."""
    command = python_command(module, *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, python_environ(os.environ))


cli_bundles.install(runs, _settings, _sentences)
cli_upload.install(models, _sentences)
cli_datasets.install(datasets, _settings, _sentences)
cli_hub.install(models, _settings, _sentences)
cli_logs.install(app, _settings, _sentences)
cli_shares.install(app, _sentences)
cli_remove.install(app, _sentences)
cli_tokens.install(app, _settings, _sentences)
cli_templates.install(models, _sentences)


if __name__ == "__main__":
    main()
