"""What a loaded model knows of its tokenizer and of its own files: text, template, stop tokens."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from linearity.adapters.hugging_face import assembled, load_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.model_inspection import inspect_model
from linearity.adapters.model_intake import offered_files
from linearity.adapters.naming import InputName
from linearity.adapters.store import ArtifactStore
from linearity.adapters.tokenizer_library import open_tokenizer
from linearity.contracts.inputs import Message, ModelRecord
from linearity.errors import RejectedInputError
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from tests.conftest import quiet

Folder = Callable[[], Path]
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
TEMPLATE += "{% if add_generation_prompt %}assistant:{% endif %}"


def prepared(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=None, log=quiet)


def prepared_from_hub(folder: Path, store: ArtifactStore) -> ModelRecord:
    named = InputName("owner--name", "owner/name", "hub", "owner/name@0123456")
    return inspect_model(offered_files(folder), named, store=store, log=quiet)


def loaded(record: ModelRecord, store: ArtifactStore) -> LoadedModel:
    return load_model(record, store, device="cpu", dtype="float32", attention="eager")


def test_tokens_become_the_text_they_were_made_of(glass: LoadedModel) -> None:
    text = "The cat sat on  the mat;\nAlice — twice."
    ids = glass.tokenize(text)

    assert glass.detokenize(ids) == text
    assert "".join(map(glass.token_text, ids)) == text


def test_the_network_is_the_whole_model_around_the_layout(glass: LoadedModel) -> None:
    assert find_layout(glass.network) == glass.layout
    assert glass.layout.norm is glass.layout.decoder.get_submodule("norm")
    assert glass.layout.head is glass.network.get_submodule("lm_head")


@pytest.mark.parametrize(
    ("generation", "stops"),
    [(None, (3,)), ({"eos_token_id": 7}, (7,)), ({"eos_token_id": [7, 3]}, (7, 3)),
     ({"eos_token_id": "7"}, (3,)), ({"eos_token_id": [7, 1024]}, (7,)), ({}, (3,))],
)  # fmt: skip
def test_stop_tokens_are_those_of_the_generation_settings_else_of_the_configuration(
    glass_folder: Folder, small_store: ArtifactStore, generation: object, stops: tuple[int, ...]
) -> None:
    folder = glass_folder()
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    model = loaded(prepared(folder, small_store), small_store)

    assert model.stops == stops


def test_penalties_and_samplers_of_the_files_never_reach_an_answer(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    settings = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    model = loaded(prepared(folder, small_store), small_store)
    settings = vars(model.network.generation_config)

    assert settings["repetition_penalty"] in (None, 1.0)
    assert not settings["do_sample"]


def test_generation_settings_that_are_no_object_are_refused(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    (folder / "generation_config.json").write_text("[3]")

    with pytest.raises(RejectedInputError, match=r"generation_config.json is not a JSON object"):
        prepared(folder, small_store)


def test_a_template_is_rendered_for_a_hub_model_and_not_for_a_folder(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    record = prepared(folder, small_store)
    local = loaded(record, small_store)
    hub = loaded(prepared_from_hub(folder, small_store), small_store)

    allowed = loaded(replace(record, template_allowed=True), small_store)
    question = [[Message("user", "Who is Alice?")]]

    assert record.source == "path"
    assert record.has_template
    assert local.template is None
    assert (local.withheld, hub.withheld, allowed.withheld) == (True, False, False)
    for model in (hub, allowed):
        assert model.template is not None
        assert model.template.asked(question) == ["user: Who is Alice?\nassistant:"]


def test_a_template_in_the_settings_of_the_tokenizer_is_one_too(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings | {"chat_template": TEMPLATE})
    )
    model = loaded(prepared_from_hub(folder, small_store), small_store)
    assert model.template is not None

    assert model.template.asked([[Message("user", "Who?")]]) == ["user: Who?\nassistant:"]


def test_a_folder_without_a_template_has_none_that_is_withheld(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    record = prepared(glass_folder(), small_store)
    model = loaded(record, small_store)

    assert not record.has_template
    assert not model.withheld
    assert model.template is None


def test_a_template_is_part_of_the_fingerprint(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    plain, chatty = glass_folder(), glass_folder()
    (chatty / "chat_template.jinja").write_text(TEMPLATE)

    assert prepared(plain, small_store).fingerprint != prepared(chatty, small_store).fingerprint


@pytest.mark.slow
def test_smollm2_keeps_its_chat_template_and_its_stop_token(small_store: ArtifactStore) -> None:
    record = prepare_model("smollm2", store=small_store, roots=None, log=quiet)
    model = loaded(record, small_store)
    assert model.template is not None
    (prompt,) = model.template.asked([[Message("user", "Hello")]])

    talk = [Message("user", "Hello"), Message("assistant", "Hi there!")]
    (script,) = model.template.scripts([talk])
    (kept,) = (file.sha256 for file in record.files if file.name == "chat_template.jinja")
    with assembled(record.files, small_store) as folder:
        by_library = open_tokenizer(folder).apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in talk],
            chat_template=small_store.get(kept).decode(),
            tokenize=False,
        )

    assert prompt is not None
    assert prompt.endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
    assert script is not None
    assert script.text == by_library
    assert [stretch.text for stretch in script.stretches if stretch.scored] == ["Hi there!"]
    assert model.stops == (model.tokenize("<|im_end|>")[0],)
