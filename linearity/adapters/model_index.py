"""The index of a model whose weights are cut into shards."""

from collections.abc import Iterable, Mapping

from linearity.adapters.findings import Findings
from linearity.adapters.safetensors_header import Tensor
from linearity.contracts.canonical import Json
from linearity.contracts.model_files import INDEX, SHARD

MOST_SHARDS = 1000
MOST_FINDINGS = 20


def listed_shards(
    index: Mapping[str, Json], present: Iterable[str], findings: Findings
) -> list[str]:
    """Return the shards that the index names, in order; findings say what is wrong with them.

    `present` are the names of the shards that lie beside the index.
    """
    names = index.get("weight_map")
    if not isinstance(names, dict) or not names:
        _refuse(findings, "has no weight_map", "weight_map")
        return []
    listed = sorted({str(name) for name in names.values()})
    _check_names(listed, findings)
    here = set(present)
    for name in [name for name in listed if SHARD.fullmatch(name) and name not in here][
        :MOST_FINDINGS
    ]:
        findings.refuse("file_missing", f"the shard {name} is missing", file=name)
    for name in sorted(here - set(listed))[:MOST_FINDINGS]:
        _refuse(findings, f"does not list the shard {name} that lies beside it", "weight_map")
    return [name for name in listed if name in here]


def check_index(
    index: Mapping[str, Json], shards: Mapping[str, Iterable[Tensor]], findings: Findings
) -> None:
    """Compare the index with the tensors that its shards, all read, really hold."""
    names = index["weight_map"]
    assert isinstance(names, dict)
    held: dict[str, str] = {}
    for shard, tensors in shards.items():
        for tensor in tensors:
            if tensor.name in held:
                _refuse(findings, f"lists shards that both hold {tensor.name[:120]}", tensor.name)
            held[tensor.name] = shard
    wrong = [name for name in sorted({*names, *held}) if names.get(name) != held.get(name)]
    for name in wrong[:MOST_FINDINGS]:
        told, found = names.get(name, "no shard"), held.get(name, "none")
        _refuse(findings, f"says that {name[:120]} is in {told}; it is in {found}", name)
    _check_total(index.get("metadata"), shards, findings)


def _check_names(listed: list[str], findings: Findings) -> None:
    if len(listed) > MOST_SHARDS:
        _refuse(
            findings,
            f"names {len(listed):,} shards, at most {MOST_SHARDS:,} are read",
            "weight_map",
        )
    # A name with a slash would read another folder.
    strange = [name for name in listed if not SHARD.fullmatch(name)]
    for name in strange[:MOST_FINDINGS]:
        _refuse(
            findings,
            f"names the shard {name[:80]!r}; shards are called model-00001-of-00002.safetensors",
            "weight_map",
        )
    if len({match["count"] for name in listed if (match := SHARD.fullmatch(name))}) > 1:
        _refuse(findings, "names shards of two different sets", "weight_map")


def _check_total(
    metadata: Json, shards: Mapping[str, Iterable[Tensor]], findings: Findings
) -> None:
    told = metadata.get("total_size") if isinstance(metadata, dict) else None
    if told is None:
        return
    sizes = {t.name: t.end - t.start for tensors in shards.values() for t in tensors}
    total = sum(sizes.values())
    # Some exporters count a tied output embedding that they then leave out.
    tied = sizes.get("model.embed_tokens.weight", 0) if "lm_head.weight" not in sizes else 0
    if told not in (total, total + tied):
        findings.refuse(
            "bad_index",
            f"{INDEX}: metadata.total_size is {str(told)[:40]}, the shards hold {total:,} bytes",
            file=INDEX,
            field="metadata.total_size",
            bounds=(total, told if isinstance(told, int) else str(told)[:40]),
        )


def _refuse(findings: Findings, what: str, field: str) -> None:
    findings.refuse("bad_index", f"{INDEX} {what}", file=INDEX, field=field[:120])
