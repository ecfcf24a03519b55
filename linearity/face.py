"""``from linearity import score, measure, load``: the library without server, registry or files."""

import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from linearity.measured import Measured
from linearity.studies.arrays import ArrayScores, score_arrays


def score(
    X: Any,
    Y: Any,
    *,
    groups: Sequence[Hashable] | None = None,
    heldout: float = 0.25,
    seed: int = 0,
    ridge: float | str = "auto",
) -> ArrayScores:
    """Return how well one linear map of X predicts Y, in sample and on rows left out.

    Parameters
    ----------
    X, Y : (N, d) arrays
        Of NumPy, PyTorch, JAX or any other library that speaks DLPack or ``__array__``.
    groups : sequence of N, optional
        Which document a row belongs to: whole documents are held out, and there is an interval.
    heldout : float
        Share of rows that are only scored on, 0.05 to 0.5.
    seed : int
        Decides which ones.
    ridge : "auto" or float
        Shrinkage toward the identity.
    """
    return score_arrays(X, Y, groups=groups, heldout=heldout, seed=seed, shrinkage=ridge)


def measure(  # what there is, and how it is measured
    model: Any,
    tokenizer: Any,
    texts: Sequence[Any],
    *,
    kind: str = "linearity",
    allow_template: bool = False,
    progress: bool = False,
    **params: Any,
) -> Measured:
    """Measure a model of transformers that is in memory already.

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model of a family that is read, on one device.
    tokenizer : PreTrainedTokenizerBase
    texts : list of str, of {"prompt", "response"} or of {"messages"}
    kind : "linearity" | "ablation" | "plan" | "answers" | "passage" | "heal"
    allow_template : bool
        Whether the tokenizer's chat template is rendered (in a limited child process).
    progress : bool
        Whether to show a line on standard error.
    **params
        As for ``linearscope run KIND --set``: ``tokens=4096``, ``plan="1:drop"``.

    Raises
    ------
    LinearScopeError
        With a sentence that says what was wanted and the next step.
    """
    from linearity.adapters.in_memory import ModelInMemory, as_documents, measure_in_memory
    from linearity.progress_bar import NoProgress, ProgressBar

    shown = ProgressBar() if progress else NoProgress()
    given = ModelInMemory.of(model, tokenizer, allow_template=allow_template)
    try:
        result = measure_in_memory(
            given, as_documents(texts), kind=kind, params=params, progress=shown
        )
    finally:
        shown.close()
    return Measured.of(result)


def load(path: str | os.PathLike[str]) -> Measured:
    """Return the result in a file: JSON of any kind, or a bundle of a run.

    Raises
    ------
    InvalidResultError, InvalidBundleError, OtherVersionError
    """
    from linearity.adapters.bundles import read_any

    return Measured(read_any(Path(path).read_bytes()))
