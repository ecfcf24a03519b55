"""Ask what a model costs that streams through memory: a 7B shape from shards, one block at a time.

Random weights in bfloat16 are written as one shard a block; text is random numbers. The device may
take the moments and ``--memory`` GiB more, and PyTorch refuses it any more than that. ``--check``
measures the same model whole in memory afterwards: same numbers, and how much longer it took.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from machine import surroundings
from safetensors.torch import save_file
from shapes import BLOCKS_7B, VOCABULARY_7B, WIDTH_7B, linearity_params, number_documents
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from linearity.adapters.placement import hold_to
from linearity.adapters.scratch import Scratch
from linearity.adapters.weight_files import WeightFiles, move_buffers, parameters_without_numbers
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import StoredFile
from linearity.measure.moments import accumulation_dtype
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.streaming import StreamedStates
from linearity.studies.linearity import Measurement, measure_linearity

GIB = 2**30
PROBE_BYTES = 1 << 30


@dataclass
class Clock:
    """Notes when all blocks were done, and when the last token was read."""

    started: float = field(default_factory=time.perf_counter)
    blocks_seconds: float = 0.0
    read_seconds: float = 0.0

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Look at the clock at the end of a stage."""
        now = time.perf_counter() - self.started
        if unit == "token_blocks":
            self.blocks_seconds = now
        elif done == total and not self.read_seconds:
            self.read_seconds = now

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody looks."""

    def log(self, message: str) -> None:
        """Print a line."""
        print(message, flush=True)


@dataclass(frozen=True)
class Case:
    """What is measured, and where its files are."""

    given: argparse.Namespace
    config: LlamaConfig
    folder: Path
    device: torch.device
    files: tuple[StoredFile, ...]

    @property
    def pairs(self) -> int:
        """Products of two states that the moments hold."""
        states = self.given.layers + 1
        every = states * (states + 1) // 2
        return int(2 * states - 1 if self.given.pairs == "adjacent" else every)

    @property
    def moments_bytes(self) -> int:
        """Moments of both roles."""
        number = accumulation_dtype(self.given.width).itemsize
        return int(2 * self.pairs * self.given.width**2 * number)

    @property
    def states_bytes(self) -> int:
        """All states of all tokens, in bfloat16."""
        return int(2 * self.given.tokens * (self.given.layers + 1) * self.given.width)

    @property
    def block_bytes(self) -> int:
        """One block's weights; every shard but the first holds one."""
        return self.files[-1].size

    def weights(self, network: nn.Module) -> WeightFiles:
        """Return what reads the shards into a network."""
        return WeightFiles(
            network, self.files, lambda file: Path(str(file.path)), base="model", device=self.device
        )


def main() -> None:
    """Print the figures and one JSON line."""
    given = _arguments()
    config, device = _config(given), torch.device(given.device)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="linearscope-bench-") as name:
        folder = Path(name)
        case = Case(given, config, folder, device, _write_shards(config, folder, device))
        if given.memory > 0:
            hold_to(str(device), case.moments_bytes + int(given.memory * GIB))
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        model, clock = _streamed(case), Clock()
        measured = _measure(model, given, clock)
        seconds = time.perf_counter() - clock.started
        figures = _figures(case, clock, seconds)
        del model
        if given.check:
            figures |= _check(case, measured, seconds)
        figures |= _floor(case, seconds)
    for key, value in figures.items():
        print(f"{key:26} {value}")
    print(json.dumps(figures))


