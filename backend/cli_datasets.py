"""``linearscope datasets add`` and ``preview``: how a text is read, from a terminal."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.children import python_command, python_environ
from linearity.adapters.dataset_intake import preview_files, text_files
from linearity.adapters.settings import Settings
from linearity.contracts.inputs import BUILTIN_DATASETS
from linearity.contracts.reading import HubDataset, ReadingOptions
from linearity.errors import InvalidParameterError, UnknownInputError

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]
Column = Annotated[str | None, typer.Option(metavar="COLUMN")]
Encoding = Annotated[str | None, typer.Option(help="For example cp932; recognised by default.")]
Documents = Annotated[int | None, typer.Option(help="Keep so many, drawn by category.")]
Masks = Annotated[str | None, typer.Option(help="email,phone,card,key")]
Split = Annotated[str | None, typer.Option(help="Of plain text: document, line or paragraph.")]
Part = Annotated[str | None, typer.Option("--part", help="Of --hub: the split; train by default.")]
SHOWN_RECORDS = 5
SHOWN_CHARACTERS = 70


def install(
    datasets: typer.Typer,
    settings_of: Callable[[Path | None], Settings],
    sentences: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands to those of `datasets`; `sentences` turns errors into words."""

    @datasets.command("add")
    def add(  # noqa: PLR0913  # the options of one command
        name: str,
        hub: Annotated[bool, typer.Option("--hub", help="NAME is owner/name of the hub.")] = False,
        config: Annotated[str | None, typer.Option(help="Of --hub: the subset.")] = None,
        part: Part = None,
        revision: Annotated[str | None, typer.Option(help="Of --hub.")] = None,
        text: Column = None,
        messages: Column = None,
        prompt: Column = None,
        response: Column = None,
        category: Column = None,
        encoding: Encoding = None,
        split: Split = None,
        documents: Documents = None,
        dedupe: Annotated[bool, typer.Option("--dedupe")] = False,
        mask: Masks = None,
        drop_bad_rows: Annotated[bool, typer.Option("--drop-bad-rows")] = False,
        data: DataOption = None,
    ) -> None:
        """Read and register a dataset: a built-in name, a file or folder, or one of the hub."""
        given: dict[str, Any] = {
            "text": text, "messages": messages, "prompt": prompt, "response": response,
            "category": category, "encoding": encoding, "split": split, "dedupe": dedupe,
            "sample": None if documents is None else {"documents": documents},
            "mask": mask.split(",") if mask else [],
            "bad_rows": "drop" if drop_bad_rows else None,
        }  # fmt: skip
        with sentences():
            options = ReadingOptions.from_json(given).as_json()
            asked = name
            if name in BUILTIN_DATASETS and options:
                wanted = "nothing: a built-in dataset is read in one way"
                raise InvalidParameterError("options", wanted=wanted, got=next(iter(options)))
            if hub:
                parts = {"name": name, "config": config, "split": part, "revision": revision}
                asked = f"hub:{HubDataset.from_json(parts).reference}"
            settings = settings_of(data)
        environ = python_environ(os.environ) | {"LINEARSCOPE_DATA": str(settings.data)}
        command = python_command("workers", "register", "dataset", asked)
        command += ["--options", json.dumps(options)] if options else []
        raise typer.Exit(subprocess.run(command, env=environ, check=False).returncode)

    @datasets.command("preview")
    def preview(  # noqa: PLR0913  # the options of one command
        path: Path,
        text: Column = None,
        prompt: Column = None,
        response: Column = None,
        category: Column = None,
        encoding: Encoding = None,
        split: Split = None,
    ) -> None:
        """Show what a file or folder would be as a dataset; nothing is kept."""
        given = {"text": text, "prompt": prompt, "response": response}
        given |= {"category": category, "encoding": encoding, "split": split}
        with sentences():
            if not path.exists():
                raise UnknownInputError(f"there is no file or folder {str(path)!r}")
            options = ReadingOptions.from_json(given)
            for line in preview_lines(preview_files(text_files(path), options, tokenizer=None)):
                typer.echo(line)


def preview_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return a preview as lines for a terminal."""
    lines = [_file(file) for file in facts["files"]]
    for column in facts["columns"]:
        cells = " | ".join(_short(cell) for cell in column["cells"])
        lines.append(f"  column {column['name']} ({column['kind']}): {cells}")
    if facts["chosen"]:
        chosen = {role: name for role, name in facts["chosen"].items() if name}
        lines.append("read as: " + ", ".join(f"{role} = {name}" for role, name in chosen.items()))
    rows = facts["rows"]
    lines.append(f"{'' if rows['exact'] else 'about '}{rows['count']:,} rows")
    if summary := facts["summary"]:
        languages = ", ".join(f"{name} {count}" for name, count in summary["languages"].items())
        lines.append(f"{summary['documents']:,} documents, languages of a sample: {languages}")
        lines += [_record(record) for record in facts["records"][:SHOWN_RECORDS]]
    lines += [f"! {problem['message']}" for problem in facts["problems"]]
    if problem := facts["problem"]:
        lines.append(f"! {problem['message']}. {problem['next_step']}")
    return lines


def _file(file: Mapping[str, Any]) -> str:
    encoding = file["encoding"]
    how = f", {encoding['label']} ({encoding['confidence']})" if encoding else ""
    return f"{file['name']}: {file['format']}{how}, {file['size']:,} bytes"


def _record(record: Mapping[str, Any]) -> str:
    category = f"[{record['category']}] " if record["category"] else ""
    if "messages" in record:
        return f"  {category}" + _short(" / ".join(turn["content"] for turn in record["messages"]))
    answer = f" -> {_short(record['response'])}" if record.get("response") else ""
    return f"  {category}{_short(record.get('text') or record['prompt'])}{answer}"


def _short(text: str) -> str:
    """One line without control characters: a terminal must not obey a dataset."""
    plain = "".join(mark if mark.isprintable() else " " for mark in text)
    return plain if len(plain) <= SHOWN_CHARACTERS else f"{plain[:SHOWN_CHARACTERS]}…"
