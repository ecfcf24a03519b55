"""Checks that turn untrusted values into parameters, one sentence per failure."""

import math
from collections.abc import Mapping

from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError, UnknownParameterError


def only_known(params: Mapping[str, Json], known: list[str]) -> None:
    """Raise `UnknownParameterError` for the first name that is not in `known`."""
    for name in params:
        if name not in known:
            raise UnknownParameterError(name, known=known)


def whole_number(name: str, value: Json, *, low: int, high: int) -> int:
    """Return `value` as an int in [low, high]; 16384.0 counts as whole, true does not."""
    wanted = f"a whole number from {low:,} to {high:,}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidParameterError(name, wanted=wanted, got=value)
    return value


def real_number(name: str, value: Json, *, low: float, high: float) -> float:
    """Return `value` as a finite float in [low, high]."""
    wanted = f"a number from {low:g} to {high:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidParameterError(name, wanted=wanted, got=value)
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high:
        raise InvalidParameterError(name, wanted=wanted, got=value)
    return number


def choice(name: str, value: Json, options: tuple[str, ...]) -> str:
    """Return `value` if it is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise InvalidParameterError(name, wanted=f"one of {', '.join(options)}", got=value)
    return value


def automatic_choice(
    given: Mapping[str, Json], name: str, default: str, options: tuple[str, ...]
) -> str:
    """Return one of `options`; ``auto``, or nothing, means `default`."""
    value = given.get(name, "auto")
    return default if value == "auto" else choice(name, value, options)


def ridge(value: Json, *, low: str) -> float | str:
    """Return ``auto``, or the shrinkage of maps in [low, 1000]; `low` is spelled for people."""
    if value == "auto":
        return "auto"
    if isinstance(value, str):
        wanted = f"auto or a number from {low} to 1000"
        raise InvalidParameterError("ridge", wanted=wanted, got=value)
    return real_number("ridge", value, low=float(low), high=1000.0)
