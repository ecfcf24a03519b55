"""What counts as a state: what stands between blocks, or also between attention and MLP in them.

With ``granularity=sublayer`` there are 2L + 1 states and 2L transitions. They are named by their
block::

    0 --0.attn--> 0.attn --0.mlp--> 1 --1.attn--> 1.attn --1.mlp--> ... --> L

State ``3.attn`` has left the attention of block 3; transition ``3.mlp`` leads from there to 4.
"""

BLOCK, SUBLAYER = "block", "sublayer"
GRANULARITIES = (BLOCK, SUBLAYER)
PARTS = ("attn", "mlp")


def transitions(blocks: int, granularity: str) -> int:
    """Return how many transitions L blocks have; there is one state more."""
    return blocks * (len(PARTS) if granularity == SUBLAYER else 1)


def state_names(blocks: int, granularity: str) -> list[str]:
    """Return the names of all states in order: ``0``, ``1``, or ``0``, ``0.attn``, ``1``."""
    if granularity == BLOCK:
        return [str(state) for state in range(blocks + 1)]
    names = [name for block in range(blocks) for name in (str(block), f"{block}.attn")]
    return [*names, str(blocks)]


def state_name(state: int, granularity: str) -> str:
    """Return the name of one state by its number."""
    if granularity == BLOCK:
        return str(state)
    block, behind = divmod(state, len(PARTS))
    return f"{block}.attn" if behind else str(block)


def transition_name(transition: int, granularity: str) -> str:
    """Return the name of one transition by its number: ``3``, or ``3.attn`` and ``3.mlp``."""
    if granularity == BLOCK:
        return str(transition)
    block, part = divmod(transition, len(PARTS))
    return f"{block}.{PARTS[part]}"


def writer(state: int, granularity: str) -> str:
    """Say what wrote a state, in words of an error."""
    if state == 0:
        return "the embedding"
    if granularity == BLOCK:
        return f"block {state - 1}"
    block, part = divmod(state - 1, len(PARTS))
    return f"the {('attention', 'MLP')[part]} of block {block}"
