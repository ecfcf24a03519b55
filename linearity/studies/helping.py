"""What a helper does for a `linearity` run that another process owns."""

from collections.abc import Sequence

from linearity.contracts.inputs import Document
from linearity.contracts.linearity import LinearityParams
from linearity.models.loaded import LoadedModel
from linearity.models.memory import LEAST_BATCH
from linearity.models.source import Batches
from linearity.models.sublayers import at_granularity
from linearity.ports import Progress
from linearity.studies.collect import Collected, batched
from linearity.studies.shards import Board, help_out
from linearity.studies.text import Text, repeated


def help_linearity(
    model: LoadedModel,
    documents: Sequence[str | Document],
    params: LinearityParams,
    progress: Progress,
    *,
    board: Board,
    reach: int | None = None,
) -> int:
    """Compute shards of a `linearity` run that another process owns; return how many.

    Takes what `measure_linearity` was given there.
    """
    model = at_granularity(model, params.granularity)
    text = Text(model, documents, params)

    def batches(part: int) -> Batches:
        return batched(text.windows(repeated(params, part)), LEAST_BATCH)

    def reach_of(part: int) -> int:
        return 1 if part else reach or model.states - 1

    def told(collected: Collected) -> None:
        progress.step(collected.tokens, params.tokens, "tokens", 0.0)

    return help_out(model, batches, reach_of, board, told)
