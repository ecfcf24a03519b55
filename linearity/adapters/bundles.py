"""A run as one file to give away: its question, its result, where it was computed, how to cite it.

No weights, and texts of the dataset only when whoever exports says so. The archive has one
spelling: the same run gives the same bytes on every machine, because members stand in a fixed order
with a fixed time and are not compressed. What is read must be spelled exactly so, which leaves no
room for second names, hidden bytes or expansion. Nothing of it is unpacked to the disk or executed.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linearity.adapters.results import result_bytes
from linearity.contracts.canonical import canonical_json, sha256_hex, strict_loads
from linearity.contracts.citation import citation_file
from linearity.contracts.kinds import current_version
from linearity.contracts.redaction import (
    KINDS_WITH_TEXTS,
    asks_texts,
    lacks_texts,
    without_texts,
)
from linearity.contracts.results import check_sizes, read_result, request_of
from linearity.contracts.shapes import check_shape
from linearity.errors import (
    InvalidBundleError,
    InvalidParameterError,
    InvalidResultError,
    MalformedJSONError,
    OtherVersionError,
)

FORMAT, VERSION = "linearscope-run", 1
MOST_BYTES = 32 << 20
MANIFEST = "manifest.json"
CONTENTS = ("README.md", "request.json", "result.json", "environment.json", "CITATION.cff")
MEMBERS = (MANIFEST, *CONTENTS)

_TIME = (1980, 1, 1, 0, 0, 0)
_NOT_AN_ARCHIVE = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, struct.error),
    *(OSError, EOFError, LookupError, ValueError, OverflowError),
)


@dataclass(frozen=True)
class BundledFile:
    """What the manifest says about a member."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What stands first in a bundle.

    Parameters
    ----------
    format, version : str, int
    software : str
        Version of LinearScope that wrote it.
    run, kind : str
    texts : "none" | "left_out" | "included"
        ``none`` where results of the kind hold no texts of a dataset.
    files : dict of name to BundledFile
    """

    format: str
    version: int
    software: str
    run: str
    kind: str
    texts: str
    files: dict[str, BundledFile]


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and judged: its result as bytes and as values."""

    data: bytes
    result: dict[str, Any]
    software: str
    texts: str


def write_bundle(result: Mapping[str, Any], data: bytes, *, texts: bool, software: str) -> bytes:
    """Return the bundle of a finished run.

    Parameters
    ----------
    result : mapping
    data : bytes
        The same as it is stored; taken over to the byte unless texts are left out.
    texts : bool
        Whether texts of the dataset come along, where results of its kind have them.
    software : str
        Version of LinearScope.

    Raises
    ------
    InvalidParameterError
        If the question itself holds texts, which cannot be left out.
    """
    state = "none" if result["kind"] not in KINDS_WITH_TEXTS else "included"
    if state == "included" and not texts:
        if asks_texts(result["params"]):
            raise InvalidParameterError(
                "texts",
                wanted="true: the texts of your own belong to the question of this run, and its "
                "id is the digest of that",
                got=texts,
            )
        state, result = "left_out", without_texts(result)
        data = result_bytes(result)
    request = request_of(result)
    contents = {
        "README.md": _readme(result, state).encode(),
        "request.json": canonical_json(request.as_json()),
        "result.json": data,
        "environment.json": canonical_json(result["environment"]),
        "CITATION.cff": citation_file(result, version=software).encode(),
    }
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "software": software,
        "run": result["id"],
        "kind": result["kind"],
        "texts": state,
        "files": {
            name: {"sha256": sha256_hex(content), "size": len(content)}
            for name, content in contents.items()
        },
    }
    return _archive({MANIFEST: canonical_json(manifest), **contents})


def read_bundle(data: bytes) -> Bundle:
    """Return the run in a bundle that may come from anywhere.

    Raises
    ------
    InvalidBundleError
        If it is none, was damaged or changed, or contradicts itself.
    OtherVersionError
        If it was written by a version whose results this one does not know.
    """
    if len(data) > MOST_BYTES:
        raise InvalidBundleError(
            f"the bundle has {len(data):,} bytes, the limit is {MOST_BYTES:,}",
            reason="over_limit",
            limit=MOST_BYTES,
            actual=len(data),
        )
    members = _members(data)
    manifest = _manifest(members)
    for name in CONTENTS:
        _check_member(name, members[name], manifest.files[name])
    try:
        result = read_result(members["result.json"])
        check_sizes(result)
    except InvalidResultError as error:
        raise _refused(f"result.json: {error.message}", "bad_result") from error
    _check_run(result, members, manifest)
    return Bundle(members["result.json"], result, manifest.software, manifest.texts)


def read_any(data: bytes) -> dict[str, Any]:
    """Return the result that a file holds: a bundle, or a result by itself.

    Raises
    ------
    InvalidBundleError, InvalidResultError, OtherVersionError
    """
    return read_bundle(data).result if data.startswith(b"PK") else read_result(data)


