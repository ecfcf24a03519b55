"""How far two computations of one question may lie apart, field by field; docs/science.md.

Measured with glass-en on python-docs, the table's last column being one CPU against one H100. In
float32 everything but single tokens stayed within 4e-6. In half precision another device rounds
every layer otherwise, so that near ties fall the other way.
"""

import re
from dataclasses import dataclass

HALF = ("bfloat16", "float16")


@dataclass(frozen=True)
class Conditions:
    """What two computations had in common.

    Parameters
    ----------
    dtype : str
        What the model computed in.
    same_device : bool
        Whether the two devices have the same kind and name.
    """

    dtype: str
    same_device: bool


@dataclass(frozen=True)
class Tolerance:
    """What numbers of some fields may differ by: relative above 1, absolute below.

    Parameters
    ----------
    fields : str
        A regular expression of whole field names.
    single, half : float
        In float32, and in bfloat16 or float16.
    """

    fields: str
    single: float
    half: float


TOLERANCES = (
    Tolerance(r"token_errors\.counts", 1.0, 1.0),
    Tolerance(r"error|token_errors\.p\d\d", 1e-4, 5e-2),
    Tolerance(r"guard\.worst_tokens\.(kl|nll_diff)", 1e-4, 5e-2),
    Tolerance(r"documents\.(kl|nll|nll_diff|nll_dense|top1)", 1e-5, 2e-2),
    Tolerance(r"(.*\.)?(top1|top5)", 1e-5, 2e-2),
    Tolerance(r"(dense|point|single|curves|scores|interaction|categories)\..*", 1e-5, 5e-3),
    Tolerance(r"summary\..*", 1e-5, 2e-2),
    Tolerance(r".*", 1e-5, 1e-3),
)
"""The first that fits holds."""

_OF_THE_MOMENT = re.compile(r"environment\..*|created|(model|dataset)\.(id|name)")
_DECIDED_BY_TIES = re.compile(
    r"guard(\..*)?|answers(\..*)?|finding\..*|summary\.identical|token_errors\.counts"
)
"""What near ties decide: which tokens are the worst, which words are written, rounded digits, and
in which bin an error beside an edge falls."""


def tolerance(field: str, conditions: Conditions) -> float:
    """Return how far numbers of a field may lie apart."""
    rule = next(rule for rule in TOLERANCES if re.fullmatch(rule.fields, field))
    return rule.half if conditions.dtype in HALF else rule.single


def compared(field: str, conditions: Conditions) -> bool:
    """Return whether a field says something about the question, not the moment or the device."""
    if _OF_THE_MOMENT.fullmatch(field):
        return False
    by_ties = conditions.dtype in HALF and not conditions.same_device
    return not (by_ties and _DECIDED_BY_TIES.fullmatch(field))
