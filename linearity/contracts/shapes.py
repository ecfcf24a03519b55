"""Whether plain values have the shape of a dataclass: what comes from outside is judged before use.

A file that says it is a result may have been written by anybody. Every field must be known and of
its declared type; a field with a default may be absent, as in results of before the field.
"""

import collections.abc
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

from linearity.errors import InvalidResultError


def check_shape(shape: type, value: object, place: str = "") -> None:
    """Raise unless `value`, as JSON gives it, is what `asdict` makes of the dataclass `shape`.

    Raises
    ------
    InvalidResultError
        Names the first place that does not fit.
    """
    if not isinstance(value, Mapping):
        raise misfit(place or "the result", "an object", value)
    hints = _hints(shape)
    if unknown := next((name for name in value if name not in hints), None):
        raise misfit(_joined(place, str(unknown)[:80]), "no such field", value[unknown])
    for name, (hint, required) in hints.items():
        if name in value:
            _check(hint, value[name], _joined(place, name))
        elif required:
            raise misfit(_joined(place, name), "a value", None)


def misfit(place: str, wanted: str, got: object) -> InvalidResultError:
    """Return the error of a value that does not fit; a text is never repeated."""
    shown = "a text" if isinstance(got, str) else f"{type(got).__name__}"
    return InvalidResultError(
        f"{place}: wanted {wanted}, got {'nothing' if got is None else shown}",
        next_step="Take the file as LinearScope wrote it.",
        place=place,
    )


@functools.cache
def _hints(shape: type) -> Mapping[str, tuple[Any, bool]]:
    """Return of every field its type and whether it must be there."""
    hints = typing.get_type_hints(shape)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(shape)
    }


def _check(hint: Any, value: object, place: str) -> None:  # Any: a type as it is written
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        check_shape(hint, value, place)
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        _check_union(hint, value, place)
    elif typing.get_origin(hint) is list:
        _check_list(hint, value, place)
    elif typing.get_origin(hint) is dict:
        _check_dict(hint, value, place)
    else:
        _check_plain(hint, value, place)


def _check_union(hint: Any, value: object, place: str) -> None:
    options = [option for option in typing.get_args(hint) if option is not types.NoneType]
    if any(typing.get_origin(option) is collections.abc.Mapping for option in options):
        return  # `Json`: whatever JSON can say
    if value is None and len(options) < len(typing.get_args(hint)):
        return
    if len(options) == 1:
        _check(options[0], value, place)
    elif not any(_fits(option, value, place) for option in options):
        wanted = " or ".join(getattr(option, "__name__", str(option)) for option in options)
        raise misfit(place, wanted, value)


def _fits(hint: Any, value: object, place: str) -> bool:
    try:
        _check(hint, value, place)
    except InvalidResultError:
        return False
    return True


def _check_list(hint: Any, value: object, place: str) -> None:
    if not isinstance(value, list):
        raise misfit(place, "a list", value)
    for index, item in enumerate(value):
        _check(typing.get_args(hint)[0], item, f"{place}[{index}]")


def _check_dict(hint: Any, value: object, place: str) -> None:
    if not isinstance(value, Mapping):
        raise misfit(place, "an object", value)
    for key, item in value.items():
        _check(typing.get_args(hint)[1], item, _joined(place, str(key)[:80]))


def _check_plain(hint: Any, value: object, place: str) -> None:
    kinds = {
        float: ((int, float), "a number"),
        int: ((int,), "a whole number"),
        str: ((str,), "a text"),
        bool: ((bool,), "true or false"),
        types.NoneType: ((types.NoneType,), "nothing"),
    }
    allowed, wanted = kinds[hint]
    if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
        raise misfit(place, wanted, value)


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