def as_bundle(data: bytes) -> bytes:
    """Return a bundle as it is, and what `linearscope run --out` wrote as a bundle.

    Raises
    ------
    InvalidResultError, OtherVersionError
        If it is a result by itself, and none that can be read.
    """
    if data.startswith(b"PK"):
        return data
    result = read_result(data)
    check_sizes(result)
    software = str(result["environment"].get("linearscope", ""))[:40]
    try:
        return write_bundle(result, result_bytes(result), texts=True, software=software)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidResultError(
            "the parts of this result do not fit together",
            next_step="Take the file as `linearscope run --out` wrote it.",
        ) from error


def _archive(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in MEMBERS:
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3  # the same attributes wherever it is written
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name])
    return stream.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if [info.filename for info in infos] != list(MEMBERS):
                raise _refused("it does not hold exactly the files of a bundle", "bad_members")
            # Uncompressed members cannot be larger than the archive: nothing expands.
            stored = all(info.compress_type == zipfile.ZIP_STORED for info in infos)
            if not stored or sum(info.file_size for info in infos) > len(data):
                raise _refused("its files are not stored as they are", "bad_members")
            members = {info.filename: archive.read(info) for info in infos}
    except _NOT_AN_ARCHIVE as error:
        raise _refused("this is no archive that can be read", "not_an_archive") from error
    if _archive(members) != data:
        raise _refused("it holds something beside its files", "bad_members")
    return members


def _manifest(members: Mapping[str, bytes]) -> Manifest:
    try:
        value = strict_loads(members[MANIFEST])
        version = value.get("version") if isinstance(value, dict) else None
        if type(version) is int and version > VERSION:
            raise OtherVersionError(
                f"the bundle has format {version}, and this version reads format {VERSION}",
                next_step="Read it with the version that wrote it.",
                version=version,
            )
        check_shape(Manifest, value, MANIFEST)
    except (MalformedJSONError, InvalidResultError) as error:
        raise _refused(f"{MANIFEST}: {error.message}", "bad_manifest") from error
    assert isinstance(value, dict)
    files = {name: BundledFile(**item) for name, item in value["files"].items()}
    manifest = Manifest(**{**value, "files": files})
    fits = (manifest.format, manifest.version, tuple(sorted(files))) == (
        FORMAT,
        VERSION,
        tuple(sorted(CONTENTS)),
    )
    if not fits or len(manifest.software) > 40 or not manifest.software.isprintable():
        raise _refused(f"{MANIFEST}: it does not describe a bundle of this format", "bad_manifest")
    return manifest


def _check_member(name: str, content: bytes, said: BundledFile) -> None:
    if (len(content), sha256_hex(content)) != (said.size, said.sha256):
        raise _refused(f"{name} is not the file that the manifest names", "digest_mismatch")


def _check_run(result: Mapping[str, Any], members: Mapping[str, bytes], manifest: Manifest) -> None:
    request = request_of(result)
    _, method = current_version(result["kind"])
    if result["method"] > method:
        raise OtherVersionError(
            f"the result was computed by method {result['method']} of {result['kind']}, this "
            f"version knows methods up to {method}",
            next_step="Read it with the version that wrote it, or a later one.",
            method=result["method"],
            current=method,
        )
    if request.run_id != result["id"] or members["request.json"] != canonical_json(
        request.as_json()
    ):
        raise _refused("the run id is not the digest of the question", "other_question")
    said = {
        "environment.json": canonical_json(result["environment"]) == members["environment.json"],
        "run": manifest.run == result["id"],
        "kind": manifest.kind == result["kind"],
        "texts": manifest.texts == _texts_state(result),
    }
    if wrong := next((name for name, fits in said.items() if not fits), None):
        raise _refused(f"{wrong} does not belong to the result", "contradiction")


def _texts_state(result: Mapping[str, Any]) -> str:
    if result["kind"] not in KINDS_WITH_TEXTS:
        return "none"
    return "left_out" if lacks_texts(result) else "included"


def _refused(message: str, reason: str) -> InvalidBundleError:
    return InvalidBundleError(
        message, next_step="Export the run again, and leave the file as it is.", reason=reason
    )


def _readme(result: Mapping[str, Any], texts: str) -> str:
    told = {
        "none": "Results of this kind hold no texts of a dataset.",
        "left_out": "Texts of the dataset (titles, prompts, answers, tokens) were left out.",
        "included": "It holds texts of the dataset: titles, prompts, answers or single tokens.",
    }[texts]
    return f"""# Run {result["id"]}

A run of LinearScope, kind `{result["kind"]}`, computed {str(result["created"])[:10]}.
No weights are in it. {told}

| file | what it is |
|---|---|
| manifest.json | sha256 and size of every other file |
| request.json | the question; the run id is the beginning of the sha256 of this file |
| result.json | the answer, as it was stored |
| environment.json | versions and device that computed it |
| CITATION.cff | how to cite it |

Open it with `linearscope runs import FILE.zip` or on the page /jobs; in Python with
`linearity.load("FILE.zip")`. Compute it again and compare: `linearscope verify FILE.zip`.
The digests show damage, not who computed it: whoever can write a bundle can write its digests.
Only computing it again shows that the numbers are right.
"""
