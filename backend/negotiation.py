"""Which bytes a client takes (Accept-Encoding) and already has (If-None-Match)."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import brotli  # type: ignore[import-untyped]  # ships no types
import zstandard
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from linearity.contracts.canonical import sha256_hex

IDENTITY = "identity"
GZIP_LEVEL = 9
ZSTD_LEVEL = 10
BROTLI_QUALITY = 5


@dataclass(frozen=True)
class Variant:
    """One spelling of a body: the bytes that travel and the tag that names exactly them."""

    encoding: str
    body: bytes
    etag: str


def make_variant(encoding: str, body: bytes) -> Variant:
    """Return `body`, already encoded, with its tag."""
    return Variant(encoding, body, f'"{sha256_hex(body)[:32]}"')


def compress(encoding: str, data: bytes) -> bytes:
    """Return `data` in `encoding`; the same bytes each time."""
    if encoding == "gzip":
        return gzip.compress(data, GZIP_LEVEL, mtime=0)
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compress(data)
    if encoding == "br":
        packed: bytes = brotli.compress(data, quality=BROTLI_QUALITY)
        return packed
    return data


def choose_encoding(headers: Headers, offered: Sequence[str]) -> str:
    """Return the first of `offered` that the client accepts, else identity; q=0 refuses."""
    weights: dict[str, bool] = {}
    for item in ",".join(headers.getlist("accept-encoding")).split(","):
        name, _, parameters = item.strip().lower().partition(";")
        weights[name.strip()] = _is_wanted(parameters)
    for encoding in offered:
        if weights.get(encoding, weights.get("*", False)):
            return encoding
    return IDENTITY


def has_already(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match names `etag`; weak tags compare like strong ones, as for GET."""
    tags = [
        tag.strip().removeprefix("W/")
        for line in headers.getlist("if-none-match")
        for tag in line.split(",")
    ]
    return etag in tags or "*" in tags


def send_variant(
    request: Request, variant: Variant, headers: dict[str, str], *, status: int = 200
) -> Response:
    """Answer with the variant, or with 304 if the client has it."""
    headers = headers | {"ETag": variant.etag, "Vary": "Accept-Encoding"}
    if status == HTTPStatus.OK and has_already(request.headers, variant.etag):
        headers.pop("Content-Type", None)
        return Response(status_code=304, headers=headers)
    if variant.encoding != IDENTITY:
        headers["Content-Encoding"] = variant.encoding
    return Response(variant.body, status, headers=headers)


def _is_wanted(parameters: str) -> bool:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return True
    try:
        return float(value) > 0
    except ValueError:
        return False
