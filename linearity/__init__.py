"""How linear each block of a transformer is, measured.

In a Python session: ``from linearity import score, measure, load``. Before transformers loads an
export with linear blocks: ``linearity.register_architectures()``. Everything else is imported from
its module. Nothing is loaded before it is used; torch takes seconds.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linearity.face import load, score
    from linearity.models.architectures import register_architectures

__all__ = ["load", "measure", "register_architectures", "score"]


def __getattr__(name: str) -> Any:
    if name in ("score", "load"):
        return getattr(importlib.import_module("linearity.face"), name)
    if name == "register_architectures":
        return importlib.import_module("linearity.models.architectures").register_architectures
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Measure(ModuleType):
    """The package of the mathematics, which can also be called: ``measure(model, ...)``."""

    def __call__(self, *arguments: Any, **params: Any) -> Any:
        """Measure a model in memory; see `linearity.face.measure`."""
        return importlib.import_module("linearity.face").measure(*arguments, **params)


# The verb of the library and the package of its mathematics have one name (decision 0029).
importlib.import_module("linearity.measure").__class__ = _Measure
