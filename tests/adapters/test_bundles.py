"""A bundle is spelled in one way, and nothing else is read as one."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from linearity.adapters.bundles import MEMBERS, MOST_BYTES, read_bundle, write_bundle
from linearity.adapters.results import result_bytes
from linearity.contracts.canonical import canonical_json, sha256_hex
from linearity.contracts.results import request_of
from linearity.errors import InvalidBundleError, InvalidParameterError, OtherVersionError
from tests.builders import a_result
from tests.figures.ablation_results import a_plan, an_ablation, some_answers
from tests.figures.heal_results import a_healing
from tests.figures.passages import a_passage
from tests.figures.speeds import a_speed

SECRET = "secret"


def named(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result whose id is the digest of its question."""
    plain: dict[str, Any] = json.loads(result_bytes(result))
    return plain | {"id": request_of(plain).run_id}


RESULTS = {
    "linearity": named(a_result().as_json()),
    "ablation": named(an_ablation().as_json()),
    "plan": named(a_plan().as_json()),
    "answers": named(some_answers().as_json()),
    "heal": named(a_healing().as_json()),
    "passage": named(a_passage().as_json()),
    "speed": named(a_speed().as_json()),
}


def bundle_of(result: dict[str, Any], *, texts: bool = True) -> bytes:
    return write_bundle(result, result_bytes(result), texts=texts, software="0.1.0")


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("kind", RESULTS)
def test_a_run_comes_out_of_its_bundle_to_the_byte(kind: str) -> None:
    result = RESULTS[kind]
    data = bundle_of(result)

    bundle = read_bundle(data)

    assert bundle.data == result_bytes(result)
    assert bundle.result == result
    assert data == bundle_of(result)  # the same bytes twice
    assert list(members_of(data)) == list(MEMBERS)


@pytest.mark.parametrize("kind", ["plan", "answers"])
def test_texts_stay_out_unless_asked_for(kind: str) -> None:
    result = RESULTS[kind] | {"params": {**RESULTS[kind]["params"], "canaries": []}}
    result = named(result)
    if kind == "plan":
        result["documents"][0]["title"] = SECRET
        result["guard"]["worst_tokens"][0]["token"] = SECRET
    else:
        result["answers"][0]["prompt"] = result["answers"][0]["dense"] = SECRET

    without, with_them = bundle_of(result, texts=False), bundle_of(result)

    assert SECRET.encode() not in without
    assert SECRET.encode() in with_them
    assert (read_bundle(without).texts, read_bundle(with_them).texts) == ("left_out", "included")


def test_prompts_of_ones_own_cannot_be_left_out_of_their_question() -> None:
    params = RESULTS["answers"]["params"] | {"canaries": [{"prompt": "x", "must_say": ["y"]}]}

    with pytest.raises(InvalidParameterError, match="belong to the question"):
        bundle_of(named(RESULTS["answers"] | {"params": params}), texts=False)


def test_a_passage_cannot_be_left_out_of_its_question() -> None:
    with pytest.raises(InvalidParameterError, match="belong to the question"):
        bundle_of(RESULTS["passage"], texts=False)

    assert read_bundle(bundle_of(RESULTS["passage"])).texts == "included"


def test_no_path_and_no_weight_is_in_a_bundle_and_its_request_has_the_id() -> None:
    members = members_of(bundle_of(RESULTS["linearity"]))

    assert sha256_hex(members["request.json"])[:32] == RESULTS["linearity"]["id"]
    assert "sha256:" in members["CITATION.cff"].decode()
    assert "2405.12250" in members["CITATION.cff"].decode()


def again(members: dict[str, bytes], *, kind: int = zipfile.ZIP_STORED, **names: str) -> bytes:
    """Return an archive of the members as the exporter writes it, digests mended or not."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(names.get(name.partition(".")[0], name), (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr, info.compress_type = 3, 0o100644 << 16, kind
            archive.writestr(info, content)
    return stream.getvalue()


def with_result(change: Callable[[dict[str, Any]], Any], *, mend: bool = True) -> bytes:
    """Return a bundle whose result was changed, with the manifest's digests mended."""
    members = members_of(bundle_of(RESULTS["linearity"]))
    result = json.loads(members["result.json"])
    change(result)
    members["result.json"] = result_bytes(result)
    return again(mended(members) if mend else members)


