"""The kind `export`: a plan as a folder that other programs load (schema 1).

Science: docs/science.md, section 6. Shape: docs/api.md. The folder is offered only after a fresh
process has loaded it from the disk and computed what the plan computes in memory.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.canonical import Json
from linearity.contracts.changed import ChangedParams, parse_changed
from linearity.contracts.common import SAMPLING_NAMES, Protocol, SplitFacts
from linearity.contracts.delivery import Delivery
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import only_known, whole_number
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.runs import RunResult

KIND = "export"
SCHEMA = 1
METHOD = 1

PARAMETER_NAMES = ["plan", "fitting", "healed", "max_shard_bytes", *SAMPLING_NAMES]
USUAL_SHARD_BYTES = 5_000_000_000
FEWEST_SHARD_BYTES, MOST_SHARD_BYTES = 1_000_000, 1_000_000_000_000
LARGEST_NLL_DIFFERENCE = 1e-3
"""Nats a token that the folder may differ from the plan in memory; more, and it is not offered."""


@dataclass(frozen=True, kw_only=True)
class ExportParams(ChangedParams):
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    max_shard_bytes : int
        Largest weight file, unless one weight alone is larger.
    """

    max_shard_bytes: int


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> ExportParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    only_known(params, PARAMETER_NAMES)
    return ExportParams(
        max_shard_bytes=whole_number(
            "max_shard_bytes",
            params.get("max_shard_bytes", USUAL_SHARD_BYTES),
            low=FEWEST_SHARD_BYTES,
            high=MOST_SHARD_BYTES,
        ),
        **asdict(parse_changed(params, model=model)),
    )


@dataclass(frozen=True)
class ExportedFile:
    """One file of the folder.

    Parameters
    ----------
    name : str
        In the folder, which has no folders in it.
    sha256 : str
        64 hexadecimal digits; the name of the object where the export lies in the artifact store.
    bytes : int
    """

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Architecture:
    """What the folder says that it is.

    Parameters
    ----------
    name : str
        Class of transformers, or of the package `linearity` where it is not stock.
    model_type : str
    is_stock : bool
        Whether transformers has it itself; a plan with linear blocks needs the package.
    blocks : int
        Entries of the list of blocks, those that are one linear map included.
    origins : list of [first, last]
        The dense blocks that each entry stands for: where it runs one of them, that one and those
        merged into it; where it is a linear map, those it replaces.
    linear_blocks : list of int
        Entries that are linear maps.
    uneven : list of str
        Fields of ``config.json`` that say another thing of some entries than of others. They were
        cut with the blocks and follow no pattern that a program could guess.
    dtype : str
        Of the weights: what the plan was measured in.
    parameters, dense_parameters : int
        Numbers in the weights, each tied one counted once; the same of the dense model.
    weight_bytes, dense_weight_bytes : int
    """

    name: str
    model_type: str
    is_stock: bool
    blocks: int
    origins: list[list[int]]
    linear_blocks: list[int]
    uneven: list[str]
    dtype: str
    parameters: int
    dense_parameters: int
    weight_bytes: int
    dense_weight_bytes: int


@dataclass(frozen=True)
class Generated:
    """Greedy decoding of the folder's model behind the beginnings of some windows.

    Parameters
    ----------
    prompts, tokens : int
        How many beginnings, and tokens behind each.
    same_as_plan : int
        Tokens, of all, on which the folder and the plan in memory agree, up to the first where
        they part; with the cache.
    same_without_cache : int
        The same of the folder with and without the cache.
    """

    prompts: int
    tokens: int
    same_as_plan: int
    same_without_cache: int

    @property
    def whole(self) -> int:
        """All tokens that were written."""
        return self.prompts * self.tokens


@dataclass(frozen=True)
class Proof:
    """What a fresh process found that loaded the folder from the disk.

    Parameters
    ----------
    tokens : int
        Predictions compared, of split A.
    nll_plan, nll, nll_difference : float
        Nats a token: the plan in memory, the folder, and the size of their difference.
    logits_difference : float
        Largest difference of any logit.
    logits_largest : float
        Largest size of any logit of the plan in memory, to judge it by.
    top1 : float
        Share of tokens whose likeliest next token is that of the plan in memory.
    generated : Generated
    parameters : int
        As counted there.
    saved_again : bool or None
        Whether ``save_pretrained`` wrote the same names and numbers again; None where the disk had
        no room to try.
    device : str
    seconds : float
    versions : dict of str to str
        Of what loaded it: "python", "torch", "transformers".
    """

    tokens: int
    nll_plan: float
    nll: float
    nll_difference: float
    logits_difference: float
    logits_largest: float
    top1: float
    generated: Generated
    parameters: int
    saved_again: bool | None
    device: str
    seconds: float
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ExportResult(RunResult):
    """The answer of an `export` run.

    Parameters
    ----------
    splits, protocol, dense, steps, point : as in `PlanResult`
        The plan in memory on split A, which is what the folder was proven to be.
    architecture : Architecture
    proof : Proof
    delivery : Delivery
    files : list of ExportedFile
    """

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    point: Point
    architecture: Architecture
    proof: Proof
    delivery: Delivery
    files: list[ExportedFile]
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
