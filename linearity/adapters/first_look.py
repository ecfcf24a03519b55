"""What config.json and the headers of the weights tell, before anything is fetched or loaded.

For an estimate, not for trust: the inspection of a registered model judges every file again.
Needs no torch.
"""

import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from linearity.adapters.findings import NEXT_STEPS, Findings
from linearity.adapters.model_config import read_config
from linearity.contracts.canonical import Json, strict_loads
from linearity.contracts.model_files import PICKLES, is_model_file, is_weight_file
from linearity.errors import MalformedJSONError

LARGEST_CONFIG = 1 << 20
LARGEST_HEADER = 16 << 20
MOST_DIMENSIONS = 8
TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
COMPUTED = ("float32", "float16", "bfloat16")
MOST_REASONS = 5


@dataclass(frozen=True)
class Reason:
    """Why a model cannot be used, and what to do; `code` is that of a refusal."""

    code: str
    message: str
    next_step: str


@dataclass(frozen=True)
class FirstLook:
    """What is known of a model so far; a number that is not known is None.

    Parameters
    ----------
    family : str or None
        transformers' ``model_type``.
    blocks, width, vocabulary, context : int or None
        From config.json.
    parameters : int or None
        From the headers of the weights.
    dtype : str or None
        What it would be computed in.
    weight_bytes : int
        Size of the weight files.
    reasons : tuple of Reason
        Empty if nothing speaks against it.
    """

    family: str | None = None
    blocks: int | None = None
    width: int | None = None
    vocabulary: int | None = None
    context: int | None = None
    parameters: int | None = None
    dtype: str | None = None
    weight_bytes: int = 0
    reasons: tuple[Reason, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the facts as plain values."""
        return asdict(self)

    def refused(self, *reasons: Reason) -> "FirstLook":
        """Return the same with more reasons against it."""
        return replace(self, reasons=(*self.reasons, *reasons))


def judge_names(names: list[str]) -> tuple[Reason, ...]:
    """Return what speaks against a model with these files."""
    reasons = [
        Reason(
            "file_missing",
            f"{needed} is missing",
            "A model needs config.json, tokenizer.json and safetensors.",
        )
        for needed in ("config.json", "tokenizer.json")
        if needed not in names
    ]
    if not any(is_weight_file(name) for name in names):
        reasons.append(_no_weights(names))
    return tuple(reasons)


def judge_config(data: bytes) -> FirstLook:
    """Return what a config.json says."""
    try:
        config = strict_loads(data)
    except MalformedJSONError as error:
        return FirstLook(reasons=(_bad_config(error.message, "bad_json"),))
    if not isinstance(config, Mapping):
        return FirstLook(reasons=(_bad_config("it is not a JSON object", "bad_json"),))
    findings = Findings()
    read = read_config(config, findings)
    reasons = [
        Reason(finding.code, finding.message, NEXT_STEPS[finding.code])
        for finding in findings.reasons[:MOST_REASONS]
    ]
    family = config.get("model_type")
    look = FirstLook(
        family=family[:60] if isinstance(family, str) else None,
        dtype=_named_type(config),
        reasons=tuple(reasons),
    )
    if read is None:
        return look
    return replace(
        look,
        blocks=read.blocks,
        width=read.width,
        vocabulary=read.vocabulary,
        context=read.context,
    )


def count_weights(look: FirstLook, counts: Mapping[str, int], weight_bytes: int) -> FirstLook:
    """Return the same with how many numbers of each safetensors type the weights hold."""
    named = [TYPES[name] for name in counts if name in TYPES]
    only = named[0] if len(named) == 1 and named[0] in COMPUTED else "float32"
    seen = replace(
        look,
        parameters=sum(counts.values()) if counts else None,
        dtype=look.dtype or (only if counts else None),
        weight_bytes=weight_bytes,
    )
    odd = sorted(name for name in counts if name not in TYPES)
    if not odd:
        return seen
    return seen.refused(
        Reason(
            "unsupported_dtype",
            f"the weights have the type {odd[0][:20]}",
            "Analyse the 16-bit original of a quantised checkpoint.",
        )
    )


def look_at_folder(folder: Path, roots: Sequence[Path] | None = None) -> FirstLook:
    """Return what the small files and headers of a folder tell; never raises for its content.

    With `roots`, no file is opened that a link takes out of them.
    """
    try:
        return _look(folder, roots)
    except OSError as error:
        name = Path(error.filename or folder).name
        reason = Reason(
            "file_missing", f"{name} cannot be read", "Allow the server's user to read the folder."
        )
        return FirstLook(reasons=(reason,))


def _look(folder: Path, roots: Sequence[Path] | None) -> FirstLook:
    files = [entry for entry in folder.iterdir() if entry.is_file() and is_model_file(entry.name)]
    outside = [entry.name for entry in files if roots is not None and not _inside(entry, roots)]
    if outside:
        reason = Reason(
            "link_outside",
            f"{min(outside)} is a link that leaves the allowed folders",
            "Copy the file into the folder.",
        )
        return FirstLook(reasons=(reason,))
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    reasons = judge_names(names)
    config = folder / "config.json"
    look = FirstLook()
    if "config.json" in names:
        with config.open("rb") as stream:
            data = stream.read(LARGEST_CONFIG + 1)
        look = judge_config(data) if len(data) <= LARGEST_CONFIG else _too_large(len(data))
    counts: dict[str, int] = {}
    weights = [folder / name for name in names if is_weight_file(name)]
    for path in weights:
        found = _read_counts(path)
        if found is None:
            reason = Reason(
                "not_safetensors",
                f"{path.name} is not a safetensors file",
                "Save the model with save_pretrained(..., safe_serialization=True).",
            )
            return look.refused(*reasons, reason)
        counts = {key: counts.get(key, 0) + found.get(key, 0) for key in {*counts, *found}}
    size = sum(path.stat().st_size for path in weights)
    return count_weights(look, counts, size).refused(*reasons)


def _inside(path: Path, roots: Sequence[Path]) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def _read_counts(path: Path) -> dict[str, int] | None:
    """Return {safetensors type: how many numbers}, None if the file has no such header."""
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        size = os.fstat(stream.fileno()).st_size
        if not 2 <= length <= min(LARGEST_HEADER, size - 8):
            return None
        data = stream.read(length)
    counts: dict[str, int] = {}
    try:
        for name, value in json.loads(data).items():
            if name != "__metadata__":
                kind = str(value["dtype"])
                counts[kind] = counts.get(kind, 0) + _count(value["shape"], 2 * size)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return counts


def _count(shape: Sequence[object], most: int) -> int:
    """Return how many numbers a tensor of a file holds, which cannot be more than `most`."""
    count = 1
    for length in shape[:MOST_DIMENSIONS]:
        if type(length) is not int or not 0 <= length <= most:
            raise ValueError(shape)
        count *= length
    if len(shape) > MOST_DIMENSIONS or count > most:
        raise ValueError(len(shape))
    return count


def _no_weights(names: list[str]) -> Reason:
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if pickles:
        return Reason(
            "pickle_only",
            f"the weights are pickled ({pickles[0][:80]}); loading them could run code",
            "Convert where you trust the file: "
            "AutoModelForCausalLM.from_pretrained(old).save_pretrained(new).",
        )
    return Reason(
        "file_missing",
        "no weights found: looked for model.safetensors",
        "A model needs config.json, tokenizer.json and safetensors.",
    )


def _bad_config(why: str, code: str) -> Reason:
    return Reason(code, f"config.json: {why}", "Check config.json against the model's original.")


def _too_large(size: int) -> FirstLook:
    return FirstLook(reasons=(_bad_config(f"it has {size:,} bytes or more", "file_too_large"),))


def _named_type(config: Mapping[str, Json]) -> str | None:
    named = config.get("dtype") or config.get("torch_dtype")
    return str(named) if named in COMPUTED else None
