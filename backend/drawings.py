"""Figures of finished results as bytes, drawn once and kept while they are looked at."""

from collections.abc import Mapping

import orjson

from backend.figures.figure import figure
from backend.figures.load import load_figure
from backend.lru import Lru
from backend.negotiation import IDENTITY, Variant, compress, make_variant
from backend.results import Results

ENCODINGS = ("gzip",)
MEMORY_BYTES = 16 << 20

_Key = tuple[str, str, tuple[tuple[str, str], ...], str]


class Drawings:
    """Figures by result, name, options and encoding."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._drawn: Lru[_Key, Variant] = Lru(MEMORY_BYTES)

    def finished(
        self, sha256: str, name: str, options: Mapping[str, str], encoding: str
    ) -> Variant:
        """Return the figure of a stored result."""
        key = (sha256, name, tuple(sorted(options.items())), encoding)
        variant = self._drawn.get(key)
        if variant is None:
            data = draw(name, self._results.parsed(sha256), options)
            variant = make_variant(encoding, compress(encoding, data))
            self._drawn.put(key, variant, weight=len(variant.body))
        return variant

    def forget(self, sha256: str) -> None:
        """Let go of every figure of a result."""
        self._drawn.drop_where(lambda key: key[0] == sha256)

    def partial(self, data: bytes, name: str, options: Mapping[str, str]) -> Variant:
        """Return the figure of an intermediate result."""
        return make_variant(IDENTITY, draw(name, orjson.loads(data), options))


def draw(name: str, result: Mapping[str, object], options: Mapping[str, str]) -> bytes:
    """Return the figure as JSON bytes; what is not finite becomes null."""
    return orjson.dumps(figure(name, result, options), option=orjson.OPT_SERIALIZE_NUMPY)


def draw_load(name: str, summary: Mapping[str, object], options: Mapping[str, str]) -> bytes:
    """Return a figure of a request log as JSON bytes."""
    return orjson.dumps(load_figure(name, summary, options))
