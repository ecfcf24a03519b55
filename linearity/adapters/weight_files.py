"""The weights of single modules, read from a model's registered files when they are wanted."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from linearity.contracts.families import Stacks
from linearity.contracts.inputs import StoredFile
from linearity.contracts.model_files import is_weight_file
from linearity.errors import RejectedInputError

FindFile = Callable[[StoredFile], Path]


class WeightFiles:
    """Fills and empties parameters of a network; meets `linearity.models.streaming.Weights`.

    Parameters
    ----------
    network : nn.Module
        Its parameters are on the meta device.
    files : tuple of StoredFile
    find : callable
        Returns where a file is; raises if it is not the one that was registered.
    base : str
        First part of the decoder's path; old checkpoints leave it out of their names.
    device : torch.device
    stacks : Stacks or None
        How the files name experts that the network has in stacked arrays.
    """

    def __init__(
        self,
        network: nn.Module,
        files: tuple[StoredFile, ...],
        find: FindFile,
        *,
        base: str,
        device: torch.device,
        stacks: Stacks | None = None,
    ) -> None:
        self._stacks = stacks
        self._network, self._find, self._base, self._device = network, find, base, device
        self._places: dict[str, StoredFile] = {}
        for file in (file for file in files if is_weight_file(file.name)):
            with safe_open(find(file), framework="pt") as opened:
                self._places |= dict.fromkeys(opened.keys(), file)

    def read(self, names: Collection[str]) -> dict[str, Tensor]:
        """Return the numbers of some parameters on the CPU, ready for the device to take them.

        Raises
        ------
        InputChangedError
            If a file is not the one that was registered.
        RejectedInputError
            If a weight is missing, or has another shape.
        """
        with ExitStack() as closing:
            opened: dict[str, safe_open] = {}

            def read(spelled: str) -> Tensor:
                file = self._places[spelled]
                if file.name not in opened:
                    reader = safe_open(self._find(file), framework="pt")
                    opened[file.name] = closing.enter_context(reader)
                tensor: Tensor = opened[file.name].get_tensor(spelled)  # type: ignore[no-untyped-call]
                return tensor

            return {name: self._ready(name, self._read(name, read)) for name in names}

    def fill(self, numbers: Mapping[str, Tensor], check: Callable[[], None]) -> None:
        """Give parameters what `read` returned; `check` is called before each."""
        for name, tensor in numbers.items():
            check()
            wanted = self._network.get_parameter(name).dtype
            placed = tensor.to(self._device, non_blocking=tensor.is_pinned()).to(wanted)
            _put(self._network, name, placed)

    def empty(self, names: Collection[str]) -> None:
        """Let go of the numbers of some parameters."""
        for name in names:
            parameter = self._network.get_parameter(name)
            _put(self._network, name, torch.empty_like(parameter, device="meta"))

    def _read(self, name: str, read: Callable[[str], Tensor]) -> Tensor:
        """Return a weight, put together where the files hold its parts."""
        stacks = self._stacks
        if stacks is None or not stacks.is_stack(name) or self._found(name) is not None:
            return read(self._spelled(name))
        experts = stacks.parts_of(name, self._network.get_parameter(name).shape[0])
        return torch.stack(
            [torch.cat([read(self._spelled(part)) for part in parts]) for parts in experts]
        )

    def _found(self, name: str) -> str | None:
        """Return how the files spell a name."""
        known = [name] if self._stacks is None else [name, self._stacks.saved(name)]
        bare = [spelled.removeprefix(f"{self._base}.") for spelled in known]
        return next((spelled for spelled in (*known, *bare) if spelled in self._places), None)

    def _spelled(self, name: str) -> str:
        found = self._found(name)
        if found is not None:
            return found
        raise RejectedInputError(
            f"{name} is missing from the weights",
            reason="missing_weights",
            next_step="Export the whole checkpoint again.",
        )

    def _ready(self, name: str, tensor: Tensor) -> Tensor:
        wanted = self._network.get_parameter(name)
        if tensor.shape != wanted.shape:
            raise RejectedInputError(
                f"{name} has the shape {tuple(tensor.shape)}, wanted {tuple(wanted.shape)}",
                reason="mismatched_weights",
                next_step="Export the whole checkpoint again.",
            )
        return tensor.pin_memory() if self._device.type == "cuda" else tensor


@contextmanager
def parameters_without_numbers() -> Iterator[None]:
    """Let networks that are made meanwhile have parameters on the meta device, and real buffers.

    Buffers are not in the files: rotation tables and slopes are computed where they are made.
    """
    register = nn.Module.register_parameter

    def registered(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None:
            parameter = nn.Parameter(parameter.to("meta"), requires_grad=False)
        register(module, name, parameter)

    nn.Module.register_parameter = registered  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def move_buffers(module: nn.Module, device: torch.device) -> None:
    """Bring all buffers to the device; parameters without numbers cannot be moved."""
    for part in module.modules():
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, buffer.to(device))


def _put(network: nn.Module, name: str, tensor: Tensor) -> None:
    path, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(path), attribute, nn.Parameter(tensor, requires_grad=False))
