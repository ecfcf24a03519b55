"""A result as bytes, and its way into the artifact store."""

import json
from collections.abc import Mapping

import orjson

from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json


def result_bytes(result: Mapping[str, Json]) -> bytes:
    """Return the one spelling of a result: JSON in the order of its schema, UTF-8.

    Raises
    ------
    ValueError
        If a number is NaN or infinite; orjson alone would write null without a word.
    """
    json.dumps(result, allow_nan=False)
    return orjson.dumps(result)


def store_result(result: Mapping[str, Json], store: ArtifactStore) -> tuple[str, bytes]:
    """Store a result; return its sha256 and its bytes."""
    data = result_bytes(result)
    return store.put(data), data
