"""Ask what a shard costs beside its tokens: storing it, checking it, and adding it to the rest.

Shape of smollm2 unless told otherwise; the numbers in it are random. Two shards are stored, and
the owner merges both.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from machine import surroundings

from linearity.adapters.collected_file import read_collected, write_collected
from linearity.adapters.store import ArtifactStore, file_sha256
from linearity.measure.moments import accumulation_dtype
from linearity.measure.tokens import StreamGuard, TokenTable
from linearity.studies.collect import ROLES, Collected, Opening


def main() -> None:
    """Store, check and merge two shards, and print what it took."""
    options = _arguments()
    torch.manual_seed(0)
    reference = torch.randn(options.layers + 1, options.width)
    opening = Opening(
        StreamGuard(torch.ones(options.layers + 1, dtype=torch.float64)),
        reference.to(accumulation_dtype(options.width)),
    )
    collected = _collected(opening, options.tokens)
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(Path(folder))
        clock, found = time.perf_counter(), []
        for _ in range(2):
            with store.writer() as writer:
                write_collected(writer, collected)
            found.append(writer.sha256)
        stored = time.perf_counter() - clock
        size = writer.size
        del collected
        clock = time.perf_counter()
        assert all(file_sha256(store.path(sha256)) == sha256 for sha256 in found)
        checked = time.perf_counter() - clock
        merged = Collected.empty(opening, reach=options.layers)
        clock = time.perf_counter()
        for sha256 in found:
            merged.merge(read_collected(store.path(sha256)))
        added = time.perf_counter() - clock
    told = {
        "question": "what a shard costs",
        "layers": options.layers,
        "width": options.width,
        "tokens": options.tokens,
        "bytes": size,
        "store_seconds": round(stored / 2, 2),
        "check_seconds": round(checked / 2, 2),
        "merge_seconds": round(added / 2, 2),
        **surroundings(),
    }
    print(json.dumps(told))


def _collected(opening: Opening, tokens: int) -> Collected:
    """Return what a shard of `tokens` keeps, a quarter of them held out, none apart."""
    S, width = opening.reference.shape
    collected = Collected.empty(opening, reach=S - 1)
    roles = torch.arange(tokens) % 4 // 3 * ROLES.index("heldout")
    for name, moments in collected.moments.items():
        moments.n = int((roles == ROLES.index(name)).sum())
        for row in moments.rows:
            row.normal_()
    heldout = roles == ROLES.index("heldout")
    collected.heldout = list(torch.split(torch.randn(int(heldout.sum()), S, width), 512))
    collected.apart = [torch.zeros(0, S, width, dtype=torch.float64)]
    collected.apart_cosines = [torch.zeros(0, S, S, dtype=torch.float64)]
    ones = torch.ones(tokens, S, dtype=torch.float64)
    collected.tables = [
        TokenTable(
            document=torch.zeros(tokens, dtype=torch.int64),
            position=torch.arange(1, tokens + 1),
            heldout=heldout,
            scored=torch.ones(tokens, dtype=torch.bool),
            norms=ones,
            update_norms=ones[:, 1:],
            cosine_next=ones[:, 1:],
        )
    ]
    collected.roles = [roles]
    collected.held_apart = [torch.zeros(tokens, dtype=torch.bool)]
    return collected


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--tokens", type=int, default=16_384, help="in each shard")
    return parser.parse_args()


if __name__ == "__main__":
    main()
