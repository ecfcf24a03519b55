"""A model and texts that are in memory already, measured as if they had been registered."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.documents import encode_documents
from linearity.adapters.execute import execute
from linearity.adapters.findings import Findings
from linearity.adapters.hugging_face import wrapped
from linearity.adapters.machine import memory_bytes
from linearity.adapters.model_config import ModelConfig, read_config
from linearity.adapters.placement import STREAMING, place
from linearity.adapters.readers.intake import describe
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json, sha256_hex
from linearity.contracts.estimate import settle_pairs
from linearity.contracts.families import family_named, is_parallel
from linearity.contracts.inputs import DatasetRecord, Document, Message, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import (
    InvalidParameterError,
    OutOfDeviceMemoryError,
    RejectedInputError,
    TooFewTokensError,
)
from linearity.models.loaded import LoadedModel
from linearity.ports import Progress

SOURCE = "memory"


@dataclass(frozen=True)
class ModelInMemory:
    """A model of transformers with its tokenizer, and what a run must know of it."""

    record: ModelRecord
    loaded: LoadedModel
    attention: str

    @classmethod
    def of(cls, network: Any, tokenizer: Any, *, allow_template: bool) -> "ModelInMemory":
        """Recognise a model by its configuration.

        Raises
        ------
        RejectedInputError
            If it is of no family that is read, or spread over several devices.
        """
        config = _config(network)
        family = config.family
        attention = str(getattr(network.config, "_attn_implementation", "") or "eager")
        if attention not in family_named(family).attentions:
            raise RejectedInputError(
                f"the attention implementation {attention} of this model is not used here",
                reason="unsupported_architecture",
                next_step="Load it with attn_implementation="
                + " or ".join(family_named(family).attentions),
            )
        record = _record(network, tokenizer, config, allow_template=allow_template)
        template = None
        if allow_template and isinstance(tokenizer.chat_template, str):
            special = tokenizer.special_tokens_map
            template = SandboxedTemplate(record.name, tokenizer.chat_template, special)
        stops = _stops(network, record.vocabulary)
        loaded = wrapped(network, tokenizer, record, template=template, stops=stops)
        return cls(record, loaded, attention)


def measure_in_memory(
    model: ModelInMemory,
    documents: Sequence[Document],
    *,
    kind: str,
    params: Mapping[str, Json],
    progress: Progress,
) -> dict[str, Json]:
    """Return the result of a kind on a model and texts in memory.

    Raises
    ------
    LinearScopeError
        As `execute`; OutOfDeviceMemoryError where a registered model would stream from its files.
    """
    if kind in ("export", "heal"):
        raise InvalidParameterError(
            "kind",
            wanted="a kind that only measures a model in memory",
            got=kind,
            next_step="Save the model with save_pretrained, and run it on its folder.",
        )
    device = str(model.loaded.device)
    given = {"dtype": model.record.dtype, "attention": model.attention, **params}
    for name in ("dtype", "attention"):
        own = {"dtype": model.record.dtype, "attention": model.attention}[name]
        if given[name] not in ("auto", own):
            raise InvalidParameterError(name, wanted=f"{own}, as it was loaded", got=given[name])
    with _stored(documents) as (store, dataset), _evaluating(model.loaded.network):
        asked = make_request(kind, given, model=model.record, dataset=dataset)
        memory = (
            int(torch.cuda.mem_get_info(device)[1]) if device.startswith("cuda") else memory_bytes()
        )
        request = settle_pairs(asked, model.record, memory_bytes=memory)
        if place(request, model.record, device=device, most=None).mode == STREAMING:
            raise OutOfDeviceMemoryError(
                f"the moments of this run do not fit into the memory of {device}",
                next_step="Use pairs='adjacent', or register the model and run it streaming.",
                device=device,
            )
        resident = Resident()
        resident.give(
            model.record, model.loaded, dtype=model.record.dtype, attention=model.attention
        )
        return execute(
            request,
            model=model.record,
            dataset=dataset,
            store=store,
            device=device,
            progress=progress,
            resident=resident,
        )


def as_documents(texts: Sequence[Any]) -> list[Document]:
    """Return texts, ``{"prompt", "response"}`` or ``{"messages"}`` as documents.

    Raises
    ------
    InvalidParameterError
        For the first that is none of them.
    """
    if isinstance(texts, str):
        texts = [texts]
    documents = [_document(item, number) for number, item in enumerate(texts)]
    if not any(document.text.strip() for document in documents):
        raise TooFewTokensError("there is no text", next_step="Give texts as a list of strings.")
    return [document for document in documents if document.text.strip()]


def _document(item: Any, number: int) -> Document:
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        return Document(item)
    try:
        category = item.get("category")
        if "messages" in item:
            messages = [Message(str(m["role"]), str(m["content"])) for m in item["messages"]]
            return Document.conversation(messages, category=category)
        if "prompt" in item:
            return Document.asked(item["prompt"], item.get("response"), category=category)
        return Document(item["text"], category)
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidParameterError(
            f"texts[{number}]",
            wanted="a text, {'prompt', 'response'} or {'messages': [{'role', 'content'}]}",
            got=type(item).__name__,
        ) from error


def _config(network: Any) -> ModelConfig:
    """Return what the model's configuration says, judged as ``config.json`` of a folder is."""
    own: Any = getattr(network, "config", None)
    if not isinstance(network, nn.Module) or not hasattr(own, "to_json_string"):
        raise InvalidParameterError(
            "model", wanted="a model of transformers", got=type(network).__name__
        )
    findings = Findings()
    config = read_config(json.loads(own.to_json_string(use_diff=False)), findings)
    findings.reject_if_any()
    assert config is not None
    whole = family_named(config.family).architecture
    if type(network).__name__ != whole:
        raise RejectedInputError(
            f"{type(network).__name__} is not a whole causal language model",
            reason="unsupported_architecture",
            next_step=f"Load it as a {whole}.",
        )
    if len({parameter.device for parameter in network.parameters()}) != 1:
        raise RejectedInputError(
            "the model is spread over several devices",
            reason="unsupported_architecture",
            next_step="Move it to one device.",
        )
    return config