def mended(members: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    manifest = json.loads(members["manifest.json"]) | changes
    for name, said in manifest["files"].items():
        said |= {"sha256": sha256_hex(members[name]), "size": len(members[name])}
    return members | {"manifest.json": canonical_json(manifest)}


def plain() -> dict[str, bytes]:
    return members_of(bundle_of(RESULTS["linearity"]))


GOOD = bundle_of(RESULTS["linearity"])
BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no archive": lambda: b"not a zip at all",
    "a pickle": lambda: b"\x80\x04\x95\x00.",
    "the result alone": lambda: plain()["result.json"],
    "cut off": lambda: GOOD[: len(GOOD) // 2],
    "bytes before it": lambda: b"#!/bin/sh\n" + GOOD,
    "bytes behind it": lambda: GOOD + b"\x00",
    "a comment": lambda: commented(),
    "one bit": lambda: GOOD[:2000] + bytes([GOOD[2000] ^ 1]) + GOOD[2001:],
    "compressed": lambda: again(plain(), kind=zipfile.ZIP_DEFLATED),
    "a bomb": lambda: again(
        plain() | {"result.json": b" " * (64 << 20)}, kind=zipfile.ZIP_DEFLATED
    ),
    "a path out": lambda: again(plain(), request="../../request.json"),
    "an absolute path": lambda: again(plain(), request="/etc/request.json"),
    "a file too many": lambda: again(plain() | {"weights.pkl": b"\x80\x04."}),
    "a file too few": lambda: again({k: v for k, v in plain().items() if k != "README.md"}),
    "a name twice": lambda: again(plain(), request="Result.json").replace(
        b"Result.json", b"result.json"
    ),
    "other order": lambda: again(dict(reversed(plain().items()))),
    "result altered": lambda: with_result(
        lambda r: r["profile"]["r2_fit"].__setitem__(0, 0.5), mend=False
    ),
    "question altered": lambda: with_result(lambda r: r["params"].update(seed=5)),
    "id altered": lambda: with_result(lambda r: r.update(id="0" * 32)),
    "environment altered": lambda: with_result(lambda r: r["environment"].update(device="gpu")),
    "a field too many": lambda: with_result(lambda r: r.update(code="x")),
    "a missing row": lambda: with_result(lambda r: r["pairs"]["cosine"].pop()),
    "a short profile": lambda: with_result(lambda r: r["profile"]["r2_fit"].pop()),
    "a huge model": lambda: with_result(lambda r: r["model"].update(blocks=10**9)),
    "a long name": lambda: with_result(lambda r: r["model"].update(name="x" * 1000)),
    "unknown kind": lambda: with_result(lambda r: r.update(kind="train")),
    "another format": lambda: again(mended(plain(), format="zip")),
    "another run in the manifest": lambda: again(mended(plain(), run="1" * 32)),
    "texts said to be there": lambda: again(mended(plain(), texts="included")),
    "manifest no JSON": lambda: again(plain() | {"manifest.json": b"{NaN}"}),
    "manifest with more": lambda: again(mended(plain(), more=1)),
    "odd software": lambda: again(mended(plain(), software="0.1\x1b[31m")),
}


def commented() -> bytes:
    stream = io.BytesIO(GOOD)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.comment = b"hello"
    return stream.getvalue()


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_bundle_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(InvalidBundleError) as refused:
        read_bundle(BAD[name]())

    assert refused.value.data["reason"]
    assert refused.value.next_step


@pytest.mark.parametrize(
    "data",
    [
        lambda: with_result(lambda r: r.update(schema=99)),
        lambda: with_result(lambda r: r.update(method=99)),
        lambda: again(mended(plain(), version=2)),
    ],
    ids=["schema", "method", "format"],
)
def test_a_bundle_of_a_later_version_is_told_as_such(data: Callable[[], bytes]) -> None:
    with pytest.raises(OtherVersionError):
        read_bundle(data())


def test_a_bundle_over_the_limit_is_not_even_opened() -> None:
    with pytest.raises(InvalidBundleError, match="limit"):
        read_bundle(b"PK" + bytes(MOST_BYTES))
