"""The page's files, read and compressed once when the server starts, never per request.

Addresses carry a hash of the content, so browsers may keep them for ever: one hash for the whole
`frontend` folder (its modules import each other by relative address) and one for plotly.js, which
comes from the installed plotly wheel.
"""

import functools
import html
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import frontend
from backend.negotiation import IDENTITY, Variant, compress, make_variant
from linearity.contracts.canonical import digest, sha256_hex

ENCODINGS = ("br", "zstd", "gzip")
"""In order of preference: the smallest first."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
PAGE = "index.html"
_HASH_LENGTH = 16
_WORTH_COMPRESSING = 512


@dataclass(frozen=True)
class Asset:
    """One file in every encoding that makes it smaller; ``variants`` always has identity."""

    media_type: str
    variants: Mapping[str, Variant]


@dataclass(frozen=True)
class Assets:
    """Everything a browser loads: files by address below ``/assets/``, and the page itself.

    `base` is where the frontend folder lies.
    """

    files: Mapping[str, Asset]
    page: Asset
    base: str

    def address(self, name: str) -> str:
        """Return where the browser finds a file of the frontend folder."""
        return f"{self.base}/{name}"


def load_assets(*, version: str, revision: str) -> Assets:
    """Read the frontend folder and plotly.js, compress them and fill in the page."""
    folder = Path(frontend.__file__).parent
    sources = read_folder(folder)
    page = sources.pop(PAGE)
    base = digest({name: sha256_hex(data) for name, data in sources.items()})[:_HASH_LENGTH]
    plotly_name, plotly = _plotly(plotly_path())
    files = {f"{base}/{name}": make_asset(name, data) for name, data in sources.items()}
    address = f"/assets/{base}"
    values = {
        "{{ASSETS}}": address,
        "{{PLOTLY}}": f"/assets/{plotly_name}",
        "{{VERSION}}": version,
        "{{REVISION}}": revision,
    }
    return Assets({**files, plotly_name: plotly}, make_asset(PAGE, _fill(page, values)), address)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files a browser may have, by name relative to `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


def make_asset(name: str, data: bytes) -> Asset:
    """Return a file with its compressed variants; those that do not shrink it are left out."""
    variants = {IDENTITY: make_variant(IDENTITY, data)}
    for encoding in ENCODINGS if len(data) >= _WORTH_COMPRESSING else ():
        body = compress(encoding, data)
        if len(body) < len(data):
            variants[encoding] = make_variant(encoding, body)
    return Asset(MEDIA_TYPES[Path(name).suffix], variants)


def plotly_path() -> Path:
    """Return where the installed plotly wheel keeps plotly.js, without importing plotly."""
    spec = importlib.util.find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@functools.cache  # five megabytes that never change while the process lives
def _plotly(path: Path) -> tuple[str, Asset]:
    data = path.read_bytes()
    return f"plotly-{sha256_hex(data)[:_HASH_LENGTH]}.js", make_asset(path.name, data)


def _fill(page: bytes, values: Mapping[str, str]) -> bytes:
    text = page.decode()
    for placeholder, value in values.items():
        text = text.replace(placeholder, html.escape(value))
    return text.encode()
