"""The first words with a server: who it is, which model it serves, and what it takes."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any

from linearity.adapters.serving.address import KEY_VARIABLES, Address
from linearity.adapters.serving.line import Answered, Line
from linearity.adapters.serving.server import PATHS, Manner
from linearity.contracts.exchanges import Ask, told
from linearity.errors import EndpointError

GREETING_SECONDS = 10.0
MOST_BYTES = 4 << 20
LONGEST_NAME = 200
MOST_NAMED = 5
PROBE_TOKENS = 4
_UNKNOWN_FIELD = ("status_400", "status_422")
_NO_PATH = ("status_404", "status_405", "status_501")


@dataclass(frozen=True)
class Greeted:
    """A server that answers.

    Parameters
    ----------
    manner : Manner
        How it is asked.
    software : str
        What it says it is, empty where it does not.
    models : tuple of str
        What it says it serves.
    """

    manner: Manner
    software: str
    models: tuple[str, ...]


def greet(address: Address, *, model: str, endpoint: str, probe: Ask, seconds: float) -> Greeted:
    """Find out how a server wants to be asked, with a few requests of a few tokens.

    Parameters
    ----------
    address : Address
    model : str
        The name to ask for; empty takes the only one that is served.
    endpoint : "completions" | "chat"
    probe : Ask
    seconds : float
        How long a request may take.

    Raises
    ------
    EndpointError
        Names the side, what is wrong, and the next step.
    """
    served, owner = _served(address, needed=not model)
    name = model or _only(served, address)
    short = replace(probe, output_tokens=min(PROBE_TOKENS, probe.output_tokens))
    manner = _manner(address, Manner(endpoint, name), short, seconds, served)
    return Greeted(manner, _software(address, owner), served)


def _served(address: Address, *, needed: bool) -> tuple[tuple[str, ...], str]:
    """Return the names of the models, and who the server says owns the first one.

    Where a model is named and there is no list of them, the probe decides.
    """
    answer = _get(address, "/v1/models")
    if answer.status in (401, 403):
        raise _wants_key(address, f"status_{answer.status}")
    value = answer.json()
    items = value.get("data") if isinstance(value, Mapping) else None
    if answer.status != 200 or not isinstance(items, list):
        if not needed:
            return (), ""
        raise EndpointError(
            f"the {address.side} address is not that of an OpenAI-compatible server: its "
            f"/v1/models answered HTTP {answer.status} without a list of models",
            side=address.side,
            failure="not_openai",
            next_step="Name the address under which /v1/models answers, like http://host:8000; a "
            f"server without a list needs {address.side}_model.",
        )
    models = [item for item in items if isinstance(item, Mapping)]
    names = tuple(_name(item.get("id")) for item in models)
    owner = _name(models[0].get("owned_by")) if models else ""
    return tuple(filter(None, names)), owner


def _only(served: tuple[str, ...], address: Address) -> str:
    if len(served) == 1:
        return served[0]
    what = f"{len(served)} models"
    raise EndpointError(
        f"the {address.side} server has {what}, so the one to measure has to be named",
        side=address.side,
        failure="other_model",
        next_step=f"Add --set {address.side}_model=NAME{_listed(served)}.",
    )


def _manner(
    address: Address, manner: Manner, probe: Ask, seconds: float, served: tuple[str, ...]
) -> Manner:
    """Return the fullest manner of asking that the server takes."""
    failure = ""
    for counts, ignores in ((True, True), (True, False), (False, False)):
        asked = replace(manner, counts_usage=counts, ignores_end=ignores)
        line = Line(address, seconds)
        try:
            exchange, answer = line.stream(PATHS[asked.endpoint], asked.body(probe), None)
        finally:
            line.close()
        failure = exchange.failure
        if failure in ("", "empty"):  # a probe may end at its first token
            return replace(asked, answers_as=answer.named or None)
        if failure not in _UNKNOWN_FIELD:
            break
    raise _refused(address, manner, failure, served)


def _refused(
    address: Address, manner: Manner, failure: str, served: tuple[str, ...]
) -> EndpointError:
    if failure in ("status_401", "status_403"):
        return _wants_key(address, failure)
    path = PATHS[manner.endpoint]
    step = "Look at the log of that server, then run this again."
    if failure in (*_NO_PATH, *_UNKNOWN_FIELD):
        other = "chat" if manner.endpoint == "completions" else "completions"
        step = (
            f"Check {address.side}_model{_listed(served)}, or ask in the other way with "
            f"endpoint={other}."
        )
    elif failure == "timeout":
        step = "See whether the server still runs, or allow it a longer timeout."
    elif failure == "not_openai":
        step = "Name a server that streams answers as OpenAI's do, for example vLLM."
    return EndpointError(
        f"the {address.side} server did not answer a short request at {path} for the model "
        f"{manner.model!r}: {told(failure)}",
        side=address.side,
        failure=failure,
        next_step=step,
    )


def _wants_key(address: Address, failure: str) -> EndpointError:
    variable = KEY_VARIABLES[address.side]
    what = "another key than the one it got" if address.key else "a key"
    return EndpointError(
        f"the {address.side} server wants {what}",
        side=address.side,
        failure=failure,
        next_step=f"Set the environment variable {variable}.",
    )


def _listed(served: tuple[str, ...]) -> str:
    more = f" and {len(served) - MOST_NAMED} more" if len(served) > MOST_NAMED else ""
    return f" (it serves {', '.join(served[:MOST_NAMED])}{more})" if served else ""


def _software(address: Address, owner: str) -> str:
    """Return what a server says it is: vLLM and SGLang own their models and tell a version."""
    try:
        answer = _get(address, "/version")
    except EndpointError:
        return owner
    value = answer.json() if answer.status == 200 else None
    version = _name(value.get("version")) if isinstance(value, Mapping) else ""
    return " ".join(filter(None, (owner, version)))


def _get(address: Address, path: str) -> Answered:
    line = Line(address, GREETING_SECONDS)
    try:
        return line.fetch("GET", path, None, MOST_BYTES)
    except (OSError, HTTPException) as error:
        raise EndpointError(
            f"the {address.side} server at {address.host}:{address.port} does not answer: "
            f"{_reason(error)}",
            side=address.side,
            failure="unreachable",
            next_step="Start it, or correct the address; then run this again.",
        ) from error


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "it does not speak TLS; does the address begin with http:// instead?"),
    (TimeoutError, f"no answer within {GREETING_SECONDS:.0f} s"),
    (ConnectionRefusedError, "nothing listens there"),
    (HTTPException, "what it sends is not HTTP"),
)


def _reason(error: Exception) -> str:
    known = next((text for kind, text in _REASONS if isinstance(error, kind)), None)
    return known or getattr(error, "strerror", None) or type(error).__name__


def _name(value: Any) -> str:  # Any: whatever a server sends
    usable = isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_NAME
    return value if usable else ""
