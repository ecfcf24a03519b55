"""The kind `speed` against two running servers: what is asked, from the command line alone.

A server that calls addresses which people give it can be sent anywhere, so the web process takes
none. What ran behind an address cannot be seen from outside: what people say about it (device,
dtype, plan) is written down as told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import choice, only_known, real_number, whole_number
from linearity.contracts.plan import parse_plan_parameter
from linearity.contracts.timings import FEWEST_PAIRS
from linearity.errors import InvalidParameterError

URLS = ("dense_url", "changed_url")
FILES = ("dense_file", "changed_file")
ENDPOINTS = ("auto", "completions", "chat")
MOST_LEVELS, MOST_SIDE_BY_SIDE = 8, 512
LONGEST_NAME, LONGEST_URL = 200, 1000
TOLD_NAMES = ["plan", "software", "device_name", "dtype", "quantisation"]
SERVED_NAMES = [
    *URLS, "dense_model", "changed_model", "concurrency", "requests", "pairs", "warmup",
    "prompt_tokens", "new_tokens", "endpoint", "timeout", "seed", "take", *TOLD_NAMES,
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Told:
    """What people say about what they do not measure here; empty where they say nothing.

    Parameters
    ----------
    plan : str
        What was changed.
    software : str
        Used where a server does not name its own.
    device_name, dtype, quantisation : str
    """

    plan: str = ""
    software: str = ""
    device_name: str = ""
    dtype: str = ""
    quantisation: str = ""


@dataclass(frozen=True, kw_only=True)
class ServedParams(Told):
    """Parameters of a run against two servers, complete and resolved.

    Parameters
    ----------
    dense_url, changed_url : str
        Where the servers are; ``/v1`` may stand at the end.
    dense_model, changed_model : str
        Names under which they serve; empty takes the only one.
    concurrency : list of int
        Requests side by side; each is measured, ascending.
    requests : "auto" or int
        Requests to each side in each round; ``auto`` is twice the concurrency, at least 10.
    pairs, warmup : int
        Rounds, each of which asks both sides the same; and those before that are not counted.
    prompt_tokens, new_tokens : "auto" or int
        ``auto`` takes every record's own prompt and the length of its own response; 128 and 32
        for plain texts.
    endpoint : "auto" | "completions" | "chat"
        ``auto`` asks records with a prompt as a chat where the model has a template.
    timeout : float
        Seconds that a request may take in all.
    seed, take : int
        Order of the records; the same question with another `take` is measured again.
    """

    dense_url: str
    changed_url: str
    dense_model: str
    changed_model: str
    concurrency: list[int]
    requests: int | str
    pairs: int
    warmup: int
    prompt_tokens: int | str
    new_tokens: int | str
    endpoint: str
    timeout: float
    seed: int
    take: int

    def as_json(self) -> dict[str, Json]:
        """Return the parameters as plain values, as pages list them; without what is not told."""
        values = asdict(self)
        return {name: values[name] for name in SERVED_NAMES if values[name] != ""}

    def url(self, side: str) -> str:
        """Return where a side is served."""
        return self.dense_url if side == "dense" else self.changed_url

    def model(self, side: str) -> str:
        """Return the name that a side is asked for, empty for the only one."""
        return self.dense_model if side == "dense" else self.changed_model

    def requests_at(self, concurrency: int) -> int:
        """Return how many requests each side gets in each round."""
        return max(10, 2 * concurrency) if isinstance(self.requests, str) else self.requests


def names_servers(params: Mapping[str, Json]) -> bool:
    """Whether some parameters of `speed` are about running servers."""
    return any(name in params for name in URLS)


def refuse_outside(params: Mapping[str, Json]) -> None:
    """Refuse addresses and files where they would be opened for somebody else.

    Raises
    ------
    InvalidParameterError
    """
    for name in (*URLS, *FILES):
        if name in params:
            raise InvalidParameterError(
                name,
                wanted="no address and no file: a server that opens what requests name could be "
                "sent anywhere",
                got="an address" if name in URLS else "a file",
                next_step="Measure servers from your own machine: linearscope run speed "
                f"--model M --dataset D --set {name}=...",
            )


def parse_served(params: Mapping[str, Json], *, model: ModelRecord) -> ServedParams:
    """Return the complete parameters of a run against two servers.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError
    """
    only_known(params, SERVED_NAMES)
    told = parse_told(params, model=model)
    return ServedParams(
        dense_url=parse_url("dense_url", params.get("dense_url")),
        changed_url=parse_url("changed_url", params.get("changed_url")),
        dense_model=short_text("dense_model", params),
        changed_model=short_text("changed_model", params),
        concurrency=_levels(params.get("concurrency", 1)),
        requests=_automatic("requests", params, low=1, high=100_000),
        pairs=whole_number("pairs", params.get("pairs", FEWEST_PAIRS), low=FEWEST_PAIRS, high=200),
        warmup=whole_number("warmup", params.get("warmup", 1), low=1, high=50),
        prompt_tokens=_automatic("prompt_tokens", params, low=1, high=model.context),
        new_tokens=_automatic("new_tokens", params, low=2, high=model.context),
        endpoint=choice("endpoint", params.get("endpoint", "auto"), ENDPOINTS),
        timeout=real_number("timeout", params.get("timeout", 120), low=0.1, high=3600),
        seed=whole_number("seed", params.get("seed", 0), low=0, high=2**32 - 1),
        take=whole_number("take", params.get("take", 1), low=1, high=10_000),
        **asdict(told),
    )


def parse_told(params: Mapping[str, Json], *, model: ModelRecord) -> Told:
    """Return what is said about the servers or files."""
    plan = params.get("plan")
    return Told(
        plan=parse_plan_parameter(plan, model=model).text if plan else "",
        software=short_text("software", params),
        device_name=short_text("device_name", params),
        dtype=short_text("dtype", params),
        quantisation=short_text("quantisation", params),
    )


def parse_url(name: str, value: Json) -> str:
    """Return an address of a server, without what could be a secret.

    Raises
    ------
    InvalidParameterError
        The address itself is not repeated: it may hold a password.
    """
    wanted = "an address like http://127.0.0.1:8000, without user, password, query or fragment"
    text = value if isinstance(value, str) else ""
    try:
        parts = urlsplit(text.strip())
        parts.hostname.encode("idna")  # type: ignore[union-attr]  # no host: AttributeError
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except (ValueError, AttributeError):
        usable = False
    plain = text.isascii() and text.strip().isprintable() and len(text) <= LONGEST_URL
    if not (usable and plain) or set(text) & set("@?# "):
        got = "nothing" if value is None else "something else"
        raise InvalidParameterError(
            name, wanted=wanted, got=got,
            next_step="Name both servers; a key belongs into the environment, see "
            "docs/operations.md.",
        )  # fmt: skip
    return text.strip().rstrip("/")


def short_text(name: str, params: Mapping[str, Json]) -> str:
    """Return a short printable text, empty where nothing is said."""
    value = params.get(name, "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)  # the command line turns 7 into a number
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable():
        wanted = f"a text of at most {LONGEST_NAME} printable characters"
        raise InvalidParameterError(name, wanted=wanted, got=value)
    return value.strip()


def _automatic(name: str, given: Mapping[str, Json], *, low: int, high: int) -> int | str:
    value = given.get(name, "auto")
    return "auto" if value == "auto" else whole_number(name, value, low=low, high=max(high, low))


def _levels(value: Json) -> list[int]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    found = sorted(
        {whole_number("concurrency", item, low=1, high=MOST_SIDE_BY_SIDE) for item in values}
    )
    if not 1 <= len(found) <= MOST_LEVELS:
        wanted = f"1 to {MOST_LEVELS} whole numbers from 1 to {MOST_SIDE_BY_SIDE}"
        raise InvalidParameterError("concurrency", wanted=wanted, got=value)
    return found
