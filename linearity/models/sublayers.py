"""A model seen at a finer grain: the state between attention and MLP is a state, too."""

from dataclasses import replace

from linearity.contracts.granularity import SUBLAYER
from linearity.errors import RejectedInputError
from linearity.models.loaded import LoadedModel
from linearity.models.source import FinerSource


def at_granularity(model: LoadedModel, granularity: str) -> LoadedModel:
    """Return the model with the states of a granularity.

    Raises
    ------
    RejectedInputError
        If attention and MLP of its blocks read the same state: there is none between them.
    """
    if granularity != SUBLAYER:
        return model
    if not model.layout.between:
        raise RejectedInputError(
            "attention and MLP of this model's blocks read the same state: none lies between them",
            reason="unsupported_architecture",
            next_step="Leave granularity out.",
        )
    source = model.source
    if source is not None:
        assert isinstance(source, FinerSource)
        source = source.by_sublayers()
    return replace(model, sublayers=True, source=source)
