"""The adapters that go with an export: read before anything is computed, published after it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from linearity.adapters.export_folder import check_destination, publish_folder, staged_folder
from linearity.adapters.lora_adapter import LoraAdapter, read_adapter, write_adapter
from linearity.adapters.lora_names import OPTION
from linearity.contracts.delivery import RenumberedAdapter
from linearity.contracts.export import Architecture
from linearity.contracts.inputs import ModelRecord
from linearity.errors import InvalidParameterError
from linearity.models.loaded import LoadedModel


class AdapterDesk:
    """Renumbers adapters; what was not published is gone when the block ends.

    Parameters
    ----------
    out_dir : Path or None
        The folder of the export; adapters lie beside it.
    folders : sequence of Path
        Those of the adapters.
    """

    def __init__(self, out_dir: Path | None, folders: Sequence[Path]) -> None:
        self._out_dir, self._folders = out_dir, folders
        self._stack = ExitStack()
        self._read: list[LoraAdapter] = []
        self._written: list[tuple[Path, Path, RenumberedAdapter]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, record: ModelRecord, model: LoadedModel) -> None:
        """Read every adapter.

        Raises
        ------
        InvalidParameterError
            If one is none of this model, or there is no place for it.
        """
        for folder in self._folders:
            adapter = read_adapter(folder, record, model.network, model.layout)
            if adapter.name in (other.name for other in self._read):
                raise InvalidParameterError(
                    OPTION, wanted="folders of different names", got=adapter.name
                )
            check_destination(self._place(adapter.name))
            self._read.append(adapter)

    def write(self, architecture: Architecture, base: str) -> list[RenumberedAdapter]:
        """Write them for an export, where nobody looks yet; return what became of them."""
        for adapter in self._read:
            place = self._place(adapter.name)
            staged = self._stack.enter_context(staged_folder(place.absolute().parent))
            became = write_adapter(adapter, architecture, f"./{base}", staged)
            self._written.append((staged, place, became))
        return [became for _, _, became in self._written]

    def publish(self, log: Callable[[str], None]) -> None:
        """Put them beside the export, and say what became of each."""
        for staged, place, became in self._written:
            publish_folder(staged, place)
            log(f"{place}: {told(became)}")

    def _place(self, name: str) -> Path:
        if self._out_dir is None:
            raise InvalidParameterError(
                OPTION,
                wanted="no adapter: they are renumbered by the command line only",
                got=name,
                next_step="Use linearscope run export --out-dir FOLDER --adapter FOLDER.",
            )
        return self._out_dir.with_name(f"{self._out_dir.absolute().name}-{name}")


def told(became: RenumberedAdapter) -> str:
    """Return what became of an adapter in one line."""
    lines = [f"an adapter of {len(became.kept)} blocks"]
    if became.left_out:
        lines.append(f"left out, because the blocks are gone: {_listed(became.left_out)}")
    if became.merged:
        lines.append(
            "measure it: these blocks carry a merged map where it has a part of its own: "
            f"{_listed(became.merged)}"
        )
    return "; ".join(lines)


def _listed(blocks: Sequence[int]) -> str:
    return ", ".join(map(str, blocks))
