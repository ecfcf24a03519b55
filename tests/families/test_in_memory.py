"""A model of every family that is in memory: recognised as its files would be, and measured."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, OPTConfig, OPTForCausalLM

from linearity.adapters.in_memory import ModelInMemory
from linearity.adapters.inputs import load_documents, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.families import FAMILIES
from linearity.contracts.inputs import DatasetRecord
from linearity.errors import RejectedInputError
from linearity.face import measure
from tests.conftest import quiet
from tests.families.tiny import VARIANTS, build, write_tiny

OF_FILES = {
    "id", "name", "source", "reference", "fingerprint", "size", "files", "side", "licence",
    "warnings",
}  # fmt: skip
"""What a model in memory has not, or has otherwise."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_recognised_as_its_files_are(
    variant: str, tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = write_tiny(tmp_path, variant)
    registered = prepare_model(str(folder), store=small_store, roots=[folder.parent], log=quiet)
    attention = FAMILIES[VARIANTS[variant][0]].attentions[0]
    tokenizer = AutoTokenizer.from_pretrained(folder)

    model = ModelInMemory.of(build(variant, attention=attention), tokenizer, allow_template=False)

    told, read = asdict(model.record), asdict(registered)
    # Tied weights stand in some files twice, in memory once.
    same = told.keys() - OF_FILES - {"parameters"}
    assert {name: told[name] for name in same} == {name: read[name] for name in same}


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom", "falcon", "gemma3_text"])
def test_it_is_measured(
    family: str, tmp_path: Path, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    variant = next(name for name, (of, _) in VARIANTS.items() if of == family)
    folder = write_tiny(tmp_path, variant)
    network = build(variant, attention=FAMILIES[family].attentions[0])
    texts = load_documents(docs_record, small_store)

    found = measure(network, AutoTokenizer.from_pretrained(folder), texts, tokens=1024, context=24)

    assert found["model"]["blocks"] == len(found["profile"]["r2_fit"])


def test_what_is_refused_as_files_is_refused_in_memory() -> None:
    sizes: dict[str, Any] = {"hidden_size": 16, "ffn_dim": 24, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "vocab_size": 50, "word_embed_proj_dim": 16}
    network = OPTForCausalLM(OPTConfig(do_layer_norm_before=False, **sizes))

    with pytest.raises(RejectedInputError, match="norm"):
        ModelInMemory.of(network, None, allow_template=False)
