"""``python -m linearity verify RESULT``: exit code 0 agrees, 1 differs, 2 cannot be verified."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linearity.contracts.canonical import canonical_json
from linearity.contracts.differences import FieldDifference
from linearity.errors import InvalidParameterError, LinearScopeError
from linearity.model_options import AS_KNOWN, ModelOptions
from linearity.progress_bar import OPENS_REPORT, ProgressBar, say, say_problem
from linearity.verifying import (
    Verification,
    allowing_template,
    check_question,
    contradicts_itself,
    verify,
)

AGREES, DIFFERS, CANNOT = 0, 1, 2


@dataclass(frozen=True)
class VerifyOptions:
    """What the command line says: where inputs are, on which device, in which form."""

    model: str | None = None
    dataset: str | None = None
    device: str | None = None
    reading: ModelOptions = AS_KNOWN
    as_json: bool = False


def verify_command(path: str, options: VerifyOptions) -> int:
    """Compute the run of a result again and print the largest difference of every field."""
    try:
        found = _verify(path, options)
    except LinearScopeError as error:
        say_problem(error)
        return CANNOT
    except KeyboardInterrupt:
        say("stopped")
        return 130
    if options.as_json:
        sys.stdout.buffer.write(canonical_json(found.as_json()) + b"\n")
    else:
        sys.stdout.write("\n".join(_lines(found)) + "\n")
    return AGREES if found.agrees else DIFFERS


def _verify(path: str, options: VerifyOptions) -> Verification:
    from linearity.adapters.bundles import read_any
    from linearity.adapters.registered import find_dataset, find_model
    from linearity.adapters.settings import read_device, read_settings
    from linearity.adapters.store import ArtifactStore
    from linearity.models.memory import default_device

    result = read_any(_bytes(path))
    if not check_question(result):
        return contradicts_itself(result)
    settings = read_settings(os.environ)
    device = read_device("--device", options.device) or settings.device
    places: Any = {"settings": settings, "store": ArtifactStore(settings.store), "log": say}
    model = find_model(result["model"], given=options.model, parts=options.reading.parts, **places)
    dataset = find_dataset(result["dataset"], given=options.dataset, **places)
    if result["params"].get("split") == "report":
        say(OPENS_REPORT)
    progress = ProgressBar()
    try:
        return verify(
            result,
            model=allowing_template(model, options.reading.allow_template),
            dataset=dataset,
            store=places["store"],
            device=device or default_device(),
            progress=progress,
        )
    finally:
        progress.close()


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        wanted = "a result that `linearscope run --out` or a download wrote"
        raise InvalidParameterError("RESULT", wanted=wanted, got=path) from error


def _lines(found: Verification) -> Iterator[str]:
    yield f"run {found.run} ({found.kind})"
    yield f"result    {_environment(found.stored)}"
    if found.comparison is None:
        yield "DIFFERS   id: it is not the digest of this model, dataset, method and parameters"
        yield "The result contradicts itself: its question was changed after it was computed."
        return
    yield f"computed  {_environment(found.computed)}"
    fields = found.comparison.fields
    width = max(len(field.field) for field in fields)
    yield f"          {'field':<{width}}  values  difference  tolerance  where"
    yield from (_line(field, width) for field in fields)
    if not found.texts:
        yield "Texts were left out of the result, so they were not compared."
    if absent := found.comparison.absent:
        yield f"Not in the result, so not compared: {', '.join(absent)}."
    wrong = [field for field in fields if not field.agrees]
    if wrong:
        yield f"{len(wrong)} of {len(fields)} fields differ, first {wrong[0].field}."
    else:
        yield f"All {len(fields)} fields agree."


def _line(field: FieldDifference, width: int) -> str:
    verdict = "agrees" if field.agrees else "DIFFERS"
    largest = "other" if field.largest is None else f"{field.largest:.1e}"
    place = field.place if field.largest != 0.0 else ""
    return (
        f"{verdict:<8}  {field.field:<{width}}  {field.values:>6}  {largest:>10}  "
        f"{field.tolerance:>9.0e}  {place}"
    ).rstrip()


def _environment(environment: dict[str, Any]) -> str:
    names = ("torch", "transformers", "device", "device_name")
    known = [f"{name} {environment[name]}" for name in names if name in environment]
    return ", ".join(known) or json.dumps(environment)[:80]
