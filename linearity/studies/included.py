"""Which tokens count, of which kind they are, and whether there are enough of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linearity.contracts.linearity import TOKEN_CLASSES
from linearity.errors import TooFewTokensError
from linearity.measure.similarity import FEWEST_TOKENS
from linearity.measure.token_classes import text_classes
from linearity.measure.tokens import TokenTable
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.studies.sides import Fit, Heldout


def token_kinds(model: LoadedModel, windows: Sequence[Window], table: TokenTable) -> Tensor:
    """Return the class of every token, (N,); what its states say goes before its text."""
    ids = [window.ids for window in windows]
    classes = torch.tensor(text_classes(ids, model.token_text, model.special))
    classes[table.sinks()] = TOKEN_CLASSES.index("sink")
    classes[table.first] = TOKEN_CLASSES.index("first")
    return classes


def included_tokens(table: TokenTable, exclude: str) -> Tensor:
    """Return which tokens count, (N,) bool."""
    if exclude == "none":
        return table.scored
    left_out = table.first if exclude == "first" else table.first | table.sinks()
    return table.scored & ~left_out


def fewest(fit: Fit, heldout: Heldout | None) -> int:
    """Return how many tokens the smaller side of the split has."""
    return fit.whole.n if heldout is None else min(fit.whole.n, heldout.tokens)


def check_enough(fit: Fit, heldout: Heldout | None) -> None:
    """Refuse splits that are too small for a score.

    Raises
    ------
    TooFewTokensError
    """
    if fewest(fit, heldout) < FEWEST_TOKENS:
        scored = heldout.tokens if heldout else 0
        raise TooFewTokensError(
            f"only {fit.whole.n:,} fit tokens and {scored:,} held-out tokens are left to score",
            next_step="Use a dataset with more text, or more tokens.",
            fit=fit.whole.n,
            heldout=scored,
        )
