"""Text to measure on that comes with Python: the built-in corpora."""

import platform
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

from linearity.errors import UnknownInputError

_NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def builtin_documents(name: str) -> list[str]:
    """Return the documents of a built-in corpus.

    Raises
    ------
    UnknownInputError
        If there is no such corpus.
    """
    if name == "python-docs":
        from pydoc_data.topics import topics

        return [topics[topic] for topic in sorted(topics)]
    if name == "python-source":
        return list(_standard_library())
    raise UnknownInputError(f"no built-in dataset is called {name!r}")


def builtin_corpus_version() -> str:
    """Return what the built-in corpora depend on: they differ between Python versions."""
    return f"Python {platform.python_version()}"


def _standard_library() -> Iterator[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if _NOT_LIBRARY.isdisjoint(path.relative_to(root).parts):
            try:
                with tokenize.open(path) as stream:
                    yield stream.read()
            except (SyntaxError, UnicodeDecodeError):
                continue  # a few files hold broken encodings on purpose
