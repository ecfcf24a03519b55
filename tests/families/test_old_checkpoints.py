"""Weights as they were first published: without the outer name, with masks and rotation tables."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linearity.adapters.hugging_face import load_model, streamed_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.families import FAMILIES
from linearity.errors import RejectedInputError
from linearity.measure.windows import Window
from linearity.models.states import record_states, source_of
from tests.conftest import quiet
from tests.families.tiny import BLOCKS, VARIANTS, build, write_tiny
from tests.oracles import logits_of

Tensors = dict[str, torch.Tensor]
IDS = [5, 9, 17, 3, 11, 8, 4]


def without(outer: str) -> Callable[[Tensors], Tensors]:
    return lambda held: {name.removeprefix(outer): value for name, value in held.items()}


def with_masks(blocks: str, attention: str, kind: torch.dtype) -> Callable[[Tensors], Tensors]:
    def add(held: Tensors) -> Tensors:
        masks: Tensors = {}
        for block in range(BLOCKS):
            before = f"{blocks}.{block}.{attention}"
            masks |= {
                f"{before}.bias": torch.ones(1, 1, 8, 8, dtype=kind).tril(),
                f"{before}.masked_bias": torch.tensor(-torch.inf),
                f"{before}.rotary_emb.inv_freq": torch.ones(2, dtype=torch.float32),
            }
        return held | masks

    return add


OLD: list[tuple[str, list[Callable[[Tensors], Tensors]]]] = [
    ("gpt2", [without("transformer."), with_masks("h", "attn", torch.float32)]),
    ("gpt_neox", [with_masks("gpt_neox.layers", "attention", torch.bool)]),
    ("gpt_neox", [with_masks("gpt_neox.layers", "attention", torch.uint8)]),
    ("gptj", [with_masks("transformer.h", "attn", torch.uint8)]),
    ("bloom", [without("transformer.")]),
    ("opt", [without("model.")]),
    ("falcon", [without("transformer.")]),
]


def write_old(folder: Path, variant: str, changes: list[Callable[[Tensors], Tensors]]) -> Path:
    write_tiny(folder, variant)
    held = load_file(folder / "model.safetensors")
    for change in changes:
        held = change(held)
    save_file(held, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize(("variant", "changes"), OLD)
def test_an_old_checkpoint_is_taken_in_and_computes_the_same(
    variant: str,
    changes: list[Callable[[Tensors], Tensors]],
    tmp_path: Path,
    small_store: ArtifactStore,
) -> None:
    folder = write_old(tmp_path / "model", variant, changes)
    attention = FAMILIES[VARIANTS[variant][0]].attentions[0]

    record = prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention=attention)

    saved = build(variant, attention=attention)
    torch.testing.assert_close(logits_of(model.network, IDS), logits_of(saved, IDS))
    read = streamed_model(record, small_store, device="cpu", dtype="float32", attention=attention)
    windows = [[Window(0, 0, tuple(IDS), "train")]]
    (batch,) = source_of(read).stream(windows, ahead=lambda _done, _total: None)
    assert torch.equal(batch.states, record_states(model, [IDS]))
    assert record.dtype == "float32"
    # Masks and tables are no parameters.
    assert record.parameters == sum(p.numel() for p in saved.parameters())


def test_a_mask_elsewhere_is_still_a_foreign_weight(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    strange = with_masks("model.layers", "self_attn", torch.uint8)
    folder = write_old(tmp_path / "model", "llama", [strange])

    with pytest.raises(RejectedInputError) as caught:
        prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)

    reasons = caught.value.data["reasons"]
    assert isinstance(reasons, list)
    codes = {reason["code"] for reason in reasons}
    assert codes == {"unsupported_dtype", "bad_header"}
