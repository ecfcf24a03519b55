"""`python -m linearity run | verify | questions`: a study in this process, without a server."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from linearity.contracts.benchmark import ANSWER_ENDING
from linearity.contracts.canonical import Json, canonical_json, strict_loads
from linearity.contracts.changed import weights_of
from linearity.contracts.estimate import settle_pairs
from linearity.contracts.imported import is_elsewhere, names_files
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.runs import KINDS
from linearity.contracts.speed import KIND as SPEED
from linearity.destination import NOWHERE, Destination
from linearity.errors import InvalidParameterError, LinearScopeError, MalformedJSONError
from linearity.model_options import AS_KNOWN, ModelOptions, add_model_options
from linearity.progress_bar import OPENS_REPORT, ProgressBar, say, say_problem
from linearity.questions_command import questions_command
from linearity.verify_command import VerifyOptions, verify_command

if TYPE_CHECKING:
    from linearity.adapters.store import ArtifactStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = _parser().parse_args(arguments)
    # Threads that spin long while they wait cost many times the work when cores are shared.
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
    if given.command == "verify":
        options = VerifyOptions(
            model=given.model,
            dataset=given.dataset,
            device=given.device,
            reading=ModelOptions.of(given),
            as_json=given.json,
        )
        return verify_command(given.result, options)
    if given.command == "questions":
        return questions_command(given.questions, out=given.out, ending=given.ending)
    return run_command(
        given.kind,
        given.model,
        given.dataset,
        settings=given.settings,
        out=given.out,
        device=given.device,
        options=ModelOptions.of(given),
        destination=Destination(given.out_dir, tuple(given.adapters)),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m linearity", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    run = commands.add_parser("run", help="run one kind and write its result")
    run.add_argument("kind", choices=KINDS)
    run.add_argument("--model", required=True, help="built-in name, hub id or folder")
    run.add_argument("--dataset", required=True, help="built-in name, file or folder")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    run.add_argument("--out", help="write the result here; standard output by default")
    run.add_argument("--out-dir", help="of an export: the folder that it becomes")
    run.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="FOLDER",
        dest="adapters",
        help="of an export: a LoRA adapter of the model, renumbered beside the folder",
    )
    again = commands.add_parser("verify", help="compute a result again and compare")
    again.add_argument("result", help="file with a result")
    again.add_argument("--model", help="built-in name, hub id or folder; else found by fingerprint")
    again.add_argument("--dataset", help="built-in name, file or folder; else found by fingerprint")
    again.add_argument("--json", action="store_true", help="write the comparison as JSON")
    asked = commands.add_parser("questions", help="write own questions as an lm-eval task")
    asked.add_argument("questions", help="file of questions, or a dataset's fingerprint")
    asked.add_argument("--out", required=True, help="folder; made if it is not there")
    asked.add_argument("--ending", default=ANSWER_ENDING, help="what stands behind each question")
    for command in (run, again):
        command.add_argument(
            "--device",
            help="cpu, cuda:N or several like cuda:0,cuda:1; by default a GPU if there is one",
        )
        add_model_options(command)
    return parser


def run_command(  # noqa: PLR0913  # the options of one command
    kind: str,
    model: str,
    dataset: str,
    *,
    settings: Sequence[str],
    out: str | None,
    device: str | None,
    options: ModelOptions = AS_KNOWN,
    destination: Destination = NOWHERE,
) -> int:
    """Run one kind and write its result as JSON; return the exit code.

    Progress goes to standard error. An expected failure is one sentence and exit code 2.
    """
    try:
        if out is not None and not Path(out).absolute().parent.is_dir():
            raise InvalidParameterError("--out", wanted="a file in an existing folder", got=out)
        params = parse_settings(settings)
        named = destination.named(kind, params.pop("destination", None))
        result = _run(kind, model, dataset, params, device, options, named)
    except LinearScopeError as error:
        say_problem(error)
        return 2
    except KeyboardInterrupt:
        say("stopped")
        return 130
    data = canonical_json(result) + b"\n"
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        Path(out).write_bytes(data)
        say(f"wrote {out} (run {result['id']})")
    return 0


def parse_settings(settings: Sequence[str]) -> dict[str, Json]:
    """Turn ``key=value`` texts into parameters: JSON if it parses, else text; commas make lists.

    A passage is taken as it stands, or from a file: ``text=@file``; healed weights by their sha256,
    or by the result of the run that wrote them: ``healed=file``.

    A value that is JSON as a whole stays whole: ``canaries=[{...}]``. Any other comma cuts, so a
    plan arrives as the list of its steps, which the contract joins again.
    """
    params: dict[str, Json] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InvalidParameterError("--set", wanted="KEY=VALUE", got=setting)
        params[name] = _READ.get(name, _value)(value)
    return params


def _passage(text: str) -> str:
    """Return a passage: what is written, or what the file behind ``@`` holds."""
    if not text.startswith("@"):
        return text
    path = Path(text[1:])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidParameterError(
            "text",
            wanted="a passage, or @ and the name of a file in UTF-8",
            got=text[:60],
            next_step="Check the name of the file; a passage that begins with @ goes in a file.",
        ) from error


def _healed(text: str) -> Json:
    """Return the sha256 of healed weights: as it is written, or as a result in a file names it."""
    if not Path(text).is_file():
        return text
    try:
        result = strict_loads(Path(text).read_bytes())
    except MalformedJSONError:
        result = None
    return weights_of(result if isinstance(result, Mapping) else {})


def _value(text: str) -> Json:
    try:
        return strict_loads(text.encode())
    except MalformedJSONError:
        return [_value(part) for part in text.split(",")] if "," in text else text


def _text(text: str) -> Json:
    """Return a text as it stands; in quotation marks it is JSON, so that it can hold line ends."""
    try:
        value = strict_loads(text.encode())
    except MalformedJSONError:
        return text
    return value if isinstance(value, str) else text


_READ: dict[str, Callable[[str], Json]] = {
    "text": _passage,
    "healed": _healed,
    "destination": str,
    "questions": str,
    "ending": _text,
}


def _run(  # noqa: PLR0913  # the options of one command
    kind: str,
    model: str,
    dataset: str,
    params: dict[str, Json],
    device: str | None,
    options: ModelOptions,
    destination: Destination,
) -> dict[str, Json]:
    from linearity.adapters.checkpoints import FileCheckpoints
    from linearity.adapters.execute import execute
    from linearity.adapters.harness_questions import with_questions
    from linearity.adapters.inputs import prepare_dataset, prepare_model
    from linearity.adapters.settings import MOST_BYTES, read_device, read_settings
    from linearity.adapters.store import ArtifactStore
    from linearity.models.memory import default_device

    chosen = read_settings(os.environ)
    wanted = read_device("--device", device) or chosen.device
    store = ArtifactStore(chosen.store)
    found = prepare_model(model, store=store, roots=None, log=say, parts=options.parts)
    model_record = replace(found, template_allowed=options.allow_template)
    dataset_record = prepare_dataset(dataset, store=store, roots=None, log=say)
    if kind == SPEED and is_elsewhere(params):
        return _elsewhere(params, model_record, dataset_record, store)
    device = wanted or default_device()
    params = with_questions(params, store=store, log=say)
    asked = make_request(kind, params, model=model_record, dataset=dataset_record)
    memory = min(_memory_bytes(device), chosen.device_memory or MOST_BYTES)
    request = settle_pairs(asked, model_record, memory_bytes=memory)
    if request.params.get("split") == "report":
        say(OPENS_REPORT)
    progress = ProgressBar()
    checkpoints = FileCheckpoints(store.root, request.run_id)
    try:
        result = execute(
            request,
            model=model_record,
            dataset=dataset_record,
            store=store,
            device=device,
            progress=progress,
            checkpoints=checkpoints,
            device_memory=chosen.device_memory,
            out_dir=destination.folder,
            adapters=destination.adapter_folders,
        )
    finally:
        progress.close()
    checkpoints.delete()
    return result


def _elsewhere(
    params: dict[str, Json], model: ModelRecord, dataset: DatasetRecord, store: "ArtifactStore"
) -> dict[str, Json]:
    """Return the speed that two running servers show, or that files of another tool tell."""
    from linearity.adapters.serving.run import run_imported, run_served

    if names_files(params):
        return run_imported(params, model=model, dataset=dataset)
    progress = ProgressBar()
    try:
        return run_served(params, model=model, dataset=dataset, store=store, progress=progress)
    finally:
        progress.close()


def _memory_bytes(device: str) -> int:
    """Return how much memory the first device has in all: moments lie there."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device.split(",")[0])[1])
    from linearity.adapters.machine import memory_bytes

    return memory_bytes()


if __name__ == "__main__":
    sys.exit(main())