def _record(
    network: Any, tokenizer: Any, config: ModelConfig, *, allow_template: bool
) -> ModelRecord:
    parameters = list(network.parameters())
    name = str(getattr(network.config, "_name_or_path", "") or type(network).__name__)
    return ModelRecord(
        id=SOURCE,
        # A folder's own name; where it lies is nobody's matter.
        name=Path(name).name if Path(name).is_absolute() or Path(name).exists() else name,
        source=SOURCE,
        reference=SOURCE,
        fingerprint=_fingerprint(network, tokenizer),
        family=config.family,
        blocks=config.blocks,
        width=config.width,
        vocabulary=config.vocabulary,
        context=config.context,
        parameters=sum(parameter.numel() for parameter in parameters),
        dtype=str(network.dtype).removeprefix("torch."),
        size=sum(parameter.numel() * parameter.element_size() for parameter in parameters),
        has_template=isinstance(getattr(tokenizer, "chat_template", None), str),
        template_allowed=allow_template,
        in_parallel=is_parallel(family_named(config.family), config.cleaned),
    )


def _fingerprint(network: nn.Module, tokenizer: Any) -> str:
    """Return the sha256 of every weight by name, and of the tokenizer.

    It is not that of the files the model may come from: transformers may have changed them.
    """
    hasher = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        data = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        hasher.update(memoryview(data.numpy()))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    hasher.update((backend.to_str() if backend is not None else repr(tokenizer)).encode())
    return hasher.hexdigest()


def _stops(network: Any, vocabulary: int) -> tuple[int, ...]:
    for settings in (getattr(network, "generation_config", None), network.config):
        named = getattr(settings, "eos_token_id", None)
        ids = named if isinstance(named, list) else [named]
        stops = tuple(token for token in ids if type(token) is int and 0 <= token < vocabulary)
        if stops:
            return stops
    return ()


@contextmanager
def _stored(documents: Sequence[Document]) -> Iterator[tuple[ArtifactStore, DatasetRecord]]:
    """Keep the texts where `execute` looks for them, as long as it runs."""
    data = encode_documents(list(documents))
    with tempfile.TemporaryDirectory(prefix="linearscope-") as folder:
        store = ArtifactStore(Path(folder))
        record = DatasetRecord(
            id=SOURCE,
            name=f"{len(documents):,} texts {sha256_hex(data)[:8]}",
            source=SOURCE,
            reference=SOURCE,
            fingerprint=store.put(data),
            size=len(data),
            **describe(list(documents)),
        )
        yield store, record


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Switch dropout off, and leave the model as it was."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
