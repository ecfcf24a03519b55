"""What lies beside a model and no number depends on: kept as bytes, copied into what is exported.

Tokenizer, generation settings and chat template as they were given, terms and notices. Nothing of
it is parsed or rendered; of a model's card one line is read, the licence that it names.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linearity.adapters.given_files import LARGEST, GivenFile, open_given
from linearity.contracts.model_files import CARD, CONFIG, INDEX, is_side_file

LARGEST_BESIDE = 64 << 20
CARD_BYTES = 64 << 10
NOT_COPIED = (CONFIG, INDEX)
"""Small files of a model that are made anew for an export."""

_LICENCE = re.compile(r"^licen[cs]e\s*:\s*[\"']?([A-Za-z0-9][A-Za-z0-9 .+_-]{0,59})", re.M | re.I)


@dataclass(frozen=True)
class BesideFile:
    """A file beside a model as it was read: its digest, size and time."""

    sha256: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Beside:
    """What was found beside a model.

    Parameters
    ----------
    files : mapping of str to BesideFile
        By name; none of them is read for a measurement.
    licence : str or None
        What the model's card names.
    warnings : list of str
    """

    files: Mapping[str, BesideFile]
    licence: str | None
    warnings: list[str]


def look_beside(files: Sequence[GivenFile]) -> Beside:
    """Digest the side files among `files`, and read the licence that the card names."""
    found: dict[str, BesideFile] = {}
    warnings = []
    for file in files:
        if not is_side_file(file.name):
            continue
        with open_given(file.path) as (stream, status):
            if status.st_size > LARGEST_BESIDE:
                limit = f"{LARGEST_BESIDE >> 20} MiB"
                warnings.append(f"{file.name} has more than {limit} and is not kept for exports")
                continue
            sha256 = hashlib.sha256(stream.read(LARGEST_BESIDE)).hexdigest()
            found[file.name] = BesideFile(sha256, status.st_size, status.st_mtime_ns)
    cards = [file for file in files if file.name == CARD]
    return Beside(found, _licence(cards[0].path) if cards else None, warnings)


def is_copied(name: str) -> bool:
    """Whether a small file of a model goes into an export as it is."""
    return is_side_file(name) or (name in LARGEST and name not in NOT_COPIED)


def _licence(path: Path) -> str | None:
    """Return the licence in the front matter of a card: plain words, or None."""
    with open_given(path) as (stream, _):
        text = stream.read(CARD_BYTES).decode(errors="replace")
    if not text.startswith("---"):
        return None
    found = _LICENCE.search(text[3:].partition("\n---")[0])
    return found[1].strip() if found else None
