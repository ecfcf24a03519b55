"""Healed weights as a safetensors file of the artifact store."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from linearity.adapters.findings import Findings
from linearity.adapters.safetensors_header import read_header
from linearity.adapters.store import ArtifactStore, file_sha256
from linearity.contracts.plan import MeasuredStep
from linearity.errors import CorruptObjectError, HealedMismatchError
from linearity.models.healed import HealedWeights

FORMAT = "linearscope-healed-1"


def store_healed(healed: HealedWeights, store: ArtifactStore) -> tuple[str, int]:
    """Store healed weights; return their sha256 and size.

    `HealedWeights.name` goes into the file, so that two runs never share one.
    """
    told = {
        "run": healed.name,
        "model": healed.model,
        "plan": healed.plan,
        "fitting": healed.fitting,
        "steps": [asdict(step) for step in healed.steps],
    }
    # The library writes several entries in any order: the same weights would be other bytes.
    data = save(dict(healed.tensors), metadata={FORMAT: json.dumps(told)})
    return store.put(data), len(data)


def load_healed(sha256: str, store: ArtifactStore, *, model: str) -> HealedWeights:
    """Return the healed weights of a model.

    Parameters
    ----------
    sha256 : str
    store : ArtifactStore
    model : str
        Fingerprint of the dense model that they are to stand in.

    Raises
    ------
    HealedMismatchError
        If they are not here, no healed weights, or those of another model.
    CorruptObjectError
        If the bytes no longer match their name.
    """
    if not store.has(sha256):
        raise HealedMismatchError(
            f"the healed weights {sha256[:12]} are not here",
            next_step="Start the heal run again: it writes them anew.",
            sha256=sha256,
        )
    path = store.path(sha256)
    if file_sha256(path) != sha256:
        raise CorruptObjectError(
            f"the healed weights {sha256[:12]} are damaged",
            next_step="Delete the heal run and start it again: it writes a fresh copy.",
            sha256=sha256,
        )
    with path.open("rb") as stream:
        findings = Findings()
        listed = read_header(stream, path.stat().st_size, "the file", findings)
    if listed is None:
        raise _no_healed(sha256)
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get(FORMAT)
            tensors = {tensor.name: file.get_tensor(tensor.name) for tensor in listed}
    except SafetensorError as error:
        raise _no_healed(sha256) from error
    return _checked(sha256, told, tensors, model)


def _checked(
    sha256: str, said: str | None, tensors: Mapping[str, Tensor], model: str
) -> HealedWeights:
    healed = None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        told = json.loads(said or "")
        healed = HealedWeights(
            name=sha256[:16],
            model=told["model"],
            plan=told["plan"],
            fitting=told["fitting"],
            steps=[MeasuredStep(**step) for step in told["steps"]],
            tensors=tensors,
        )
    if healed is None:
        raise _no_healed(sha256)
    if healed.model != model:
        raise HealedMismatchError(
            f"the healed weights {sha256[:12]} belong to another model",
            next_step="Use the model that was healed, or heal this one.",
            sha256=sha256,
        )
    return healed


def _no_healed(sha256: str) -> HealedMismatchError:
    return HealedMismatchError(
        f"the object {sha256[:12]} holds no healed weights",
        next_step="Take weights.sha256 of the result of a finished heal run.",
        sha256=sha256,
    )
