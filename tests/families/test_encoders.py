"""Encoders: their states against transformers' own, what stands around a text, and their noes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from linearity.adapters.execute import execute
from linearity.adapters.findings import Findings
from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_documents, prepare_model
from linearity.adapters.model_config import read_config
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import parse_params
from linearity.errors import InvalidParameterError, RejectedInputError
from linearity.models.states import record_states
from linearity.studies.linearity import measure_linearity
from tests.adapters.tiny_llama import VOCABULARY, tokenizer_json
from tests.conftest import quiet
from tests.studies.recorder import Recorder

BLOCKS, CLS, SEP, POSITIONS = 3, 1, 2, 40
BERT = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": BLOCKS, "num_attention_heads": 4, "max_position_embeddings": POSITIONS,
}  # fmt: skip
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": BERT,
    "roberta": BERT | {"type_vocab_size": 1, "pad_token_id": 0},
    "distilbert": {
        "vocab_size": VOCABULARY, "dim": 16, "hidden_dim": 24, "n_layers": BLOCKS, "n_heads": 4,
        "max_position_embeddings": POSITIONS,
    },
}  # fmt: skip


def config_of(family: str) -> dict[str, Any]:
    return ENCODERS[family] | {
        "model_type": family,
        "architectures": [FAMILIES[family].architecture],
    }


def build(family: str, *, is_headed: bool = False) -> Any:
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

    made = AutoModelForMaskedLM if is_headed else AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = made.from_config(AutoConfig.for_model(**config_of(family))).eval()
        with torch.no_grad():
            for weights in model.parameters():
                weights += 0.2 * torch.randn_like(weights)
    return model


def write(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer = tokenizer_json()
    names = {number: token for token, number in tokenizer["model"]["vocab"].items()}
    before, behind = names[CLS], names[SEP]
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": before, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": behind, "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            token: {"id": token, "ids": [number], "tokens": [token]}
            for token, number in ((before, CLS), (behind, SEP))
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def registered(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=[folder.parent], log=quiet)


def opened(record: ModelRecord, store: ArtifactStore) -> Any:
    attention = FAMILIES[record.family].attentions[0]
    return load_model(record, store, device="cpu", dtype="float32", attention=attention)


@pytest.mark.parametrize("family", ENCODERS)
def test_states_are_the_library_s_with_what_stands_around_a_text(
    family: str, tmp_path: Path, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    network = build(family)
    record = registered(write(tmp_path / family, network), small_store)
    model = opened(record, small_store)
    texts = load_documents(docs_record, small_store)
    ids = [model.bos, *model.tokenize(texts[0])[: record.context - 1]]
    short = ids[:9]

    alone = record_states(model, [ids])
    together = record_states(model, [short, ids])
    with torch.inference_mode():
        library = network(torch.tensor([[*ids, SEP]]), output_hidden_states=True).hidden_states

    assert (model.bos, model.after) == (CLS, (SEP,))
    assert (record.blocks, record.width) == (BLOCKS, 16)
    assert record.context == POSITIONS - FAMILIES[family].reserved
    assert any("behind the LayerNorm of each block" in warning for warning in record.warnings)
    assert alone.shape == (len(ids), BLOCKS + 1, 16)
    for state in range(BLOCKS + 1):
        torch.testing.assert_close(
            alone[:, state], library[state][0, : len(ids)], atol=1e-5, rtol=1e-5
        )
    torch.testing.assert_close(together[len(short) :], alone, atol=1e-5, rtol=1e-5)
    # Tokens see those after them: another end is another state of the first token.
    assert not torch.allclose(together[0, -1], alone[0, -1], atol=1e-3)


@pytest.mark.parametrize("family", ENCODERS)
def test_linearity_is_measured_and_everything_else_says_why_not(
    family: str, tmp_path: Path, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    record = registered(write(tmp_path / family, build(family, is_headed=True)), small_store)
    params = parse_params({"tokens": 1024, "context": 24}, model=record)
    documents = [Document(text) for text in load_documents(docs_record, small_store)]

    found = measure_linearity(opened(record, small_store), documents, params, Recorder())

    assert len(found.profile.r2_heldout) == BLOCKS
    assert all(score is not None and score <= 1 for score in found.profile.r2_heldout)
    assert found.tokens.excluded_first > 0
    assert "behind_norm" in [warning.code for warning in found.warnings]
    for kind in ("ablation", "plan", "answers"):
        with pytest.raises(InvalidParameterError, match="an encoder has no next-token loss"):
            make_request(kind, {"plan": "1:drop"}, model=record, dataset=docs_record)
    with pytest.raises(InvalidParameterError, match="an encoder has no next-token loss"):
        parse_params({"granularity": "sublayer"}, model=record)


@pytest.mark.parametrize("family", ENCODERS)
def test_a_passage_is_read_token_by_token_between_what_stands_around_it(
    family: str, tmp_path: Path, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    record = registered(write(tmp_path / family, build(family)), small_store)
    given: dict[str, Json] = {"text": "a cat, the cat.", "tokens": 1024, "context": 24}
    request = make_request("passage", given, model=record, dataset=docs_record)

    found = execute(
        request,
        model=record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=Recorder(),
    )

    tokens = found["passage"]
    assert isinstance(tokens, list)
    model = opened(record, small_store)
    assert len(tokens) == 1 + len(model.tokenize("a cat, the cat."))  # with [CLS], without [SEP]
    assert "behind_norm" in json.dumps(found["warnings"])


def test_a_checkpoint_with_a_head_and_old_names_has_the_states_of_its_encoder(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    headed = build("bert", is_headed=True)
    folder = write(tmp_path / "bert", headed)
    weights = load_file(folder / "model.safetensors")
    spelled = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    old = {}
    for name, value in weights.items():
        end = next((end for end in spelled if name.endswith(end)), "")
        old[name.removesuffix(end) + spelled.get(end, "")] = value
    old["bert.embeddings.position_ids"] = torch.arange(POSITIONS)[None]
    save_file(old, folder / "model.safetensors")
    record = registered(folder, small_store)
    ids = [CLS, *range(5, 20)]

    states = record_states(opened(record, small_store), [ids])
    with torch.inference_mode():
        library = headed.bert(torch.tensor([[*ids, SEP]])).last_hidden_state

    torch.testing.assert_close(states[:, -1], library[0, :-1], atol=1e-5, rtol=1e-5)
    parameters = sum(p.numel() for p in headed.bert.parameters())
    assert record.parameters == parameters
    lost = {k: v for k, v in old.items() if "layer.1.output.dense.weight" not in k}
    save_file(lost, folder / "model.safetensors")
    with pytest.raises(RejectedInputError, match=r"output\.dense\.weight is missing"):
        registered(folder, small_store)


@pytest.mark.parametrize("family", ENCODERS)
def test_names_and_shapes_are_those_of_the_library(family: str) -> None:
    from transformers import AutoConfig, AutoModel

    read = read_config(config_of(family), Findings())
    assert read is not None
    more = {"add_pooling_layer": False} if FAMILIES[family].has_pooler else {}
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(**read.cleaned), **more)

    assert read.weights == {k: tuple(v.shape) for k, v in model.state_dict().items()}
    assert type(model).__name__ == FAMILIES[family].architecture


@pytest.mark.parametrize(
    ("family", "change", "field"),
    [
        ("bert", {"is_decoder": True}, "is_decoder"),
        ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("roberta", {"add_cross_attention": True}, "add_cross_attention"),
        ("roberta", {"type_vocab_size": 0}, "type_vocab_size"),
        ("distilbert", {"sinusoidal_pos_embds": True}, "sinusoidal_pos_embds"),
        ("distilbert", {"dim": 15}, "n_heads"),
    ],
)
def test_a_field_out_of_its_bounds_is_refused_by_its_name(
    family: str, change: dict[str, Any], field: str
) -> None:
    findings = Findings()

    assert read_config(config_of(family) | change, findings) is None
    assert field in [finding.field for finding in findings.reasons]
