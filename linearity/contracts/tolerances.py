"""How far two computations of one question may lie apart, field by field; docs/science.md.

Measured on python-docs, one CPU against one H100: glass-en in all kinds, smollm2 in `linearity`.
On another device sums and layers round otherwise; updates and states with massive activations show
it most. In half precision near ties fall the other way. What was trained is wider: each step begins
where the last one ended, so rounding grows; how far, was not measured.
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
    timed : bool
        Whether the kind measures seconds; then only what was counted is compared.
    """

    dtype: str
    same_device: bool
    timed: bool = False


@dataclass(frozen=True)
class Tolerance:
    """What numbers of some fields may differ by: relative above 1, absolute below.

    Parameters
    ----------
    fields : str
        A regular expression of whole field names.
    single, elsewhere, half : float
        In float32 on the same device, on another one, and in bfloat16 or float16.
    """

    fields: str
    single: float
    elsewhere: float
    half: float


TOLERANCES = (
    Tolerance(r"(after|healing|recovered|training|sweep|tuned)(\..*)?", 1e-5, 1e-2, 5e-2),
    Tolerance(r"error|token_errors\.p\d\d", 1e-4, 1e-4, 5e-2),
    Tolerance(r"guard\.worst_tokens\.(kl|nll_diff)", 1e-4, 1e-4, 5e-2),
    Tolerance(r"documents\.(kl|nll|nll_diff|nll_dense|top1)", 1e-5, 5e-5, 5e-2),
    Tolerance(r"(.*\.)?(top1|top5)", 1e-5, 5e-5, 2e-2),
    Tolerance(r"(dense|point|single|curves|scores|interaction|categories)\..*", 1e-5, 5e-5, 5e-3),
    Tolerance(r"summary\..*", 1e-5, 5e-5, 2e-2),
    Tolerance(r"kept\..*|token_classes\.error|.*\.(anisotropy|effective_rank)", 1e-5, 1e-4, 1e-2),
    Tolerance(r"(.*\.)?update_.*", 1e-5, 5e-5, 5e-3),
    Tolerance(r".*", 1e-5, 5e-5, 2e-3),
)
"""The first that fits holds."""

_COUNTS_AT_EDGES = re.compile(r"token_errors\.counts")

_OF_THE_MOMENT = re.compile(
    r"environment\..*|created|(model|dataset)\.(id|name)"
    r"|proof\.(device|seconds|versions\..*)|(files|delivery)(\..*)?"
    r"|weights\.sha256"
)
_TIMED = re.compile(
    r"engine\..*|points\.timings\.(dense|changed|pairs|speedup)(\..*)?|points\.memory\..*\.peak_bytes"
    r"|costs\.overhead|costs\.(parts\.)?(prefill|decode)_s|finding\..*|warnings(\..*)?"
)
"""What a clock told: another measurement of the same question has other seconds."""
_DECIDED_BY_TIES = re.compile(
    r"guard(\..*)?|answers(\..*)?|finding\..*|summary\.identical|token_errors\.counts"
)
"""What near ties decide: which tokens are the worst, which words are written, rounded digits, and
in which bin an error beside an edge falls."""


def tolerance(field: str, conditions: Conditions) -> float:
    """Return how far numbers of a field may lie apart."""
    rule = next(rule for rule in TOLERANCES if re.fullmatch(rule.fields, field))
    if conditions.dtype in HALF:
        return rule.half
    return rule.single if conditions.same_device else rule.elsewhere


def count_tolerance(field: str) -> float:
    """Return by how much whole numbers may differ: a token beside an edge changes its bin."""
    return 1.0 if _COUNTS_AT_EDGES.fullmatch(field) else 0.0


def compared(field: str, conditions: Conditions) -> bool:
    """Return whether a field says something about the question, not the moment or the device."""
    if _OF_THE_MOMENT.fullmatch(field):
        return False
    if conditions.timed and _TIMED.fullmatch(field):
        return False
    by_ties = conditions.dtype in HALF and not conditions.same_device
    return not (by_ties and _DECIDED_BY_TIES.fullmatch(field))
