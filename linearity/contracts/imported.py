"""Speeds that another tool measured: what is asked, and what one of its files says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import only_known
from linearity.contracts.served import FILES, TOLD_NAMES, Told, names_servers, parse_told
from linearity.contracts.timings import Requests, Spread
from linearity.errors import InvalidParameterError

MOST_FILES = 200
IMPORTED_NAMES = [*FILES, *TOLD_NAMES]


@dataclass(frozen=True, kw_only=True)
class ImportParams(Told):
    """Parameters of a run that takes its numbers from files, complete and resolved.

    Parameters
    ----------
    dense_file, changed_file : list of str
        The sha256 of every file, in the order given.
    """

    dense_file: list[str]
    changed_file: list[str]

    def as_json(self) -> dict[str, Json]:
        """Return the parameters as plain values, as pages list them; without what is not told."""
        values = asdict(self)
        return {name: values[name] for name in IMPORTED_NAMES if values[name] != ""}


@dataclass(frozen=True)
class BenchRun:
    """One run of a tool such as ``vllm bench serve`` against one server.

    Parameters
    ----------
    model : str
        As the tool was told it.
    backend : str
        What it took the server for.
    load : int
        Requests side by side, at most.
    rate : float or None
        Requests sent a second; None where each waited only for another to end.
    burstiness : float
    requests : Requests
    spreads : dict of metric to Spread
        In seconds, and tokens a second; what the file does not tell is left out.
    values : dict of metric to list of float
        Single values, where the file has them.
    """

    model: str
    backend: str
    load: int
    rate: float | None
    burstiness: float
    requests: Requests
    spreads: dict[str, Spread]
    values: dict[str, list[float]]


def names_files(params: Mapping[str, Json]) -> bool:
    """Whether some parameters of `speed` are about files of another tool."""
    return any(name in params for name in FILES)


def is_elsewhere(params: Mapping[str, Json]) -> bool:
    """Whether some parameters of `speed` are about numbers that this process does not make."""
    return names_files(params) or names_servers(params)


def file_names(name: str, params: Mapping[str, Json]) -> list[str]:
    """Return the files of one side, as the command line names them."""
    value = params.get(name)
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    wanted = f"1 to {MOST_FILES} names of files, joined by commas"
    if not 1 <= len(values) <= MOST_FILES or not all(isinstance(v, str) and v for v in values):
        raise InvalidParameterError(
            name, wanted=wanted, got=value, next_step="Name the files of both sides."
        )
    return [str(item) for item in values]


def parse_import(
    params: Mapping[str, Json], digests: Mapping[str, list[str]], *, model: ModelRecord
) -> ImportParams:
    """Return the complete parameters; `digests` has the sha256 of each side's files.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError
    """
    only_known(params, IMPORTED_NAMES)
    if shared := set(digests["dense_file"]) & set(digests["changed_file"]):
        raise InvalidParameterError(
            "changed_file",
            wanted="other files than dense_file",
            got=f"{len(shared)} with the same content",
        )
    return ImportParams(
        dense_file=digests["dense_file"],
        changed_file=digests["changed_file"],
        **asdict(parse_told(params, model=model)),
    )
