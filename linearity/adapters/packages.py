"""Packages that not every machine needs: imported when used, and named when they are missing."""

import importlib
import importlib.metadata
from typing import Any

from linearity.errors import MissingPackageError

_DISTRIBUTIONS = {
    "stdnum": "python-stdnum",
    "detect_secrets": "detect-secrets",
    "lm_eval": "lm-eval",
}
"""Where the name to install differs from the name to import."""


def need_package(module: str) -> Any:
    """Return the module `module`.

    Raises
    ------
    MissingPackageError
        If its package is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise MissingPackageError(_DISTRIBUTIONS.get(package, package)) from error


def software_version() -> str:
    """Return the version of LinearScope; a checkout that is not installed has none."""
    try:
        return importlib.metadata.version("linearscope")
    except importlib.metadata.PackageNotFoundError:
        return "development"
