"""The one place that calls `from_pretrained`: registered files in, a model out.

In memory as a whole, or with weights that come block by block (`streamed_model`).
"""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.device_map import device_map
from linearity.adapters.given_files import TEMPLATE
from linearity.adapters.safetensors_header import is_recomputed
from linearity.adapters.scratch import Scratch
from linearity.adapters.store import ArtifactStore
from linearity.adapters.token_texts import detokenizer, shower, token_text
from linearity.adapters.tokenizer_library import open_tokenizer
from linearity.adapters.weight_files import WeightFiles, move_buffers, parameters_without_numbers
from linearity.contracts.canonical import strict_loads
from linearity.contracts.families import family_of
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.model_files import GENERATION
from linearity.contracts.templates import may_render
from linearity.errors import InputChangedError, RejectedInputError
from linearity.models.architectures import register
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.streaming import StreamedStates

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PANIC = "PanicException"  # of the tokenizers library: no Exception, and not to be imported


def load_model(
    record: ModelRecord,
    store: ArtifactStore,
    *,
    device: str,
    dtype: str,
    attention: str,
    room: Mapping[str, int] | None = None,
) -> LoadedModel:
    """Load a registered model.

    `room` shares its blocks out over several devices, with the bytes that weights may take of
    each; `device` is then the first of them.

    Raises
    ------
    InputChangedError
        If a file is not the one that was registered.
    RejectedInputError
        If transformers would fill in weights of its own.
    """
    from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig

    family = family_of(record)
    register(record.family)
    with assembled(record.files, store) as folder:
        places = room and device_map(_empty_network(folder, dtype, attention), family, room)
        # What stands on top of an encoder is left out: it belongs to no state.
        made = AutoModel if family.is_encoder else AutoModelForCausalLM
        more = {"add_pooling_layer": False} if family.has_pooler else {}
        network, info = made.from_pretrained(
            folder,
            device_map=places,
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            # Ours, or the file's penalties and samplers would become defaults of every answer.
            **({} if family.is_encoder else {"generation_config": GenerationConfig()}),
            **more,
        )
        model = _with_tokenizer(network, folder, record, store, torch.device(device))
    _check_loaded(info, family.beside)
    network.eval()
    if places is None:
        network.to(device)
    return model


def streamed_model(
    record: ModelRecord, store: ArtifactStore, *, device: str, dtype: str, attention: str
) -> LoadedModel:
    """Open a registered model whose blocks come into memory one at a time.

    It gives states (`LoadedModel.source`), and nothing else: neither answers nor logits.

    Raises
    ------
    InputChangedError, RejectedInputError
        As `load_model`, also later, when a block is read.
    """
    place = torch.device(device)
    with assembled(record.files, store) as folder:
        network = _empty_network(folder, dtype, attention)
        model = _with_tokenizer(network, folder, record, store, place)
    move_buffers(network, place)
    family = model.layout.family
    weights = WeightFiles(
        network,
        record.files,
        lambda file: stored_path(file, store),
        base=family.decoder.partition(".")[0],
        device=place,
        stacks=family.stacks,
    )
    source = StreamedStates(network, model.layout, place, weights, Scratch(store.root))
    return replace(model, source=source)


def open_texts(
    record: ModelRecord, store: ArtifactStore
) -> tuple[Callable[[str], list[int]], Callable[[Sequence[int]], str]]:
    """Return a registered model's text to ids and ids to text; its weights are not read.

    Raises
    ------
    InputChangedError, RejectedInputError
    """
    with assembled(record.files, store) as folder:
        tokenizer = open_tokenizer(folder)
    return _tokenize(tokenizer, record.vocabulary), detokenizer(tokenizer)


