"""How large each side is as it runs, counted over its own tensors."""

from torch import nn

from linearity.contracts.speed import SideSize
from linearity.models.changes import Changes
from linearity.models.loaded import LoadedModel
from linearity.models.parts import count, size, weights_of
from linearity.models.surgery import carried_out


def side_size(model: LoadedModel, changes: Changes) -> SideSize:
    """Return what runs of a model, and what of it a step of decoding reads.

    Of an embedding a step reads only the rows of its tokens, so tables count for nothing unless
    they are the head as well.

    Parameters
    ----------
    model : LoadedModel
    changes : Changes
    """
    with carried_out(model, changes) as network:
        weights = weights_of([network])
        head = {id(weight) for weight in model.layout.head.parameters()}
        tables = [module for module in network.modules() if isinstance(module, nn.Embedding)]
        unread = [weight for weight in weights_of(tables) if id(weight) not in head]
    return SideSize(
        blocks=sum(segment.block is not None for segment in changes),
        maps=sum(segment.linear is not None for segment in changes),
        parameters=count(weights),
        weight_bytes=size(weights),
        step_bytes=size(weights) - size(unread),
    )
