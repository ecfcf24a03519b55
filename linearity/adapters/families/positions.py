"""How positions are rotated, read in every spelling and written in the newest one."""

from collections.abc import Mapping
from dataclasses import dataclass

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Sizes
from linearity.adapters.families.reading import LONGEST_CONTEXT
from linearity.contracts.canonical import Json

DEFAULT_THETA = 10_000.0
ORIGINAL = "original_max_position_embeddings"

# What each way to stretch positions needs and may have, with bounds.
_FACTORS = {
    "factor": (1.0, 10_000.0),
    "low_freq_factor": (1e-3, 1e4),
    "high_freq_factor": (1e-3, 1e4),
    "attention_factor": (0.0, 1e4),
    "beta_fast": (1e-3, 1e4),
    "beta_slow": (1e-3, 1e4),
    "mscale": (0.0, 1e4),
    "mscale_all_dim": (0.0, 1e4),
}
_STRETCHINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "default": ((), ()),
    "linear": (("factor",), ()),
    "dynamic": (("factor",), ()),
    "llama3": (("factor", "low_freq_factor", "high_freq_factor"), ()),
    "yarn": (
        ("factor",),
        ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"),
    ),
    "longrope": ((), ("factor", "attention_factor")),
}
USUAL = ("default", "linear", "dynamic", "llama3", "yarn")


@dataclass(frozen=True)
class Rotation:
    """What a family allows.

    Parameters
    ----------
    kinds : tuple of str
        Ways to stretch positions.
    theta : float
        Base, where config.json does not say.
    theta_name, share_name : str
        Fields of the base, and of the share of a head that is rotated, beside the object.
    share : float or None
        That share, where config.json does not say; None where whole heads are rotated always.
    """

    kinds: tuple[str, ...] = USUAL
    theta: float = DEFAULT_THETA
    theta_name: str = "rope_theta"
    share_name: str = "partial_rotary_factor"
    share: float | None = None


def read_positions(fields: Fields, sizes: Sizes, allowed: Rotation = Rotation()) -> dict[str, Json]:
    """Return the object ``rope_parameters``."""
    theta = fields.number(allowed.theta_name, 1.0, 1e12, default=allowed.theta)
    name = "rope_scaling" if fields.values.get("rope_scaling") else "rope_parameters"
    given = fields.values.get(name)
    if given and not isinstance(given, dict):
        fields.refuse(name, "an object or null")
        given = None
    inner = fields.within(name, given if isinstance(given, dict) else {})
    read = stretching(inner, allowed.kinds, theta)
    if read["rope_type"] == "longrope":
        read |= _long_factors(fields, inner, sizes, allowed)
    return read | _share(fields, inner, sizes, allowed)


def stretching(inner: Fields, kinds: tuple[str, ...], theta: float) -> dict[str, Json]:
    """Return one object that says how positions are stretched."""
    given = inner.values
    key = "rope_type" if "rope_type" in given else "type"
    kind = inner.choice(key, kinds, default="default")
    read: dict[str, Json] = {
        "rope_type": kind,
        "rope_theta": inner.number("rope_theta", 1.0, 1e12, default=theta),
    }
    needed, allowed = _STRETCHINGS[kind]
    present = [factor for factor in allowed if given.get(factor) is not None]
    read |= {factor: inner.number(factor, *_FACTORS[factor]) for factor in (*needed, *present)}
    if kind == "llama3" or given.get(ORIGINAL) is not None:
        read[ORIGINAL] = inner.whole(ORIGINAL, 1, LONGEST_CONTEXT)
    if isinstance(given.get("truncate"), bool):
        read["truncate"] = given["truncate"]
    return read


def _share(fields: Fields, inner: Fields, sizes: Sizes, allowed: Rotation) -> dict[str, Json]:
    """Return how much of a head is rotated, where the family lets config.json say so."""
    where, name = fields, allowed.share_name
    if inner.values.get("partial_rotary_factor") is not None:
        where, name = inner, "partial_rotary_factor"
    if allowed.share is None:
        if where.values.get(name) not in (None, 1, 1.0):
            where.refuse(name, "1, or nothing: this family rotates whole heads")
        return {}
    share = where.number(name, 0.0, 1.0, default=allowed.share)
    rotated = int(sizes.head_width * share)
    if rotated < 2 or rotated % 2:
        where.refuse(name, f"an even part of the head width ({sizes.head_width})")
    return {"partial_rotary_factor": share}


def _long_factors(
    fields: Fields, inner: Fields, sizes: Sizes, allowed: Rotation
) -> Mapping[str, Json]:
    """Return the factors of ``longrope``, and the context that the short ones are for."""
    share = float(str(_share(fields, inner, sizes, allowed).get("partial_rotary_factor", 1.0)))
    count = int(sizes.head_width * share) // 2
    original = fields.whole(ORIGINAL, 1, LONGEST_CONTEXT, default=4096)
    read: dict[str, Json] = {ORIGINAL: inner.whole(ORIGINAL, 1, LONGEST_CONTEXT, default=original)}
    for name in ("short_factor", "long_factor"):
        values = inner.values.get(name)
        if (
            not isinstance(values, list)
            or len(values) != count
            or not all(type(v) in (int, float) and 0 < float(str(v)) <= 1e6 for v in values)
        ):
            inner.refuse(name, f"{count} numbers above 0", limit=count)
            continue
        read[name] = list(values)
    return read
