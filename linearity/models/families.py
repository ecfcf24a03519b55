"""Where a model keeps its blocks: one small table, and a clear refusal for everything else."""

from dataclasses import dataclass

from torch import nn

from linearity.errors import RejectedInputError


@dataclass(frozen=True)
class Layout:
    """The parts of a causal language model that a measurement needs.

    Parameters
    ----------
    decoder : nn.Module
        Everything but the output head; called with ``input_ids``.
    blocks : list of nn.Module
        The L blocks, in order.
    norm : nn.Module
        The norm between the last block and the head.
    head : nn.Module
        The output embedding: normed states to logits.
    """

    decoder: nn.Module
    blocks: list[nn.Module]
    norm: nn.Module
    head: nn.Module


def find_layout(model: nn.Module) -> Layout:
    """Return where the blocks, the final norm and the head of a loaded model are.

    Raises
    ------
    RejectedInputError
        If one of them is not where it was looked for.
    """
    decoder = getattr(model, "model", None)
    blocks = getattr(decoder, "layers", None)
    if not isinstance(decoder, nn.Module) or not isinstance(blocks, nn.ModuleList):
        raise _not_found(model, "list of blocks", "model.layers")
    norm, head = getattr(decoder, "norm", None), getattr(model, "lm_head", None)
    if not isinstance(norm, nn.Module):
        raise _not_found(model, "final norm", "model.norm")
    if not isinstance(head, nn.Module):
        raise _not_found(model, "output embedding", "lm_head")
    return Layout(decoder, list(blocks), norm, head)


def _not_found(model: nn.Module, what: str, where: str) -> RejectedInputError:
    return RejectedInputError(
        f"no {what} found in {type(model).__name__}: looked for {where}",
        reason="unsupported_architecture",
        next_step="Use a model of a supported family.",
    )


def down_projection(block: nn.Module) -> nn.Linear:
    """Return the projection that writes a block's MLP output into the stream.

    Raises
    ------
    RejectedInputError
        If the block has none.
    """
    projection = getattr(getattr(block, "mlp", None), "down_proj", None)
    if not isinstance(projection, nn.Linear):
        raise RejectedInputError(
            f"no down projection found in {type(block).__name__}: looked for mlp.down_proj",
            reason="unsupported_architecture",
            next_step="Use drop or linear for this model.",
        )
    return projection
