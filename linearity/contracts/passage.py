"""The kind `passage`: a text of one's own, token by token, in the eyes of a run's maps (schema 1).

Science: docs/science.md, "A passage". Shape: docs/api.md. The maps are those of a `linearity` run
with the same parameters, so a passage that is one of its held-out windows has that run's errors.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from linearity.contracts import linearity
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.linearity import LinearityParams
from linearity.contracts.parameters import only_known
from linearity.contracts.runs import RunResult
from linearity.errors import InvalidParameterError

KIND = "passage"
SCHEMA = 1
METHOD = linearity.METHOD  # its maps are that kind's, so they change together

LONGEST_TEXT = 2_000
MOST_TOKENS = 512
FITTING_NAMES = [
    "tokens", "context", "heldout", "seed", "ridge", "exclude", "dtype", "attention",
    "template", "score",
]  # fmt: skip
PARAMETER_NAMES = ["text", *FITTING_NAMES]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class PassageParams:
    """Parameters of a run, complete and resolved; all but `text` as in `LinearityParams`.

    Parameters
    ----------
    text : str
        Lines end in a line feed. Stands in the run's row and nowhere else: no log, error
        or event says it, lists of runs leave it out, and links only have it where asked.
    """

    text: str
    tokens: int
    context: int
    heldout: float
    seed: int
    ridge: float | str
    exclude: str
    dtype: str
    attention: str
    template: str
    score: str

    def as_json(self) -> dict[str, Json]:
        """Return the parameters as plain values."""
        return asdict(self)

    @property
    def fitting(self) -> "PassageParams":
        """The same without the text: what maps are fitted by."""
        return replace(self, text="")

    @property
    def linearity(self) -> LinearityParams:
        """Those of the `linearity` run that fits the same maps."""
        shared = {name: getattr(self, name) for name in FITTING_NAMES}
        return LinearityParams(**shared, pairs="adjacent", repeats=1, granularity="block")


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> PassageParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError
        Neither repeats the text.
    """
    only_known(params, PARAMETER_NAMES)
    given = {name: value for name, value in params.items() if name != "text"}
    parsed = linearity.parse_params(given, model=model)
    known = {f.name: getattr(parsed, f.name) for f in fields(parsed) if f.name in FITTING_NAMES}
    return PassageParams(text=_parse_text(params.get("text")), **known)


def _parse_text(value: Json) -> str:
    wanted = f"a passage of 1 to {LONGEST_TEXT:,} characters"
    if not isinstance(value, str):
        raise InvalidParameterError("text", wanted=wanted, got=type(value).__name__)
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > LONGEST_TEXT:
        raise InvalidParameterError("text", wanted=wanted, got=len(text))
    if not text.strip():
        raise InvalidParameterError("text", wanted=wanted, got="white space" if text else "nothing")
    if _CONTROL.search(text):
        wanted = "a passage without control characters; lines and tabs are welcome"
        raise InvalidParameterError("text", wanted=wanted, got="control characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        wanted = "a passage of whole characters"
        raise InvalidParameterError("text", wanted=wanted, got="a lone surrogate") from None
    return text


@dataclass(frozen=True)
class PassageToken:
    """One token of the passage, the BOS included where the tokenizer adds one.

    Parameters
    ----------
    text : str
        For people: a leading space included, parts of characters as their bytes, ``⟨E3 81⟩``.
    token_class : str
        One of `TOKEN_CLASSES`; ``first`` and ``sink`` by the states, as in the run.
    character : str
        Of a token that is only a part of a character: the whole one; else empty.
    part : int
        Which part of it, from 1; else 0.
    """

    text: str
    token_class: str
    character: str = ""
    part: int = 0


@dataclass(frozen=True)
class PassageReference:
    """What errors the same maps have on held-out text, block by block.

    Parameters
    ----------
    tokens, fit_tokens : int
        Held-out tokens behind the numbers, and tokens that the maps were fitted on.
    mean : list of float, length L
        ``1 - r2_heldout``.
    p50, p95, p99 : list of float, length L
        Quantiles over single tokens.
    """

    tokens: int
    fit_tokens: int
    mean: list[float]
    p50: list[float]
    p95: list[float]
    p99: list[float]


@dataclass(frozen=True, kw_only=True)
class PassageResult(RunResult):
    """The answer of a `passage` run.

    Parameters
    ----------
    states : list of str
        ``"0"`` to ``"L"``.
    passage : list of PassageToken, length T
    error : T x L
        ``||y - xA||^2`` over the mean of ``||y - mean||^2`` of the run's held-out tokens; at least
        0, and 1 for a map no better than their mean.
    reference : PassageReference
    """

    states: list[str]
    passage: list[PassageToken]
    error: list[list[float]]
    reference: PassageReference
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
