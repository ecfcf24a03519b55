"""Ask how much faster the greedy search is than SLEB's own loop, with the same order.

Both run in this process on the same windows and batches. The loop takes blocks out of the
decoder and runs the whole model for every trial; it computes the same loss and nothing else.

    python benchmarks/bench_greedy.py --model smollm2 --steps 4
    python benchmarks/bench_greedy.py --shape 7b --steps 4 --tokens 16384
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from machine import surroundings
from shapes import llama_7b, number_documents
from torch import nn

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_documents, prepare_dataset, prepare_model
from linearity.adapters.settings import read_settings
from linearity.adapters.store import ArtifactStore
from linearity.contracts.common import Sampling
from linearity.evaluate.quality import token_losses
from linearity.models.loaded import LoadedModel
from linearity.studies.bench import Bench
from linearity.studies.greedy import greedy_order
from linearity.studies.material import Material

T = TypeVar("T")


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--shape", choices=("7b",))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--fit", type=int)
    given = parser.parse_args()
    material = material_of(given)
    bench = material.bench("select")
    naive_loop(bench, 1, limit=2)  # warm both paths
    ours, our_seconds = _timed(
        given.device, lambda: greedy_order(material, action="drop", changed=given.steps, known=[])
    )
    our_runs = bench.passages.block_runs
    (naive, naive_runs), naive_seconds = _timed(
        given.device, lambda: naive_loop(bench, given.steps)
    )
    figures = {
        "model": given.shape or given.model,
        "steps": given.steps,
        "tokens": bench.passages.tokens,
        "order": ours,
        "same_order": ours == naive,
        "block_evaluations": our_runs,
        "naive_block_evaluations": naive_runs,
        "share": round(our_runs / naive_runs, 4),
        "seconds": round(our_seconds, 2),
        "naive_seconds": round(naive_seconds, 2),
        "times_faster": round(naive_seconds / our_seconds, 3),
        **surroundings(),
    }
    for name, value in figures.items():
        print(f"{name:28} {value}")
    print(json.dumps(figures))


def material_of(given: argparse.Namespace) -> Material:
    """Return the model and text that the command line asks for."""
    sampling = Sampling(
        fit_tokens=given.fit or (81_920 if given.shape else 16_384),
        select_tokens=given.tokens,
        report_tokens=64,
        context=256,
        seed=0,
        ridge="auto",
        dtype="bfloat16" if given.shape else "float32",
        attention="sdpa",
    )
    if given.shape:
        documents = number_documents(200, 1024)
        return Material(llama_7b(given.device), documents, sampling)
    store = ArtifactStore(read_settings({}).store)
    model = prepare_model(given.model, store=store, roots=None, log=print)
    dataset = prepare_dataset("python-docs", store=store, roots=None, log=print)
    loaded = load_model(model, store, device=given.device, dtype="float32", attention="sdpa")
    return Material(loaded, load_documents(dataset, store), sampling)


@torch.inference_mode()
def naive_loop(bench: Bench, steps: int, limit: int | None = None) -> tuple[list[int], int]:
    """Return SLEB's order, and how many blocks it ran on all tokens."""
    decoder: Any = bench.model.layout.decoder
    config = decoder.config
    dense = decoder.layers
    left, removed, runs = list(range(len(dense))), [], 0
    try:
        for _ in range(steps):
            losses = []
            for block in left[:limit]:
                kept = [other for other in left if other != block]
                decoder.layers = nn.ModuleList(dense[k] for k in kept)
                config.num_hidden_layers = len(kept)
                losses.append(_whole_model_loss(bench.model, bench))
                runs += len(kept)
            removed.append(left.pop(min(range(len(losses)), key=losses.__getitem__)))
    finally:
        decoder.layers, config.num_hidden_layers = dense, len(dense)
    return removed, runs


def _whole_model_loss(model: LoadedModel, bench: Bench) -> float:
    losses = []
    for batch in bench.passages.batches:
        scored = batch.mask[:, 1:]
        output = model.layout.decoder(
            input_ids=batch.ids,
            attention_mask=None if batch.mask.all() else batch.mask.long(),
            use_cache=False,
        ).last_hidden_state
        rows, targets = output[:, :-1][scored], batch.ids[:, 1:][scored]
        losses.append(token_losses(model.layout.head, rows, targets))
    return float(torch.cat(losses).mean())


def _timed(device: str, work: Callable[[], T]) -> tuple[T, float]:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    started = time.perf_counter()
    result = work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return result, time.perf_counter() - started


if __name__ == "__main__":
    main()
