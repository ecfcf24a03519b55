"""Models that try to make us run, fetch or render something; and oddities that are accepted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linearity.adapters.hugging_face import assembled, load_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.limited import call_limited
from linearity.adapters.model_inspection import inspect_model
from linearity.adapters.model_intake import offered_files
from linearity.adapters.naming import InputName
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import ModelRecord
from linearity.errors import CorruptObjectError
from tests.adapters.tiny_llama import (
    CONFIG,
    random_weights,
    tokenizer_json,
    write_safetensors,
    write_tiny_llama,
)
from tests.conftest import quiet

Change = Callable[[Path], object]
HOSTILE_CONFIG = {
    "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil/repo--model.Evil"},
    "_attn_implementation_internal": "evil/repo",
    "_attn_implementation": "evil/repo",
    "_name_or_path": "../../other",
    "custom_pipelines": {"x": {"impl": "evil.Pipe"}},
    "trust_remote_code": True,
}
IGNORED_CONFIG = {
    "_name_or_path": "evil/repo",
    "name_or_path": "../../other",
    "tokenizer_class": "EvilTokenizer",
    "transformers_version": "99",
    "base_model_name_or_path": "/etc",
    "output_attentions": True,
    "use_cache": "yes",
    "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil/repo--model.Evil"},
}
HOSTILE_TOKENIZER = {
    "tokenizer_class": "AutoModelForCausalLM",
    "name_or_path": "evil/repo",
    "tokenizer_file": "/etc/passwd",
    "vocab_file": "http://169.254.169.254/",
    "chat_template": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return ArtifactStore(tmp_path_factory.mktemp("store"))


def inspect(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=[folder], log=quiet)


def spell(name: str, value: Any) -> Change:
    return lambda folder: (folder / name).write_text(json.dumps(value))


def watched(folder: Path, store: ArtifactStore) -> dict[str, Any]:
    files = [[file.name, str(file.path)] for file in offered_files(folder).files]
    seen = call_limited(
        "tests.adapters.limited_targets:inspect_under_watch",
        {"files": files, "others": [], "store": str(store.root), "parts": {}},
    )
    assert isinstance(seen, dict)
    return dict(seen)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (spell("config.json", CONFIG | HOSTILE_CONFIG), "forbidden_config_key"),
        (spell("config.json", CONFIG | IGNORED_CONFIG), None),
        (spell("tokenizer_config.json", HOSTILE_TOKENIZER), None),
        (
            spell("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.T", None]}}),
            "forbidden_config_key",
        ),
        (spell("adapter_config.json", {"base_model_name_or_path": "/etc"}), None),
    ],
)
def test_nothing_is_imported_fetched_or_started_for_a_hostile_model(
    change: Change, reason: str | None, tmp_path: Path, store: ArtifactStore
) -> None:
    good = watched(write_tiny_llama(tmp_path / "good"), store)
    folder = write_tiny_llama(tmp_path / "hostile")
    change(folder)

    seen = watched(folder, store)

    assert (seen["reason"], good["reason"]) == (reason, None)
    assert set(seen["events"]) <= set(good["events"])
    assert [event for event in good["events"] if not event.startswith("import ")] == []


def test_the_library_reads_known_settings_only(tmp_path: Path, store: ArtifactStore) -> None:
    folder = write_tiny_llama(tmp_path / "model")
    spell("config.json", CONFIG | IGNORED_CONFIG | {"num_labels": 5})(folder)
    spell("tokenizer_config.json", HOSTILE_TOKENIZER)(folder)
    spell("generation_config.json", {"eos_token_id": 2, "custom_generate": "evil/repo"})(folder)
    (folder / "chat_template.jinja").write_text("{% for i in range(99999999) %}{% endfor %}")
    record = inspect(folder, store)
    kept = {
        file.name: json.loads(store.get(file.sha256))
        for file in record.files
        if file.path is None and file.name.endswith(".json") and file.name != "tokenizer.json"
    }

    assert set(kept) == {"config.json", "tokenizer_config.json", "generation_config.json"}
    assert record.has_template
    assert not {*IGNORED_CONFIG, "num_labels"} & set(kept["config.json"])
    assert kept["tokenizer_config.json"] == {"tokenizer_class": "PreTrainedTokenizerFast"}
    assert kept["generation_config.json"] == {"eos_token_id": 2}


def test_code_beside_an_architecture_of_the_library_is_left_aside_and_said(
    tmp_path: Path, store: ArtifactStore
) -> None:
    plain, coded = (write_tiny_llama(tmp_path / name) for name in ("plain", "coded"))
    code = {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    spell("config.json", CONFIG | code)(coded)
    ran = tmp_path / "ran"
    (coded / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: ...\nclass Model: ...")
    (coded / "__init__.py").write_text(f"open({str(ran)!r}, 'w')")

    one, other = inspect(coded, store), inspect(plain, store)
    models = [
        load_model(record, store, device="cpu", dtype="float32", attention="eager")
        for record in (one, other)
    ]

    assert not ran.exists()
    assert [file.name for file in one.files] == [file.name for file in other.files]
    assert not any(file.name.endswith(".py") for file in one.files)
    config = next(file.sha256 for file in one.files if file.name == "config.json")
    assert config == next(file.sha256 for file in other.files if file.name == "config.json")
    assert b"evil" not in store.get(config)
    assert [type(model.network).__module__ for model in models] == [
        "transformers.models.llama.modeling_llama"
    ] * 2
    assert ["measured as the LlamaForCausalLM of transformers" in w for w in one.warnings] == [True]
    assert other.warnings == ()


def test_a_template_is_kept_but_the_library_that_reads_tokenizers_is_never_given_it(
    tmp_path: Path, store: ArtifactStore
) -> None:
    folder = write_tiny_llama(tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{% for i in range(99999999) %}{% endfor %}")
    named = InputName("o--n", "o/n", "hub", "o/n@0")
    hub = inspect_model(offered_files(folder), named, store=store, log=quiet)
    local = inspect(folder, store)
    model = load_model(local, store, device="cpu", dtype="float32", attention="eager")

    for record in (hub, local):
        assert record.has_template
        with assembled(record.files, store) as given:
            assert "tokenizer.json" in {file.name for file in given.iterdir()}
            assert "chat_template.jinja" not in {file.name for file in given.iterdir()}
            assert "chat_template" not in (given / "tokenizer_config.json").read_text()
    assert model.template is None
    assert model.withheld


@pytest.mark.parametrize("template", [b"{{ x }}" + b" " * (256 << 10), b"\xff\xfe{", b" \n"])
def test_a_template_that_is_no_text_of_some_length_is_left_out_with_a_warning(
    template: bytes, tmp_path: Path, store: ArtifactStore
) -> None:
    folder = write_tiny_llama(tmp_path / "model")
    (folder / "chat_template.jinja").write_bytes(template)
    record = inspect(folder, store)

    assert not record.has_template
    assert any("chat template is no text" in warning for warning in record.warnings)


def weights(change: Callable[[dict[str, np.ndarray]], object], **config: Any) -> Change:
    def write(folder: Path) -> None:
        arrays = random_weights(CONFIG | config)
        change(arrays)
        write_safetensors(folder / "model.safetensors", arrays)
        spell("config.json", CONFIG | config)(folder)

    return write


def tokenizer(**values: Any) -> Change:
    return spell("tokenizer.json", tokenizer_json() | values)


def with_dropout(folder: Path) -> None:
    value = tokenizer_json()
    value["model"]["dropout"] = 0.5
    spell("tokenizer.json", value)(folder)


UP = "model.layers.0.mlp.up_proj.weight"
PADDING = {"strategy": {"Fixed": 512}, "direction": "Right", "pad_to_multiple_of": None,
           "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"}  # fmt: skip
TRUNCATION = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
ACCEPTED: dict[str, tuple[Change, str]] = {
    "zeros": (weights(lambda a: a[UP].fill(0)), f"zero throughout: {UP}"),
    "minus zeros": (weights(lambda a: a[UP].fill(-0.0)), "zero throughout"),
    "subnormals": (weights(lambda a: a[UP].fill(1e-40)), ""),
    "1e38 in float32": (weights(lambda a: a[UP].fill(1e38)), ""),
    "float16": (weights(lambda a: a.update({UP: a[UP].astype(np.float16)})), ""),
    "float64": (weights(lambda a: a.update({UP: a[UP].astype(np.float64)})), ""),
    "a tied head that is there": (
        weights(lambda a: a.update({"lm_head.weight": a["model.embed_tokens.weight"]})), ""),
    "a head of its own": (weights(lambda a: None, tie_word_embeddings=False), ""),
    "a rotation table": (
        weights(lambda a: a.update(
            {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2, np.float32)})), ""),
    "no type": (weights(lambda a: None, torch_dtype=None), ""),
    "a pad token of -1": (weights(lambda a: None, pad_token_id=-1), "pad_token_id is -1"),
    "padding and truncation": (tokenizer(padding=PADDING, truncation=TRUNCATION), ""),
    "dropout": (with_dropout, "dropout 0.5 is switched off"),
    "a special token that is none": (
        spell("tokenizer_config.json", {"pad_token": {"content": "[PAD]"}}), "'[PAD]' is no token"),
    "other files": (spell("optimizer.pt", 1), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_does_no_harm_is_accepted_and_said(
    case: str, tmp_path: Path, store: ArtifactStore
) -> None:
    change, warning = ACCEPTED[case]
    folder = write_tiny_llama(tmp_path / "model")
    change(folder)

    record = inspect(folder, store)

    assert len(record.warnings) == bool(warning)
    assert warning in "".join(record.warnings)
    assert ModelRecord.from_json(dict(record.as_json())) == record


def test_padding_truncation_and_dropout_never_reach_a_text(
    tmp_path: Path, store: ArtifactStore
) -> None:
    folder = write_tiny_llama(tmp_path / "model")
    value = tokenizer_json() | {"padding": PADDING, "truncation": TRUNCATION}
    value["model"]["dropout"] = 1.0
    spell("tokenizer.json", value)(folder)
    model = load_model(
        inspect(folder, store), store, device="cpu", dtype="float32", attention="eager"
    )

    vocabulary = value["model"]["vocab"]
    assert model.tokenize("the cat") == [vocabulary[token] for token in ("the", "c", "a", "t")]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path, store: ArtifactStore) -> None:
    folder = write_tiny_llama(tmp_path / "model")
    spell("config.json", CONFIG | {"num_hidden_layers": 0, "auto_map": {}, "rope_theta": -1})(
        folder
    )
    spell("tokenizer.json", {"model": {"type": "Evil"}})(folder)
    (folder / "model.safetensors").write_bytes(b"GGUF" + bytes(99))

    with pytest.raises(Exception, match=r"and \d more") as caught:
        inspect(folder, store)

    reasons = caught.value.data["reasons"]  # type: ignore[attr-defined]  # checked by the match
    assert {reason["file"] for reason in reasons} == {
        "config.json", "tokenizer.json", "model.safetensors"}  # fmt: skip
    assert {
        "file": "config.json",
        "field": "num_hidden_layers",
        "limit": 512,
        "actual": 0,
    }.items() <= (next(r for r in reasons if r["field"] == "num_hidden_layers").items())


def test_an_uploaded_file_that_is_no_longer_what_was_uploaded_is_noticed(
    tmp_path: Path, store: ArtifactStore
) -> None:
    from linearity.adapters.model_intake import received_model
    from linearity.contracts.inputs import StoredFile

    folder = write_tiny_llama(tmp_path / "model")
    files = [StoredFile(path.name, *store.put_file(path)) for path in sorted(folder.iterdir())]
    damaged = store.path(next(f.sha256 for f in files if f.name == "config.json"))
    damaged.chmod(0o644)
    damaged.write_text(json.dumps(CONFIG | {"rope_theta": 5000.0}))

    with pytest.raises(CorruptObjectError, match=r"config.json is not the file"):
        received_model(InputName("m", "m", "upload", "m"), files, store=store, log=quiet)
