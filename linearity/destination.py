"""Where an export goes, as the command line names it."""

from dataclasses import dataclass, replace
from pathlib import Path

from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError


@dataclass(frozen=True)
class Destination:
    """Options that only an export has.

    Parameters
    ----------
    out_dir : str or None
        The folder that it becomes.
    adapters : tuple of str
        Folders of LoRA adapters that are renumbered beside it.
    """

    out_dir: str | None = None
    adapters: tuple[str, ...] = ()

    def named(self, kind: str, setting: Json) -> "Destination":
        """Return the destination of a run, whose settings may name the folder, too.

        Raises
        ------
        InvalidParameterError
            If an export has no folder, or another kind has one.
        """
        named = self if setting is None else replace(self, out_dir=str(setting))
        if kind == "export" and named.out_dir is None:
            raise InvalidParameterError(
                "--out-dir",
                wanted="the folder that the export becomes",
                got=None,
                next_step="Add --out-dir FOLDER, which must not exist yet.",
            )
        if kind != "export":
            for option, value in (("--out-dir", named.out_dir), ("--adapter", self.adapters)):
                if value:
                    raise InvalidParameterError(
                        option, wanted="nothing: only export writes a folder", got=value
                    )
        return named

    @property
    def folder(self) -> Path | None:
        """The folder that an export becomes."""
        return None if self.out_dir is None else Path(self.out_dir)

    @property
    def adapter_folders(self) -> tuple[Path, ...]:
        """The folders of the adapters."""
        return tuple(map(Path, self.adapters))


NOWHERE = Destination()
