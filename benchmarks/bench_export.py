"""Ask how far a folder on the disk is from the plan in memory, family by family.

Tiny random models with the tokenizer of glass-en are written by transformers and exported with the
command line like anybody's; a fresh process loads every folder. Or a built-in, hub id or folder.

    python benchmarks/bench_export.py
    python benchmarks/bench_export.py --model smollm2 --plans 11-12:drop,17:drop,20:drop
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from machine import surroundings
from transformers import AutoConfig, AutoModelForCausalLM

from linearity.adapters.inputs import prepare_model
from linearity.adapters.settings import read_settings
from linearity.adapters.store import ArtifactStore

BLOCKS = 8
SIZES: dict[str, Any] = {
    "vocab_size": 1024, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "max_position_embeddings": 256,
}  # fmt: skip
GPT_SIZES = {"vocab_size": 1024, "n_embd": 64, "n_head": 4, "n_layer": BLOCKS, "n_positions": 256}
WINDOWS = {"sliding_window": 32, "use_sliding_window": True}
MIXED = {"layer_types": ["sliding_attention", "full_attention"] * 4}
MODELS: dict[str, dict[str, Any]] = {
    "llama": SIZES,
    "qwen3": SIZES | WINDOWS | MIXED,
    "gpt2": GPT_SIZES,
    "gemma": SIZES,
    "gemma3_text": SIZES | {"sliding_window": 32} | MIXED,
}
DROP, MERGED = "1-2:drop,4:drop,6:drop", "1-2:merged,4:merged,6:merged"
LINEAR = "1-2:linear,5:linear"
PLANS = {"gemma3_text": (DROP, LINEAR)}
"""Families that norm their updates take no merged map."""


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a built-in, hub id or folder instead of tiny models")
    parser.add_argument("--dataset", default="python-docs")
    parser.add_argument("--plans", nargs="+", help="of --model")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    figures = []
    print(f"{'model':<20} {'plan':<32} {'nats':>9} {'loss':>9} {'logits':>9} {'greedy':>9} seconds")
    with tempfile.TemporaryDirectory() as name:
        for model, folder, plan in _cases(given, Path(name)):
            found = _exported(folder, plan, given, Path(name) / "export")
            figures.append({"model": model, "plan": plan, **found})
            print(
                f"{model:<20} {plan:<32} {found['nll_diff']:>+9.3f} {found['loss']:>9.2g} "
                f"{found['logits']:>9.2g} {found['greedy']:>9} {found['seconds']:>7.1f}"
            )
    print(json.dumps({"figures": figures, **surroundings()}))


def _cases(given: argparse.Namespace, place: Path) -> list[tuple[str, str, str]]:
    if given.model:
        return [(given.model, given.model, plan) for plan in given.plans]
    store = ArtifactStore(read_settings(os.environ).store)
    record = prepare_model("glass-en", store=store, roots=None, log=lambda _: None)
    tokenizer = next(store.get(f.sha256) for f in record.files if f.name == "tokenizer.json")
    cases = []
    for family, fields in MODELS.items():
        folder = _written(place / family, family, fields)
        (folder / "tokenizer.json").write_bytes(tokenizer)
        plans = PLANS.get(family, (DROP, MERGED, LINEAR))
        cases += [(family, str(folder), plan) for plan in plans]
    return cases


def _written(folder: Path, family: str, fields: dict[str, Any]) -> Path:
    """Save a tiny random model, none of its weights at its usual zero or one."""
    config = AutoConfig.for_model(family, **fields)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights += (0.1 if "norm" in name else 0.15) * torch.randn_like(weights)
    model.save_pretrained(folder)
    return folder


def _exported(model: str, plan: str, given: argparse.Namespace, out: Path) -> dict[str, Any]:
    result = out.with_suffix(".json")
    command = [sys.executable, "-m", "linearity", "run", "export", "--model", model]
    command += ["--dataset", given.dataset, "--device", given.device, "--set", f"plan={plan}"]
    command += [part for setting in given.settings for part in ("--set", setting)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=out.parent) as place:
        folder = str(Path(place) / "export")
        subprocess.run([*command, "--out", str(result), "--out-dir", folder], check=True,
                       capture_output=True)  # fmt: skip
    seconds = time.monotonic() - start
    answer = json.loads(result.read_text())
    proof, generated = answer["proof"], answer["proof"]["generated"]
    return {
        "architecture": answer["architecture"]["name"],
        "nll_diff": answer["point"]["nll_diff"],
        "loss": proof["nll_difference"],
        "logits": proof["logits_difference"],
        "greedy": f"{generated['same_as_plan']}/{generated['prompts'] * generated['tokens']}",
        "saved_again": proof["saved_again"],
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