def _config(given: argparse.Namespace) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY_7B,
        hidden_size=given.width,
        intermediate_size=max(given.width * 11_008 // WIDTH_7B, 8),
        num_hidden_layers=given.layers,
        num_attention_heads=max(given.width // 128, 1),
        num_key_value_heads=max(given.width // 128, 1),
        max_position_embeddings=4096,
    )


def _empty_network(config: LlamaConfig) -> LlamaForCausalLM:
    with parameters_without_numbers():
        network = LlamaForCausalLM._from_config(
            config, dtype=torch.bfloat16, attn_implementation="sdpa"
        )
    return network.eval()


def _write_shards(
    config: LlamaConfig, folder: Path, device: torch.device
) -> tuple[StoredFile, ...]:
    """Write one shard a block, and one for what is around them."""
    torch.manual_seed(0)
    shards: dict[str, list[str]] = {}
    network = _empty_network(config)
    for name, _ in network.named_parameters():
        part = name.split(".layers.")
        shards.setdefault(part[1].partition(".")[0] if len(part) > 1 else "", []).append(name)
    files = []
    for number, names in enumerate(shards.values(), start=1):
        shard = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {name: _random(network.get_parameter(name), name, device) for name in names}
        save_file(tensors, folder / shard)
        stat = (folder / shard).stat()
        files.append(
            StoredFile(shard, "0" * 64, stat.st_size, str(folder / shard), stat.st_mtime_ns)
        )
        del tensors
    return tuple(files)


def _random(like: nn.Parameter, name: str, device: torch.device) -> torch.Tensor:
    if "norm" in name:
        return torch.ones(like.shape, dtype=torch.bfloat16)
    return (0.02 * torch.randn(like.shape, dtype=torch.bfloat16, device=device)).cpu()


def _streamed(case: Case) -> LoadedModel:
    network = _empty_network(case.config)
    move_buffers(network, case.device)
    layout = find_layout(network)
    room = Scratch(case.folder)
    source = StreamedStates(network, layout, case.device, case.weights(network), room)
    return LoadedModel(layout, case.given.width, case.device, _numbers, None, source=source)


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _measure(model: LoadedModel, given: argparse.Namespace, clock: Clock) -> Measurement:
    documents = number_documents(given.tokens // 1024 + 80, 1024)
    params = linearity_params(given.tokens, pairs=given.pairs)
    reach = 1 if given.pairs == "adjacent" else given.layers
    measured = measure_linearity(model, documents, params, clock, reach=reach)
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return measured


def _figures(case: Case, clock: Clock, seconds: float) -> dict[str, Json]:
    given, peak = case.given, _peak_bytes(case.device)
    weights = sum(file.size for file in case.files)
    on_gpu = case.device.type == "cuda"
    return {
        "layers": given.layers,
        "width": given.width,
        "tokens": given.tokens,
        "pairs": given.pairs,
        "seconds": round(seconds, 1),
        "blocks_seconds": round(clock.blocks_seconds, 1),
        "reading_seconds": round(clock.read_seconds - clock.blocks_seconds, 1),
        "scoring_seconds": round(seconds - clock.read_seconds, 1),
        "weights_bytes": weights,
        "block_bytes": case.block_bytes,
        "embedding_bytes": 2 * case.config.vocab_size * given.width,
        "moments_bytes": case.moments_bytes,
        "peak_bytes": peak,
        "peak_gib": round(peak / GIB, 2),
        "beyond_moments_gib": round((peak - case.moments_bytes) / GIB, 2),
        "allowed_beyond_moments_gib": given.memory,
        "states_bytes_written": case.states_bytes,
        "states_bytes_read": case.states_bytes * given.layers // (given.layers + 1)
        + case.states_bytes,
        "device": torch.cuda.get_device_name(case.device) if on_gpu else "cpu",
        **surroundings(),
    }


def _peak_bytes(device: torch.device) -> int:
    """Return what PyTorch took of a GPU, cache included; of a CPU, what the process did."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _check(case: Case, streamed: Measurement, seconds: float) -> dict[str, Json]:
    """Measure the same model whole in memory."""
    hold_to(str(case.device), None)
    network = _empty_network(case.config)
    move_buffers(network, case.device)
    weights = case.weights(network)
    weights.fill(weights.read([name for name, _ in network.named_parameters()]), lambda: None)
    layout = find_layout(network)
    model = LoadedModel(layout, case.given.width, case.device, _numbers, None, network=network)
    clock = Clock()
    resident = _measure(model, case.given, clock)
    took = time.perf_counter() - clock.started
    pairs = zip(streamed.profile.r2_heldout, resident.profile.r2_heldout, strict=True)
    return {
        "resident_seconds": round(took, 1),
        "streaming_over_resident": round(seconds / took, 2),
        "largest_difference": max(abs(a - b) for a, b in pairs if a is not None and b is not None),
    }


def _floor(case: Case, seconds: float) -> dict[str, Json]:
    """Return what forward, moments and copies alone take at speeds measured now: no solves."""
    given = case.given
    flops = _matrix_flops(given.width, case.device)
    write, read = _file_speeds(case.folder, case.device)
    forward = case.block_bytes * given.layers * given.tokens  # two bytes, two operations
    moments = 2.0 * given.tokens * 0.75 * given.width**2 * case.pairs
    weights = case.block_bytes * given.layers + 2 * case.config.vocab_size * given.width
    copies = case.states_bytes / write + (2 * case.states_bytes + weights) / read
    floor = (forward + moments) / flops + copies
    return {
        "matrix_tflops": round(flops / 1e12, 2),
        "file_write_gb_s": round(write / 1e9, 2),
        "file_read_gb_s": round(read / 1e9, 2),
        "floor_seconds": round(floor, 1),
        "over_floor": round(seconds / floor, 2),
    }


def _matrix_flops(width: int, device: torch.device) -> float:
    one = torch.randn(2048, width, dtype=torch.bfloat16, device=device)
    other = torch.randn(width, width, dtype=torch.bfloat16, device=device)
    best = min(_timed(lambda: one @ other, device) for _ in range(5))
    return 2.0 * 2048 * width * width / best


def _file_speeds(folder: Path, device: torch.device) -> tuple[float, float]:
    """Return bytes a second from the device into a mapped file, and back."""
    rows = torch.ones(PROBE_BYTES // 2**21, 2**20, dtype=torch.bfloat16, device=device)
    mapped = Scratch(folder).take(rows.shape, rows.dtype)
    write = _timed(lambda: mapped.copy_(rows), device)
    read = _timed(lambda: rows.copy_(mapped), device)
    return PROBE_BYTES / write, PROBE_BYTES / read


def _timed(work: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=BLOCKS_7B)
    parser.add_argument("--width", type=int, default=WIDTH_7B)
    parser.add_argument("--tokens", type=int, default=65_536)
    parser.add_argument("--pairs", choices=["all", "adjacent"], default="adjacent")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB beyond moments; 0: no limit")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--folder", type=Path, help="where shards and states lie for a while")
    parser.add_argument("--check", action="store_true", help="measure it whole in memory, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
