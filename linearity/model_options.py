"""What both commands say about the model they name."""

import argparse
from dataclasses import dataclass
from typing import Self

from linearity.contracts.named_layout import NamedParts, parse_parts


@dataclass(frozen=True)
class ModelOptions:
    """How a model is to be read that is named by folder or hub id.

    Parameters
    ----------
    allow_template : bool
        Whether its chat template is rendered.
    blocks, norm : str or None
        Where its blocks and its final norm are, for a family without a reader.
    """

    allow_template: bool = False
    blocks: str | None = None
    norm: str | None = None

    @classmethod
    def of(cls, given: argparse.Namespace) -> Self:
        """Take the options that `add_model_options` added."""
        return cls(given.allow_template, given.blocks, given.norm)

    @property
    def parts(self) -> NamedParts | None:
        """The parts that are named; raises `InvalidParameterError` for half of them."""
        return parse_parts({"blocks": self.blocks, "norm": self.norm})


AS_KNOWN = ModelOptions()
"""Of a model whose family has a reader, without its template."""


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Let a command take `ModelOptions`."""
    command.add_argument(
        "--allow-template", action="store_true", help="render the chat template of a folder too"
    )
    command.add_argument(
        "--blocks", help="path of the list of blocks, for a family without a reader"
    )
    command.add_argument("--norm", help="path of its final norm")