def _empty_network(folder: Path, dtype: str, attention: str) -> "PreTrainedModel":
    """Return a network whose parameters have no numbers, and whose buffers do."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with parameters_without_numbers():
        network: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, dtype), attn_implementation=attention
        )
    return network.eval()


def wrapped(
    network: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    record: ModelRecord,
    *,
    template: SandboxedTemplate | None,
    stops: tuple[int, ...],
) -> LoadedModel:
    """Return a network and its tokenizer as studies use them, on the device where it lies."""
    family = family_of(record)
    first, last = _around(tokenizer) if family.is_encoder else (_automatic_bos(tokenizer), ())
    return LoadedModel(
        layout=find_layout(network, family),
        width=record.width,
        device=network.device,
        tokenize=_tokenize(tokenizer, record.vocabulary),
        bos=first,
        after=last,
        network=network,
        detokenize=detokenizer(tokenizer),
        show=shower(tokenizer),
        token_text=token_text(tokenizer),
        template=template,
        withheld=record.has_template and not may_render(record),
        stops=stops,
        special=_special(tokenizer),
    )


def _with_tokenizer(
    network: "PreTrainedModel",
    folder: Path,
    record: ModelRecord,
    store: ArtifactStore,
    device: torch.device,
) -> LoadedModel:
    tokenizer = open_tokenizer(folder)
    template = _template(tokenizer, record, store)
    stops = stop_tokens(folder, record.vocabulary)
    model = wrapped(network, tokenizer, record, template=template, stops=stops)
    return replace(model, device=device)


@contextlib.contextmanager
def assembled(files: tuple[StoredFile, ...], store: ArtifactStore) -> Iterator[Path]:
    """Offer a folder of links, under our own names, to exactly the registered bytes."""
    with tempfile.TemporaryDirectory(prefix="linearscope-") as name:
        folder = Path(name)
        # A chat template is a program, and not for the library: see `SandboxedTemplate`.
        for file in (file for file in files if file.name != TEMPLATE):
            (folder / file.name).symlink_to(stored_path(file, store).absolute())
        yield folder


def stored_path(file: StoredFile, store: ArtifactStore) -> Path:
    """Return where a registered file is.

    Raises
    ------
    InputChangedError
        If it is not the one that was registered.
    """
    return store.path(file.sha256) if file.path is None else _unchanged(file)


def stop_tokens(folder: Path, vocabulary: int) -> tuple[int, ...]:
    """Return the tokens that end an answer: those of the generation settings, else the config."""
    for name in (GENERATION, "config.json"):
        settings = strict_loads((folder / name).read_bytes()) if (folder / name).exists() else {}
        named = settings.get("eos_token_id") if isinstance(settings, dict) else None
        ids = named if isinstance(named, list) else [named]
        stops = tuple(token for token in ids if type(token) is int and 0 <= token < vocabulary)
        if stops:
            return stops
    return ()


def _unchanged(file: StoredFile) -> Path:
    assert file.path is not None
    path = Path(file.path)
    try:
        stat = path.stat()
    except OSError as error:
        raise InputChangedError(
            f"{file.name} of this model is gone",
            next_step="Put the file back, or register the model again.",
            file=file.name,
        ) from error
    if (stat.st_size, stat.st_mtime_ns) != (file.size, file.modified_ns):
        raise InputChangedError(
            f"{file.name} was changed after this model was registered",
            next_step="Register the model again; its results will stand apart.",
            file=file.name,
        )
    return path


def _check_loaded(info: dict[str, object], beside: tuple[str, ...]) -> None:
    unexpected = info.get("unexpected_keys")
    assert isinstance(unexpected, Collection)
    strange = [n for n in unexpected if not is_recomputed(n) and not n.startswith(beside)]
    told = info | {"unexpected_keys": strange}
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if told.get(key):
            raise RejectedInputError(
                f"loading reported {key}: {str(told[key])[:200]}",
                reason=key.replace("keys", "weights"),
                next_step="Export the whole checkpoint again.",
            )


def _tokenize(tokenizer: "PreTrainedTokenizerBase", vocabulary: int) -> Callable[[str], list[int]]:
    def tokenize(text: str) -> list[int]:
        try:
            ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            # An expression that met its limit on this text; the text itself is not repeated.
            raise RejectedInputError(
                f"the tokenizer of this model gave up on a text of {len(text):,} characters",
                reason="bad_tokenizer",
                next_step="Save the tokenizer again with save_pretrained, or leave the text out.",
            ) from None
        return _known_ids(ids, vocabulary)

    return tokenize


def _special(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(tokenizer.all_special_ids) | {id for id, token in added if token.special}


def _known_ids(ids: list[int], vocabulary: int) -> list[int]:
    # Registration lets unused tokens beyond the embedding pass: they do no harm.
    if max(ids, default=0) >= vocabulary:
        raise RejectedInputError(
            f"the tokenizer gives the id {max(ids)}, the model knows {vocabulary:,} ids",
            reason="tokenizer_mismatch",
            next_step="Put the tokenizer that belongs to this model into its folder.",
        )
    return ids


def _template(
    tokenizer: "PreTrainedTokenizerBase", record: ModelRecord, store: ArtifactStore
) -> SandboxedTemplate | None:
    if not may_render(record):
        return None
    kept = next((file for file in record.files if file.name == TEMPLATE), None)
    # The files of built-in models are used as they are, settings with a template included.
    template = tokenizer.chat_template if kept is None else store.get(kept.sha256).decode()
    if not isinstance(template, str):
        return None
    return SandboxedTemplate(record.name, template, tokenizer.special_tokens_map)


def _around(tokenizer: "PreTrainedTokenizerBase") -> tuple[int | None, tuple[int, ...]]:
    """Return what the tokenizer puts before every text, [CLS], and behind it, [SEP]."""
    alone = tokenizer("a", add_special_tokens=False)["input_ids"]
    ids = tokenizer("a", add_special_tokens=True)["input_ids"]
    places = [k for k in range(len(ids)) if ids[k : k + len(alone)] == alone]
    if not alone or not places or places[0] > 1:
        return None, ()
    return (ids[0] if places[0] else None), tuple(ids[places[0] + len(alone) :][:1])


def _automatic_bos(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """Return the BOS id if the tokenizer puts one before every text by itself."""
    ids = tokenizer("a", add_special_tokens=True)["input_ids"]
    bos: int | None = tokenizer.bos_token_id
    return bos if bos is not None and ids[0] == bos else None
