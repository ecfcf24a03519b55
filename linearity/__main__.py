"""`python -m linearity run ...`: a study in this process, without web, queue, cache or database."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from linearity.contracts.canonical import Json, canonical_json, strict_loads
from linearity.contracts.estimate import settle_pairs
from linearity.contracts.kinds import make_request
from linearity.contracts.runs import KINDS
from linearity.errors import InvalidParameterError, LinearScopeError, MalformedJSONError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m linearity", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run one kind and write its result")
    run.add_argument("kind", choices=KINDS)
    run.add_argument("--model", required=True, help="built-in name, hub id or folder")
    run.add_argument("--dataset", required=True, help="built-in name, file or folder")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    run.add_argument("--out", help="write the result here; standard output by default")
    run.add_argument("--device", help="cpu or cuda:N; by default a GPU if there is one")
    run.add_argument(
        "--allow-template", action="store_true", help="render the chat template of a folder too"
    )
    given = parser.parse_args(arguments)
    # Threads that spin long while they wait cost many times the work when cores are shared.
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
    return run_command(
        given.kind,
        given.model,
        given.dataset,
        settings=given.settings,
        out=given.out,
        device=given.device,
        allow_template=given.allow_template,
    )


def run_command(  # noqa: PLR0913  # the options of one command
    kind: str,
    model: str,
    dataset: str,
    *,
    settings: Sequence[str],
    out: str | None,
    device: str | None,
    allow_template: bool = False,
) -> int:
    """Run one kind and write its result as JSON; return the exit code.

    Progress goes to standard error. An expected failure is one sentence and exit code 2.
    """
    try:
        if out is not None and not Path(out).absolute().parent.is_dir():
            raise InvalidParameterError("--out", wanted="a file in an existing folder", got=out)
        result = _run(kind, model, dataset, parse_settings(settings), device, allow_template)
    except LinearScopeError as error:
        _say(f"error: {error.message}" + (f"\n{error.next_step}" if error.next_step else ""))
        return 2
    except KeyboardInterrupt:
        _say("stopped")
        return 130
    data = canonical_json(result) + b"\n"
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        Path(out).write_bytes(data)
        _say(f"wrote {out} (run {result['id']})")
    return 0


def parse_settings(settings: Sequence[str]) -> dict[str, Json]:
    """Turn ``key=value`` texts into parameters: JSON if it parses, else text; commas make lists.

    A value that is JSON as a whole stays whole: ``canaries=[{...}]``. Any other comma cuts, so a
    plan arrives as the list of its steps, which the contract joins again.
    """
    params: dict[str, Json] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InvalidParameterError("--set", wanted="KEY=VALUE", got=setting)
        params[name] = _value(value)
    return params


def _value(text: str) -> Json:
    try:
        return strict_loads(text.encode())
    except MalformedJSONError:
        return [_value(part) for part in text.split(",")] if "," in text else text


def _run(
    kind: str,
    model: str,
    dataset: str,
    params: dict[str, Json],
    device: str | None,
    allow_template: bool,
) -> dict[str, Json]:
    from linearity.adapters.execute import execute
    from linearity.adapters.inputs import prepare_dataset, prepare_model
    from linearity.adapters.settings import read_device, read_settings
    from linearity.adapters.store import ArtifactStore

    chosen = read_settings(os.environ)
    wanted = read_device("--device", device) or chosen.device
    store = ArtifactStore(chosen.store)
    found = prepare_model(model, store=store, roots=None, log=_say)
    model_record = replace(found, template_allowed=allow_template)
    dataset_record = prepare_dataset(dataset, store=store, roots=None, log=_say)
    device = wanted or default_device()
    asked = make_request(kind, params, model=model_record, dataset=dataset_record)
    request = settle_pairs(asked, model_record, memory_bytes=_memory_bytes(device))
    if request.params.get("split") == "report":
        _say("this opens the report split; a server counts openings, a command line cannot")
    progress = _Bar(_say)
    try:
        return execute(
            request,
            model=model_record,
            dataset=dataset_record,
            store=store,
            device=device,
            progress=progress,
        )
    finally:
        progress.close()


def _memory_bytes(device: str) -> int:
    """Return how much memory the device has in all."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[1])
    from linearity.adapters.machine import memory_bytes

    return memory_bytes()


def default_device() -> str:
    """Return ``cuda:0`` if a GPU can be used, else ``cpu``."""
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"


class _Bar:
    """A progress line on standard error; no partial results."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started = time.monotonic()
        self._live = sys.stderr.isatty()

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        seconds = time.monotonic() - self._started
        left = seconds / share - seconds if share > 0.0 else 0.0
        text = f"{done:,} of {total:,} {unit}  {100 * share:3.0f} %  about {left:.0f} s left"
        if self._live:
            sys.stderr.write(f"\r{text:<70}")
            sys.stderr.flush()

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody watches a command line's partial results."""

    def log(self, message: str) -> None:
        self._say(message)

    def close(self) -> None:
        if self._live:
            sys.stderr.write("\n")


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")


if __name__ == "__main__":
    sys.exit(main())
